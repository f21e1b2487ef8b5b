package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
)

// Trace is where a request stands in a distributed trace, by W3C Trace Context. The
// zero value is a request that is not traced.
type Trace struct {
	ID     [16]byte // all zero = not traced
	Parent [8]byte  // the client's span; all zero = the trace begins here
	Span   [8]byte  // of the request
	Engine [8]byte  // of the engine's work on it
}

// On reports whether the request is traced.
func (t Trace) On() bool { return t.ID != [16]byte{} }

const (
	traceHeader = "Traceparent"
	sampledFlag = 1
)

// newTrace goes on with the client's trace, or begins one. A client that says that
// its trace is not recorded is taken at its word: then there is none.
func newTrace(h http.Header) (t Trace) {
	id, parent, sampled, ok := parseTrace(h[traceHeader])
	switch {
	case ok && !sampled:
		return Trace{}
	case ok:
		t.ID, t.Parent = id, parent
	default:
		binary.BigEndian.PutUint64(t.ID[:8], rand.Uint64())
		binary.BigEndian.PutUint64(t.ID[8:], rand.Uint64()|1) // never all zero
	}
	binary.BigEndian.PutUint64(t.Span[:], rand.Uint64()|1)
	binary.BigEndian.PutUint64(t.Engine[:], rand.Uint64()|1)
	return t
}

// parseTrace reads "00-<32 hex digits>-<16 hex digits>-<2 hex digits>". Later versions
// may say more behind that.
func parseTrace(values []string) (id [16]byte, parent [8]byte, sampled, ok bool) {
	const least = len("00-") + 2*len(id) + len("-") + 2*len(parent) + len("-01")
	if len(values) != 1 || len(values[0]) < least || strings.ToLower(values[0]) != values[0] {
		return id, parent, false, false
	}
	v := values[0]
	var version, flags [1]byte
	for _, part := range []struct {
		into     []byte
		from, to int
	}{{version[:], 0, 2}, {id[:], 3, 35}, {parent[:], 36, 52}, {flags[:], 53, 55}} {
		if _, err := hex.Decode(part.into, []byte(v[part.from:part.to])); err != nil {
			return id, parent, false, false
		}
	}
	switch {
	case v[2] != '-' || v[35] != '-' || v[52] != '-' || version[0] == 0xff,
		version[0] == 0 && len(v) > least, len(v) > least && v[least] != '-',
		id == [16]byte{} || parent == [8]byte{}:
		return id, parent, false, false
	}
	return id, parent, flags[0]&sampledFlag != 0, true
}

// mark tells an engine of the trace. What the client said of it passes as it is where
// there is none of ours.
func (t Trace) mark(h http.Header) {
	if t.On() {
		h.Set(traceHeader, "00-"+hex.EncodeToString(t.ID[:])+"-"+hex.EncodeToString(t.Engine[:])+"-01")
	}
}
