package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const (
	// maxBodies bounds all bodies held at one time, in bytes.
	maxBodies = 512 << 20
	// slowBody is how long a client may take to send one.
	slowBody = 30 * time.Second
	// firstRead is what is set aside for a body of unknown size.
	firstRead = 16 << 10
)

// budget counts the bytes of request bodies in memory.
type budget struct {
	most int64
	used atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.most {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// readBody reads a request's body whole, up to most bytes. A disconnect is only
// seen after that, so nothing is queued before. The caller gives back to the
// budget what held says, also after a fault.
func readBody(c *client, r *http.Request, b *budget, most int64, slow time.Duration) (body []byte, held int64, f *fault) {
	tooLarge := newFault(requestTooLarge, "the request body is too large (gateway.max_body_mib)")
	if r.ContentLength > most {
		return nil, 0, tooLarge
	}
	_ = c.control.SetReadDeadline(time.Now().Add(slow)) // not every writer of a test has deadlines
	defer func() { _ = c.control.SetReadDeadline(time.Time{}) }()

	size := int64(firstRead)
	if r.ContentLength >= 0 {
		size = min(r.ContentLength+1, 1<<20)
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
				return body, held, nil
			}
			if err != nil {
				return nil, held, faultOfBody(err)
			}
		}
		size = min(2*size, most+1)
	}
}

func faultOfBody(err error) *fault {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return newFault(requestTimeout, "the request body took too long to arrive")
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
