package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// firstRead is what is set aside for a body of unknown size.
const firstRead = 16 << 10

const tooSlow = "the request body took too long to arrive"

// budget counts the bytes of request bodies in memory.
type budget struct {
	most atomic.Int64
	used atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.most.Load() {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// readBody reads a request's body whole, up to most bytes. A disconnect is only
// seen after that, so nothing is queued before. The caller gives back to the
// budget what held says, also after a fault.
func readBody(c *client, r *http.Request, b *budget, most int64) (body []byte, held int64, f *fault) {
	tooLarge := newFault(requestTooLarge, "the request body is too large (gateway.max_body_mib)")
	if r.ContentLength > most {
		return nil, 0, tooLarge
	}
	_ = c.control.SetReadDeadline(time.Now().Add(c.slow)) // not every writer of a test has deadlines

	size, last := int64(firstRead), most+1
	if r.ContentLength >= 0 {
		last = r.ContentLength + 1 // one more, to see the end without growing
		size = min(last, 1<<20)
	}
	for {
		// A lying Content-Length holds only what was really sent, doubled.
		if !b.take(size) {
			return nil, held, newFault(queueFull, "too many request bodies are waiting, try again later")
		}
		grown := make([]byte, len(body), size)
		copy(grown, body)
		body = grown
		b.give(held)
		held = size
		for len(body) < cap(body) {
			n, err := r.Body.Read(body[len(body):cap(body)])
			body = body[:len(body)+n]
			if int64(len(body)) > most {
				return nil, held, tooLarge
			}
			if err == io.EOF {
				c.bodyCame()
				_ = r.Body.Close() // else net/http looks for more of it when we answer
				return body, held, nil
			}
			if err != nil {
				return nil, held, faultOfBody(err)
			}
		}
		size = min(2*size, last)
	}
}

// upload is a body that streams through, of any size. What is bounded is the time in
// which its client sends nothing: it holds a connection to the engine, too.
type upload struct {
	io.ReadCloser
	*call
	due atomic.Int64 // nanoseconds after the call's arrival by which more has to come; 0 = nobody waits for it
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	u.due.Store(int64(time.Since(u.arrived) + u.client.slow))
	_ = u.client.control.SetReadDeadline(time.Now().Add(u.client.slow))
	n, err := u.ReadCloser.Read(p)
	if err == nil || err == io.EOF {
		u.due.Store(0)
	}
	if err == io.EOF {
		_ = u.client.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// late reports whether the client kept us waiting for too long. net/http ends the
// request's context then, as if the client had left.
func (u *upload) late() bool {
	due := u.due.Load()
	return due > 0 && int64(time.Since(u.arrived)) >= due
}

// bodyCame lifts the deadline of a body. One that failed keeps it: net/http may want to
// read the rest once we have answered, and would wait for that without end.
func (c *client) bodyCame() {
	c.unread = false
	_ = c.control.SetReadDeadline(time.Time{})
}

func faultOfBody(err error) *fault {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return newFault(requestTimeout, tooSlow)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return newFault(invalidRequest, "the request body ended early")
	}
	return newFault(invalidRequest, "the request body could not be read")
}

// hasBody reports whether an engine may look for a body with this method. What
// follows a request that it takes for ended is another request to it, so no other
// method's body is passed on.
func hasBody(method string) bool {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	}
	return false
}

// withoutBody is a request as if it had come without its body.
func withoutBody(r *http.Request) *http.Request {
	r = r.WithContext(r.Context()) // a copy
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
	return r
}

// reader is the body for the engine, fresh for each try.
func (c *call) reader() (io.ReadCloser, error) { return c.send(c.body), nil }

func (c *call) send(body []byte) io.ReadCloser {
	c.sending = bytes.NewReader(body)
	return io.NopCloser(c.sending)
}

// sent lets the body go, once the engine has it and answers: nobody will ask again, and
// an answer may take minutes.
func (c *call) sent() {
	if c.try == nil || c.try.written.Load() == 0 {
		return // it may still be read from
	}
	c.sending.Reset(nil)
	c.dropBody()
}

// dropBody gives back what the body takes of the memory. It may be called again.
func (c *call) dropBody() {
	c.memory.give(c.held)
	c.body, c.held = nil, 0
}
