package backends

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// wire is one connection of a lean transport: one request after the other.
type wire struct {
	lean    *lean
	address string
	conn    net.Conn
	term    int       // of lean, when it was opened
	used    bool      // it has served a request before
	since   time.Time // when it became idle

	reader *bufio.Reader // nil while it is idle
	left   int64         // bytes that may still be read
}

// errHeaders is worded as by http.Transport.
var errHeaders = fmt.Errorf("server response headers exceeded %d bytes", maxHeaders)

// close may be called from any goroutine and more than once.
func (w *wire) close() { _ = w.conn.Close() }

// Read implements io.Reader, up to what is left.
func (w *wire) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, errHeaders
	}
	n, err := w.conn.Read(p[:min(int64(len(p)), w.left)])
	w.left -= int64(n)
	return n, err
}

// ask writes a request and reads the head of its answer.
func (w *wire) ask(r *http.Request) (*http.Response, error) {
	writeErr := w.write(r)
	w.reader, w.left = readers.Get().(*bufio.Reader), maxHeaders
	w.reader.Reset(w)
	res, err := w.head(r)
	if err != nil {
		w.letGo()
		if writeErr != nil { // else the engine has refused what it did not read
			err = writeErr
		}
		return nil, err
	}
	w.left = math.MaxInt64
	return res, nil
}

// write sends r, and closes its body.
func (w *wire) write(r *http.Request) error {
	out := writers.Get().(*bufio.Writer)
	defer func() {
		out.Reset(nil)
		writers.Put(out)
	}()
	out.Reset(w.conn)
	if err := r.Write(out); err != nil {
		return err
	}
	return out.Flush()
}

func (w *wire) head(r *http.Request) (*http.Response, error) {
	if _, err := w.reader.Peek(1); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	for { // 1xx answers come before the one that counts; maxHeaders bounds them all together
		res, err := http.ReadResponse(w.reader, r)
		if err != nil && w.left <= 0 { // it may call the half line at the bound malformed
			return nil, errHeaders
		}
		if err != nil || res.StatusCode == http.StatusSwitchingProtocols || res.StatusCode >= http.StatusOK || res.StatusCode < 100 {
			return res, err
		}
	}
}

// letGo gives the reader back. Nobody reads from it any more.
func (w *wire) letGo() {
	w.reader.Reset(nil)
	readers.Put(w.reader)
	w.reader = nil
}

// hand gives the answer's body the connection, to be kept or closed at its end. stop
// ends the watch over the request's context.
func (w *wire) hand(res *http.Response, stop func() bool) {
	b := &wireBody{src: res.Body, wire: w, stop: stop, ctx: res.Request.Context(),
		keeps: !res.Close && !res.Request.Close && res.StatusCode >= http.StatusOK}
	if res.Body == http.NoBody {
		b.end(true)
		return
	}
	res.Body = b
}

// wireBody is the body of an answer.
type wireBody struct {
	src   io.Reader
	wire  *wire
	stop  func() bool
	ctx   context.Context //nolint:containedctx // a body has no other way to hear what ended it
	keeps bool            // the connection can be used again after it
	ended atomic.Bool
}

// Read implements io.Reader.
func (b *wireBody) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.end(true)
	case b.ctx.Err() != nil:
		err = context.Cause(b.ctx)
	}
	return n, err
}

// Close implements io.Closer. Before the end of the answer it closes the connection.
func (b *wireBody) Close() error {
	b.end(false)
	return nil
}

// end is the end of the connection's work for this answer, if it is the first.
func (b *wireBody) end(whole bool) {
	if !b.ended.CompareAndSwap(false, true) {
		return
	}
	w := b.wire
	live := b.stop()
	if !whole {
		w.close() // someone may be reading still, so the reader is left to them
		return
	}
	quiet := w.reader.Buffered() == 0
	w.letGo()
	if !live || !quiet || !b.keeps {
		w.close()
		return
	}
	w.lean.keep(w)
}
