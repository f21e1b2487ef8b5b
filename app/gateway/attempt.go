package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"carpool/backends"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// idleRace is how long after a request was written its connection may fail and
// still be taken for an idle one that the engine had closed before: the time in
// which a local engine's reset comes back, and well under that of any real work.
const idleRace = 100 * time.Millisecond

// attempt is what is seen of one request on its connection. The transport tells
// it on goroutines of its own.
type attempt struct {
	reused  atomic.Bool  // the connection had been idle
	heard   atomic.Bool  // a byte of an answer has come
	written atomic.Int64 // when the last byte was sent, in nanoseconds after start; 0 = it was not
	start   time.Time
}

func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			a.reused.Store(i.Reused)
			a.written.Store(0)
		},
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			if i.Err == nil {
				a.written.Store(max(1, int64(time.Since(a.start))))
			}
		},
		GotFirstResponseByte: func() { a.heard.Store(true) },
	}
}

// unheard reports whether the engine cannot have worked on a request that has
// just failed with err.
func (a *attempt) unheard(err error) bool {
	switch {
	case a.heard.Load() || isTimeout(err):
		return false
	case isDial(err):
		return true
	}
	written := a.written.Load()
	return a.reused.Load() && (written == 0 || time.Since(a.start)-time.Duration(written) < idleRace)
}

// roundTrip asks the engine, and asks once more if it cannot have heard: the
// connection could not be made, or an idle one had been closed. Never after a
// timeout.
func (c *call) roundTrip(r *http.Request) (*http.Response, error) {
	c.watch.wait()
	defer c.watch.rest()
	try := &attempt{start: time.Now()}
	c.try = try
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), try.trace()))
	engine := c.engine()
	res, err := c.onceLoaded(engine, r)
	if err == nil || c.ctx.Err() != nil || !try.unheard(err) {
		return res, err
	}
	again := r.Clone(r.Context())
	again.Body, _ = c.reader() // never fails
	return c.onceLoaded(engine, again)
}

// loadPoll is how often an engine that loads its model is asked again.
const loadPoll = time.Second

// onceLoaded asks the engine, and asks again while it says that it loads its
// model: llama-server has no line for those who come meanwhile. The limit of the
// first token ends it.
func (c *call) onceLoaded(engine http.RoundTripper, r *http.Request) (*http.Response, error) {
	for {
		res, err := engine.RoundTrip(r)
		if err == nil && !c.isForeign() {
			withErrors(c.target.Kind, res)
		}
		if err != nil || res.StatusCode != http.StatusServiceUnavailable || c.target.Kind != backends.KindLlamaCPP || !saysLoading(res) {
			return res, err
		}
		_ = res.Body.Close()
		select {
		case <-time.After(loadPoll):
		case <-c.ctx.Done():
			return nil, context.Cause(c.ctx)
		}
		r = r.Clone(r.Context())
		r.Body, _ = c.reader() // never fails
	}
}

// saysLoading looks whether an answer says so, and leaves it as it was.
func saysLoading(res *http.Response) bool {
	head := make([]byte, maxErrorText)
	n, _ := io.ReadFull(res.Body, head) // what it cannot read it does not say
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head[:n]), res.Body), res.Body}
	return bytes.Contains(head[:n], []byte("Loading model"))
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
