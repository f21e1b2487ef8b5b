package gateway

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// client is the way back to who asked. It adds the headers that every answer
// carries, bounds each write, and remembers what was sent.
type client struct {
	http.ResponseWriter
	control *http.ResponseController
	id      string
	slow    time.Duration // longest time for one write, give or take slack, or to send a body
	head    http.Header   // put on the answer, over the engine's
	unread  bool          // the body of a request which is the last on its connection has not been read to its end
	status  int           // sent; 0 = nothing yet
	written int64         // bytes of body
	bounded time.Time     // when writes last got a deadline; zero = they have none

	holds holder // nil = each write goes out by itself

	mu  sync.Mutex
	err error // of the first write or flush that failed; ReverseProxy flushes on a timer's goroutine too
}

// holder is a connection that can put several writes into one.
type holder interface {
	Hold()       // holds back what is written from now on
	Send() error // writes that, and what comes then at once again
}

type holderKey struct{}

// serverBuffer is what net/http writes at a time, in bytes, less the frame of a chunk.
const serverBuffer = 4<<10 - 7

// holdPieces has each piece of an answer go out in one write. Who asks for it flushes
// every piece.
func (c *client) holdPieces(r *http.Request) {
	c.holds, _ = r.Context().Value(holderKey{}).(holder)
}

// holdNothing lets out what a write that failed has left behind.
func (c *client) holdNothing() {
	if c.holds != nil {
		_ = c.holds.Send()
		c.holds = nil
	}
}

func newClient(w http.ResponseWriter, id string, slow time.Duration) *client {
	return &client{ResponseWriter: w, control: http.NewResponseController(w), id: id, slow: slow,
		head: http.Header{"X-Request-Id": {id}}}
}

// WriteHeader implements http.ResponseWriter. An engine's 1xx is not passed on:
// ReverseProxy would then wipe the headers already set.
func (c *client) WriteHeader(status int) {
	if status < 200 || c.status != 0 {
		return
	}
	h := c.Header()
	for k, v := range c.head {
		if k == "Vary" {
			v = append(h[k], v...) // the engine's answer may vary with more
		}
		h[k] = v
	}
	c.status = status
	c.bound()
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *client) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	c.bound()
	if c.holds != nil && len(p) > serverBuffer {
		c.holds.Hold()
	}
	n, err := c.ResponseWriter.Write(p) //nolint:gosec // answers pass as they are, with the type that the engine gave them
	c.written += int64(n)
	c.fail(err)
	return n, err
}

// FlushError sends what is buffered; http.ResponseController looks for it.
func (c *client) FlushError() error {
	err := c.control.Flush()
	if c.holds != nil && err == nil {
		err = c.holds.Send()
	}
	c.fail(err)
	return err
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (c *client) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.err == nil {
		c.err = err
	}
}

// failure is the first error of a write or flush, nil while all went well.
func (c *client) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// slack is the part of a write's time by which its deadline may be later. A deadline
// is a timer of the runtime's: it is not set anew for each token.
const slack = 8

// bound gives the next write its deadline: slow from now, at most a slack later. A
// writer without deadlines, as in tests, has no slow client either.
func (c *client) bound() {
	now, late := time.Now(), c.slow/slack
	if !c.bounded.IsZero() && now.Sub(c.bounded) < late {
		return
	}
	c.bounded = now
	_ = c.control.SetWriteDeadline(now.Add(c.slow + late))
}

// finish lifts the deadline, which would outlive the request on its connection.
func (c *client) finish() {
	c.holdNothing()
	c.bounded = time.Time{}
	_ = c.control.SetWriteDeadline(time.Time{})
}

// linger has the connection closed after the answer, and the server wait for a moment
// before: a body that nobody reads would reset the connection, and take the answer
// from the client. net/http offers that by no other way than the limit of a body.
func (c *client) linger() {
	over := io.NopCloser(strings.NewReader("more than nothing"))
	_, _ = http.MaxBytesReader(c.ResponseWriter, over, 0).Read(make([]byte, 1))
}

// requestID is the client's own X-Request-Id if it is a plain word, else a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > 128 {
		return uuid.NewString()
	}
	for i := range len(id) {
		b := id[i]
		safe := b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' ||
			b == '-' || b == '_' || b == '.' || b == ':'
		if !safe {
			return uuid.NewString()
		}
	}
	return id
}
