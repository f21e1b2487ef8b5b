package backends

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// wireBody is the body of an answer. Who reads it may close it at the same time; Next
// and Close are for one goroutine.
type wireBody struct {
	wire    *wire
	res     *http.Response // gets the trailer
	framing framing
	reader  *bufio.Reader   // of the head, with what came behind it; nil = nothing is left of that
	lent    *block          // in which the latest piece lies; nil = there is none
	err     error           // that all reads give from now on; nil = the body goes on
	ctx     context.Context //nolint:containedctx // a body has no other way to hear what ended it
	stop    func() bool     // watching ctx
	keeps   bool            // the connection can be used again after it
	over    bool            // Next has given all of it
	ended   atomic.Bool
}

// hand gives an answer's body the connection, to be kept or closed at its end, and the
// reader of the head. stop ends the watch over the request's context.
func hand(w *wire, res *http.Response, reader *bufio.Reader, stop func() bool) {
	b := &wireBody{wire: w, res: res, reader: reader, framing: framingOf(res), stop: stop, ctx: res.Request.Context(),
		keeps: !res.Close && !res.Request.Close && res.StatusCode >= http.StatusOK}
	empty := reader.Buffered() == 0
	if empty || res.Body == http.NoBody {
		letGo(reader)
		b.reader = nil
	}
	if res.Body == http.NoBody {
		b.framing.more = !empty
		b.end(true)
		return
	}
	res.Body = b
}

// Next waits for more of the body and returns it where it lies, to be looked at until
// the next call of Next or Close. As with Read, an error may come with it.
func (b *wireBody) Next() ([]byte, error) {
	for {
		b.giveBack()
		if b.err != nil {
			return nil, b.err
		}
		came, err := b.come()
		if body := b.take(came, err); len(body) > 0 || b.err != nil {
			b.over = errors.Is(b.err, io.EOF) // Close sees to the connection: the last piece does not wait for that
			return body, b.err
		}
	}
}

// come waits for what comes next, in a block if it is anything.
func (b *wireBody) come() (p []byte, err error) {
	var n int
	if b.reader != nil {
		b.lent = takeBlock(waitSize) // as large as the reader
		n, err = b.readHead(b.lent.bytes)
		b.lent = b.lent.holding(n)
	} else {
		b.lent, n, err = b.wire.in.next()
	}
	if n == 0 {
		return nil, err
	}
	return b.lent.bytes[:n], err
}

// readHead reads what came with the head.
func (b *wireBody) readHead(p []byte) (n int, err error) {
	n, err = b.reader.Read(p[:min(len(p), b.reader.Buffered())])
	if b.reader.Buffered() == 0 {
		letGo(b.reader)
		b.reader = nil
	}
	return n, err
}

// giveBack gives back what the latest piece lies in.
func (b *wireBody) giveBack() {
	if b.lent != nil {
		b.lent.giveBack()
		b.lent = nil
	}
}

// Read implements io.Reader.
func (b *wireBody) Read(p []byte) (n int, err error) {
	for b.err == nil && n == 0 && len(p) > 0 {
		if b.reader != nil {
			n, err = b.readHead(p)
		} else {
			n, err = b.wire.conn.Read(p)
		}
		n = copy(p, b.take(p[:n], err))
	}
	if errors.Is(b.err, io.EOF) {
		b.end(true)
	}
	return n, b.err
}

// take takes the body out of what came, with the error that came with it.
func (b *wireBody) take(p []byte, err error) []byte {
	body, end := b.framing.take(p)
	if end == nil && err != nil {
		if end = err; errors.Is(err, io.EOF) {
			end = b.framing.cut()
		}
	}
	switch b.err = end; {
	case end == nil:
	case errors.Is(end, io.EOF):
		b.res.Trailer = merged(b.res.Trailer, b.framing.trailer)
	case b.ctx.Err() != nil:
		b.err = context.Cause(b.ctx)
	}
	return body
}

// merged adds the fields that came behind a body to those that were announced.
func merged(announced, came http.Header) http.Header {
	if announced == nil {
		return came
	}
	for name, values := range came {
		announced[name] = values
	}
	return announced
}

// Close implements io.Closer. Before the end of the answer it closes the connection;
// after that it gives the connection back, if Read has not.
func (b *wireBody) Close() error {
	b.end(b.over)
	b.giveBack()
	return nil
}

// end is the end of the connection's work for this answer, if it is the first.
func (b *wireBody) end(whole bool) {
	if !b.ended.CompareAndSwap(false, true) {
		return
	}
	w := b.wire
	live := b.stop()
	switch {
	case !whole: // someone may be reading still, so a reader is left to them
		w.close()
	case !live || !b.keeps || b.framing.more || b.reader != nil: // bytes behind the end are nobody's answer
		w.close()
	default:
		w.lean.keep(w)
	}
}
