package gateway

import (
	"bytes"
	"net/http"

	"carpool/backends"
)

// errorField is a stream of llama-server's. Versions until 2025 fail in it by a
// field of their own, `error: {…}`, and end it as if all was well: clients read
// neither, and take the answer for whole. Here it is the error that they look for.
// All other bytes stay as they are.
type errorField struct {
	src    pieces
	out    []byte
	same   int  // bytes of the line that are those of the field, and wait; -1 = it is another
	inside bool // of such a field
}

const (
	oddField = "error:"
	goodOpen = `data: {"error":`
	goodEnd  = "}"
)

// withErrors lets clients see the errors in a stream of an engine that may hide
// them. Where a length is announced there is no room for them.
func withErrors(k backends.Kind, res *http.Response) {
	form, _ := framingOf(res.Header.Get("Content-Type"))
	if form != sse || res.ContentLength >= 0 {
		return
	}
	switch k {
	case backends.KindLlamaCPP:
		res.Body = &readable{pieces: &errorField{src: piecesOf(res.Body, form)}}
	case backends.KindKoboldCPP:
		res.Body = &readable{pieces: &errorReason{src: piecesOf(res.Body, form)}}
	}
}

// Next implements pieces.
func (e *errorField) Next() ([]byte, error) {
	piece, err := e.src.Next()
	if err == nil && e.passes(piece) {
		return piece, nil
	}
	e.out = e.out[:0]
	for _, b := range piece {
		e.take(b)
	}
	if err != nil {
		e.yield()
	}
	return e.out, err
}

// passes reports whether a piece goes on as it is: no line of it begins as the field
// does, and no other is at hand.
func (e *errorField) passes(piece []byte) bool {
	if e.inside || e.same > 0 || len(piece) == 0 || e.same == 0 && piece[0] == oddField[0] || bytes.Contains(piece, []byte("\n"+oddField[:1])) {
		return false
	}
	if e.same = -1; piece[len(piece)-1] == '\n' {
		e.same = 0
	}
	return true
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
