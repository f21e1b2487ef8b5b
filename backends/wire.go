package backends

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"
)

// wire is one connection of a lean transport: one request after the other.
type wire struct {
	lean    *lean
	address string
	conn    net.Conn
	in      *inlet    // of conn
	term    int       // of lean, when it was opened
	used    bool      // it has served a request before
	since   time.Time // when it became idle
	left    int64     // bytes that may still be read of an answer's head
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

// ask writes a request and reads the head of its answer. The reader may hold what
// came behind it, and is the caller's to let go.
func (w *wire) ask(r *http.Request) (*http.Response, *bufio.Reader, error) {
	writeErr := w.write(r)
	w.left = maxHeaders
	reader := readers.Get().(*bufio.Reader)
	reader.Reset(w)
	res, err := w.head(reader, r)
	if err != nil {
		letGo(reader)
		if writeErr != nil { // else the engine has refused what it did not read
			err = writeErr
		}
		return nil, nil, err
	}
	return res, reader, nil
}

// letGo gives a reader back. Nobody looks into it any more.
func letGo(r *bufio.Reader) {
	r.Reset(nil)
	readers.Put(r)
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

func (w *wire) head(reader *bufio.Reader, r *http.Request) (*http.Response, error) {
	if _, err := reader.Peek(1); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	for { // 1xx answers come before the one that counts; maxHeaders bounds them all together
		res, err := http.ReadResponse(reader, r)
		if err != nil && w.left <= 0 { // it may call the half line at the bound malformed
			return nil, errHeaders
		}
		if err != nil || res.StatusCode == http.StatusSwitchingProtocols || res.StatusCode >= http.StatusOK || res.StatusCode < 100 {
			return res, err
		}
	}
}
