package gateway

import (
	"hash/maphash"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"carpool/batching"
)

// maxSupersede bounds the value of X-Carpool-Supersede, in bytes.
const maxSupersede = 128

// supersedeKey reads X-Carpool-Supersede: what a request is about, in the words
// of its app. One that is too long is refused: cut off, it might be another's.
func supersedeKey(r *http.Request) (string, *fault) {
	key := strings.TrimSpace(r.Header.Get("X-Carpool-Supersede"))
	if len(key) > maxSupersede {
		return "", newFault(invalidRequest, "X-Carpool-Supersede must be at most "+strconv.Itoa(maxSupersede)+" bytes long")
	}
	return key, nil
}

// supersedes names what the call is about, for the scheduler, until stop is
// called; "" = nothing that a newer one could replace. The two ways of naming
// never meet, whatever an app writes in its header.
func (c *call) supersedes(k batching.Key) (name string, stop func()) {
	if c.about != "" {
		return "key " + c.about, func() {}
	}
	if !c.policy.supersede[c.rec.App] || !c.route.fills {
		return "", func() {}
	}
	s, ok := spotOf(c.body)
	if !ok {
		return "", func() {}
	}
	return c.typing.follow(place{app: c.rec.App, key: k, route: c.in.URL.Path, spot: s})
}

// typing keeps where the completions that wait in the queue are typed, so that a
// newer one at the same place can be told from one in another window. It holds
// no more of a text than a spot does, and none of a request that waits no more.
type typing struct {
	mu      sync.Mutex
	waiting []*place // oldest first
	threads uint64   // named so far
}

// maxTyping bounds how many places are kept; others are not superseded.
const maxTyping = 256

// place is a spot in one app's text for one model.
type place struct {
	app    string
	key    batching.Key
	route  string
	spot   spot
	thread string
}

// follow names the thread of typing that p goes on with, or begins. p counts as
// waiting until stop is called.
func (t *typing) follow(p place) (thread string, stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= maxTyping {
		return "", func() {}
	}
	for i := len(t.waiting) - 1; i >= 0 && p.thread == ""; i-- {
		if old := t.waiting[i]; old.app == p.app && old.key == p.key && old.route == p.route && p.spot.follows(old.spot) {
			p.thread = old.thread
		}
	}
	if p.thread == "" {
		t.threads++
		p.thread = "typing " + strconv.FormatUint(t.threads, 10)
	}
	t.waiting = append(t.waiting, &p)
	return p.thread, func() { t.forget(&p) }
}

func (t *typing) forget(p *place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range t.waiting {
		if other == p {
			t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
			return
		}
	}
}

// spot is the text around a cursor, as far as it is looked at.
type spot struct {
	before, after string
	rest          uint64 // hash of all else in the body
}

const (
	nearby    = 2 << 10 // bytes of text on either side of a cursor that are compared
	maxTyped  = 256     // bytes by which a text may have grown while a request waited
	maxErased = 8       // bytes that may have been taken back
	maxFilled = 1 << 20 // bytes of a body that is looked at
	enough    = 64      // bytes that must be equal, or it is no text to go by
)

// spotOf finds the cursor in a request for what goes into the middle of a text:
// a prompt with a suffix that is not empty, or a prompt with a model's own marks
// for the two. False where there is none.
func spotOf(body []byte) (spot, bool) {
	if len(body) > maxFilled {
		return spot{}, false
	}
	var s spot
	var rest maphash.Hash
	rest.SetSeed(prefixSeed)
	prompt, suffix := "", ""
	c := cursor{text: body}
	err := c.object(func(key []byte) error {
		text := c.next() == '"'
		start := c.at
		if text && (is(key, "prompt") || is(key, "suffix")) {
			raw, err := c.str()
			if is(key, "prompt") {
				prompt = unquote(raw)
			} else {
				suffix = unquote(raw)
			}
			return err
		}
		err := c.skip()
		_, _ = rest.Write(key) // a hash never fails
		_, _ = rest.Write(body[start:c.at])
		return err
	})
	if err != nil {
		return spot{}, false
	}
	s.before, s.after = prompt, suffix
	if suffix == "" {
		var marked bool
		if s.before, s.after, marked = splitAtMarks(prompt); !marked {
			return spot{}, false
		}
	}
	// Cloned, so that not the whole prompt is held.
	s.before = strings.Clone(s.before[max(0, len(s.before)-nearby-maxTyped):])
	s.after = strings.Clone(s.after[:min(len(s.after), nearby)])
	s.rest = rest.Sum64()
	return s, true
}

// fillMarks are the marks that models are taught: before the text in front of the
// cursor, before the text behind it, and where the middle is to be written.
var fillMarks = []struct{ before, after, middle string }{
	{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},    // Qwen, CodeGemma
	{"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},          // StarCoder, Granite
	{"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},          // SantaCoder
	{"<PRE> ", " <SUF>", " <MID>"},                            // Code Llama
	{"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},          // DeepSeek
	{"<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"}, // CodeGeeX
	{"[PREFIX]", "[SUFFIX]", "[MIDDLE]"},                      // Codestral
}

// splitAtMarks takes a prompt apart at the last marks of a kind, in either order.
// What stands before both, snippets of other files mostly, is left out.
func splitAtMarks(prompt string) (before, after string, ok bool) {
	for _, m := range fillMarks {
		b, a := strings.LastIndex(prompt, m.before), strings.LastIndex(prompt, m.after)
		if b < 0 || a < 0 {
			continue
		}
		if b < a {
			before = prompt[b+len(m.before) : a]
			after, ahead, _ := strings.Cut(prompt[a+len(m.after):], m.middle)
			// Some put the text in front last: prefix mark, suffix mark, behind, middle mark, front.
			return before + ahead, after, true
		}
		before, _, _ = strings.Cut(prompt[b+len(m.before):], m.middle)
		return before, prompt[a+len(m.after) : b], true
	}
	return "", "", false
}

// follows reports whether now is typed where old was: behind an equal text and
// before an equal one, but for a few bytes at the cursor. The far ends may have
// been cut elsewhere, as editors send a window of a file that moves along. The
// very same text again is none that was typed on.
func (now spot) follows(old spot) bool {
	after, ok := same(old.after, now.after, strings.HasPrefix)
	if !ok || now.rest != old.rest {
		return false
	}
	if _, still := same(tail(old.before), tail(now.before), strings.HasSuffix); still {
		return false
	}
	for erased := range min(maxErased, len(old.before)) + 1 {
		for typed := range min(maxTyped, len(now.before)) + 1 {
			before, ok := same(tail(old.before[:len(old.before)-erased]), tail(now.before[:len(now.before)-typed]), strings.HasSuffix)
			if ok && before+after >= enough {
				return true
			}
		}
	}
	return false
}

func tail(s string) string { return s[max(0, len(s)-nearby):] }

// same reports whether the shorter of two texts is at that end of the longer one
// which has looks at, and at least half of it; n is its length.
func same(a, b string, has func(text, end string) bool) (n int, ok bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	return len(b), 2*len(b) >= len(a) && has(a, b)
}
