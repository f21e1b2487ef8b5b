package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"

	"carpool/app/gateway/translate"
)

// passRefusal passes an engine's own error on as it is, and notes its kind.
func (c *call) passRefusal(res *http.Response) (pieces, error) {
	head := make([]byte, maxErrorText)
	c.watch.wait()
	n, err := io.ReadFull(res.Body, head)
	c.watch.rest()
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	c.fault = c.blame(newFault(kindOfEngine(res.StatusCode, string(head[:n])), "the engine's own error"))
	if res.StatusCode >= http.StatusInternalServerError { // a refusal may quote the client
		c.hearEnd(string(head[:n]))
	}
	if rules[c.fault.kind].hopeless {
		res.Header.Set("X-Should-Retry", "false")
	}
	if err != nil && !c.dialect.reads(head[:n]) {
		head = translate.Refusal(refusalRoutes[c.dialect], res.StatusCode, head[:n])
		n = len(head)
		res.ContentLength = int64(n)
		res.Header.Set("Content-Length", strconv.Itoa(n))
		res.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	c.watch.tokens(c.policy.Stall) // it comes in one go
	c.publish(res, plain)
	c.keep(head[:n])
	return piecesOf(struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head[:n]), &refusal{c, watched{res.Body, c.watch}}), res.Body}, plain), nil
}

// watched reads from an engine with the watchdog beside.
type watched struct {
	src   io.Reader
	watch *watchdog
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	w.watch.wait()
	defer w.watch.rest()
	return w.src.Read(p)
}

// refusal is the rest of an engine's own error.
type refusal struct {
	*call
	watched
}

// Read implements io.Reader.
func (r *refusal) Read(p []byte) (int, error) {
	n, err := r.watched.Read(p)
	r.keep(p[:n])
	if errors.Is(err, io.EOF) {
		r.ending = proper
	}
	return n, err
}
