package gateway

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// exchange asks the engine and passes its answer on. It is what httputil.ReverseProxy
// does, but for streams: it holds no buffer while the engine is silent, and writes as
// much at a time as has come.
func (c *call) exchange() {
	c.watch = newWatchdog(c.firstTokenLimit(), func(cause error) { c.cancel(cause) })
	defer c.watch.stop()
	defer c.runners.enter(c)()
	res, body, err := c.inquire()
	if err != nil {
		if f := c.explain(err); !c.movesFrom(f) {
			c.fail(f)
		}
		return
	}
	c.passOn(res, body)
}

// inquire asks the engine for an answer that is fit to be passed on.
func (c *call) inquire() (*http.Response, pieces, error) {
	res, err := c.roundTrip(c.outgoing())
	if err != nil {
		return nil, nil, err
	}
	dropHopByHop(res.Header)
	body, err := c.judge(res)
	if err != nil {
		_ = res.Body.Close()
		return nil, nil, err
	}
	res.Body, res.Request = nil, nil // an answer may take minutes
	return res, body, nil
}

// sink is where an answer goes.
type sink interface {
	http.ResponseWriter
	FlushError() error
}

// passOn writes an answer. One that breaks off is not ended: its client could take it
// for whole.
func (c *call) passOn(res *http.Response, body pieces) {
	to, announced := c.writer(), len(res.Trailer)
	addHeader(to.Header(), res.Header)
	announce(to.Header(), res.Trailer)
	to.WriteHeader(res.StatusCode)
	// Of an answer in one piece, of a length that was told, nothing is early.
	early := res.ContentLength < 0 || c.tap == nil || c.tap.form != plain
	if early && c.leader == nil {
		c.client.holdPieces(c.in)
	}
	err := relay(to, body, early)
	_ = body.Close()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if len(res.Trailer) > 0 {
		_ = to.FlushError() // so that the answer is chunked: else it has no place for them
		addTrailer(to.Header(), res.Trailer, announced)
	}
}

// announce tells of the fields that will come behind an answer.
func announce(h, trailer http.Header) {
	if len(trailer) > 0 {
		h["Trailer"] = []string{strings.Join(slices.Sorted(maps.Keys(trailer)), ", ")}
	}
}

// addTrailer adds the fields behind an answer, of which so many were announced.
func addTrailer(to, trailer http.Header, announced int) {
	if len(trailer) == announced {
		addHeader(to, trailer)
		return
	}
	for name, values := range trailer {
		to[http.TrailerPrefix+name] = values
	}
}

// addHeader adds fields to a header.
func addHeader(to, from http.Header) {
	for name, values := range from {
		if len(to[name]) > 0 {
			values = slices.Concat(to[name], values)
		}
		to[name] = values
	}
}

// relay writes a body as it comes, and sends each piece at once where early says so. It
// fails where either side does.
func relay(to sink, body pieces, early bool) error {
	for sent := false; ; sent = true {
		piece, err := body.Next()
		if len(piece) > 0 {
			if _, err := to.Write(piece); err != nil {
				return err
			}
		}
		if early && (len(piece) > 0 || !sent) { // a head without a body, too: it is that of a stream
			if err := to.FlushError(); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
