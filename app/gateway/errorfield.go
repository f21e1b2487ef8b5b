package gateway

import (
	"io"
	"net/http"

	"carpool/backends"
)

// errorField is a stream of llama-server's. Versions until 2025 fail in it by a
// field of their own, `error: {…}`, and end it as if all was well: clients read
// neither, and take the answer for whole. Here it is the error that they look for.
// All other bytes stay as they are.
type errorField struct {
	src    io.ReadCloser
	out    []byte
	err    error // what Read returns once out is empty; nil = go on
	same   int   // bytes of the line that are those of the field, and wait; -1 = it is another
	inside bool  // of such a field
}

const (
	oddField = "error:"
	goodOpen = `data: {"error":`
	goodEnd  = "}"
)

// withErrors lets clients see the errors in a stream of an engine that may hide
// them. Where a length is announced there is no room for them.
func withErrors(k backends.Kind, res *http.Response) {
	if form, _ := framingOf(res.Header.Get("Content-Type")); form != sse || res.ContentLength >= 0 {
		return
	}
	switch k {
	case backends.KindLlamaCPP:
		res.Body = &errorField{src: res.Body}
	case backends.KindKoboldCPP:
		res.Body = &errorReason{src: res.Body}
	}
}

// Read implements io.Reader.
func (e *errorField) Read(p []byte) (int, error) {
	for len(e.out) == 0 && e.err == nil {
		n, err := e.src.Read(p)
		e.out, e.err = e.out[:0], err
		for _, b := range p[:n] {
			e.take(b)
		}
		if err != nil {
			e.yield()
		}
	}
	n := copy(p, e.out)
	if e.out = e.out[n:]; len(e.out) > 0 {
		return n, nil
	}
	return n, e.err // with the last bytes, as the engine's own: who reads on looks at both
}

// Close implements io.Closer.
func (e *errorField) Close() error { return e.src.Close() }

func (e *errorField) take(b byte) {
	switch {
	case e.inside:
		if b == '\n' {
			e.out = append(e.out, goodEnd...)
			e.inside, e.same = false, 0
		}
	case e.same >= 0 && b == oddField[e.same]:
		if e.same++; e.same == len(oddField) {
			e.out = append(e.out, goodOpen...)
			e.inside, e.same = true, -1
		}
		return
	default:
		e.yield()
		if e.same = -1; b == '\n' {
			e.same = 0
		}
	}
	e.out = append(e.out, b)
}

// yield gives out what waited.
func (e *errorField) yield() {
	e.out = append(e.out, oddField[:max(e.same, 0)]...)
	e.same = -1
}
