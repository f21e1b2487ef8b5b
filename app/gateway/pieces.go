package gateway

import (
	"io"
	"sync"
)

// pieces is a body that is taken piece by piece, each where it lies: who waits for the
// next one need not hold a buffer.
type pieces interface {
	io.Closer
	// Next waits for more of the body and returns it, to be looked at until the next
	// call of Next or Close. As with io.Reader an error may come with it, which is io.EOF
	// at the end. Next and Close are for one goroutine.
	Next() ([]byte, error)
}

// piecesOf takes any body by pieces. One that can only be read holds a buffer for as
// long as it lasts, a small one if that may be long.
func piecesOf(body io.ReadCloser, form framing) pieces {
	if p, ok := body.(pieces); ok {
		return p
	}
	b := &readPieces{ReadCloser: body, pool: &largeBuffers}
	if form != plain {
		b.pool = &smallBuffers
	}
	return b
}

// buffers lend pieces of memory of one size.
type buffers struct{ sync.Pool }

func buffersOf(size int) buffers {
	return buffers{sync.Pool{New: func() any { b := make([]byte, size); return &b }}}
}

func (b *buffers) take() *[]byte { return b.Get().(*[]byte) }

// A small buffer is as much as a connection of http.Transport reads at a time, and fits
// with the frame of a chunk into what net/http writes at a time.
var (
	largeBuffers = buffersOf(32 << 10)
	smallBuffers = buffersOf(4<<10 - 7)
)

// readPieces are those of a body that can only be read.
type readPieces struct {
	io.ReadCloser
	pool   *buffers
	buffer *[]byte // nil = there was no read yet, or the last one
}

// Next implements pieces.
func (r *readPieces) Next() ([]byte, error) {
	if r.buffer == nil {
		r.buffer = r.pool.take()
	}
	n, err := r.Read(*r.buffer)
	return (*r.buffer)[:n], err
}

// Close implements io.Closer.
func (r *readPieces) Close() error {
	if r.buffer != nil {
		r.pool.Put(r.buffer)
		r.buffer = nil
	}
	return r.ReadCloser.Close()
}

// readable is a body of pieces for those who read. It is for the one or the other.
type readable struct {
	pieces
	rest []byte
	err  error // with rest
}

// Read implements io.Reader.
func (r *readable) Read(p []byte) (n int, err error) {
	for len(r.rest) == 0 && r.err == nil {
		r.rest, r.err = r.Next()
	}
	n = copy(p, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) == 0 {
		err = r.err
	}
	return n, err
}

// Close implements io.Closer.
func (r *readable) Close() error {
	r.rest = nil // it lies in what Close gives back
	return r.pieces.Close()
}
