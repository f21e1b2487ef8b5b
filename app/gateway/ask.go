package gateway

import (
	"context"
	"io"
	"net/http"
)

// whole is an engine's answer, read to its end.
type whole struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a body in the place of c's own, and reads the answer whole. It ends
// when the engine is silent for too long or ctx ends.
func (c *call) ask(ctx context.Context, cancel context.CancelCauseFunc, body []byte) (*whole, error) {
	ask := &call{Gateway: c.Gateway, policy: c.policy, in: c.in, ctx: ctx, cancel: cancel, target: c.target, route: c.route, body: body}
	ask.watch = newWatchdog(ask.firstTokenLimit(), func(cause error) { cancel(cause) })
	defer ask.watch.stop()
	src, _ := ask.reader() // never fails
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.target.Base.JoinPath(c.in.URL.Path).String(), src)
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // else net/http has retries of its own
	req.ContentLength = int64(len(body))
	req.Header = tellingHeaders(c.in.Header)
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "carpool")
	res, err := ask.roundTrip(req)
	if err != nil {
		return nil, causeOr(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	ask.watch.tokens(c.policy.Stall) // it comes in one go
	answer, err := io.ReadAll(io.LimitReader(&watched{res.Body, ask.watch}, maxVectors+1))
	if err != nil {
		return nil, causeOr(ctx, err)
	}
	if len(answer) > maxVectors {
		return nil, newFault(backendBadResponse, "the engine's answer is too large")
	}
	cleanHeaders(res.Header)
	for _, name := range []string{"Content-Length", "Connection", "Keep-Alive", "Transfer-Encoding", "Trailer"} {
		res.Header.Del(name)
	}
	return &whole{res.StatusCode, res.Header, answer}, nil
}

// causeOr is why ctx ended, else err.
func causeOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
