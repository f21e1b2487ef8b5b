package gateway

import "bytes"

// pattern is the last event of a stream that brought nothing but text. Most of those
// behind it differ from it in that text, and in the time at which the engine wrote it:
// they say the same, and are told by comparing, in a fraction of the time that reading
// them takes. The zero value fits nothing.
type pattern struct {
	event  []byte
	holes  []hole // in order
	tokens int    // pieces of text in it
}

// hole is the inside of a string in an event that may be another one.
type hole struct {
	from, to int
	text     bool // generated, so that it is none where it is empty
}

const (
	maxPattern = 4 << 10 // bytes of an event that are kept
	maxHoles   = 4
)

// learn keeps an event that said e and has these holes, if nothing but the text in
// them was told.
func (p *pattern) learn(text []byte, holes []hole, e event) {
	p.tokens = 0
	if len(text) > maxPattern || !e.isText() {
		return
	}
	texts := 0
	for _, h := range holes {
		if h.text {
			texts++
		}
	}
	if texts != e.tokens {
		return
	}
	p.event = append(p.event[:0], text...)
	p.holes = append(p.holes[:0], holes...)
	p.tokens = e.tokens
}

// count is how many pieces of text an event brings that is like the pattern; 0 = it is
// not, and has to be read.
func (p *pattern) count(text []byte) int {
	if p.tokens == 0 {
		return 0
	}
	at := 0
	for _, h := range p.holes {
		if !bytes.HasPrefix(text, p.event[at:h.from]) {
			return 0
		}
		text = text[h.from-at:]
		n := stringLen(text)
		if n < 0 || n == 0 && h.text {
			return 0
		}
		text, at = text[n:], h.to
	}
	if !bytes.Equal(text, p.event[at:]) {
		return 0
	}
	return p.tokens
}
