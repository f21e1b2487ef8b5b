package gateway

import "bytes"

// errorReason is a stream of KoboldCpp's. Under /v1 a failure is only the reason of
// the last chunk, `"finish_reason": "error"`, with [DONE] behind it: clients take the
// answer for whole. Here the error that they look for follows that chunk. All other
// bytes stay as they are, and so do the streams of its own dialect.
type errorReason struct {
	src    pieces
	out    []byte
	line   []byte // that comes in, as far as it is short
	failed bool   // the error follows at the end of the event
}

// longestEnd bounds a chunk that may say so, in bytes: it has no text.
const longestEnd = 4 << 10

// reasonError is what clients of the OpenAI dialect look for.
var reasonError = []byte("data: " + `{"error":{"message":"the engine could not go on","type":"api_error","param":null,"code":"backend_error"}}` + "\n\n")

// Next implements pieces.
func (e *errorReason) Next() ([]byte, error) {
	piece, err := e.src.Next()
	e.out = e.out[:0]
	for _, b := range piece {
		e.take(b)
	}
	return e.out, err
}

// Close implements io.Closer.
func (e *errorReason) Close() error { return e.src.Close() }

func (e *errorReason) take(b byte) {
	e.out = append(e.out, b)
	if b != '\n' {
		if len(e.line) <= longestEnd {
			e.line = append(e.line, b)
		}
		return
	}
	switch {
	case len(e.line) == 0 && e.failed:
		e.out = append(e.out, reasonError...)
		e.failed = false
	case saysFailed(e.line):
		e.failed = true
	}
	e.line = e.line[:0]
}

// saysFailed looks for the reason in a chunk. A quote inside a JSON string is
// escaped, so that no text can be taken for it.
func saysFailed(line []byte) bool {
	return len(line) <= longestEnd && bytes.Contains(line, []byte(`"choices":`)) &&
		(bytes.Contains(line, []byte(`"finish_reason": "error"`)) || bytes.Contains(line, []byte(`"finish_reason":"error"`)))
}
