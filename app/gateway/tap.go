package gateway

import (
	"bytes"
	"mime"
	"time"

	"carpool/batching"
)

// framing is how an answer is cut into events.
type framing int

const (
	plain  framing = iota // one JSON document
	ndjson                // a JSON document a line
	sse                   // server-sent events
)

// framingOf reads a Content-Type; ok says whether an inference answer may have it.
func framingOf(contentType string) (f framing, ok bool) {
	media, _, _ := mime.ParseMediaType(contentType) // an unreadable one is an unknown one
	switch media {
	case "application/json":
		return plain, true
	case "application/x-ndjson":
		return ndjson, true
	case "text/event-stream":
		return sse, true
	}
	return plain, false
}

// tap reads along while an answer passes, and never changes a byte of it.
type tap struct {
	form    framing
	onToken func(n int) // hears of pieces of generated text, of those that came together at once; nil = no one

	lines lineReader
	sse   sseReader
	whole document
	usual pattern

	events  int
	tokens  int             // pieces counted
	untold  int             // of those, that onToken has not heard of
	told    batching.Report // counts and times of the engine's own, the last of each
	ended   bool            // the end mark has come
	unread  bool            // the last event was too long to read
	torn    bool            // the answer ended within a line or an event
	garbled bool            // something that no client could read
	failure *event
}

func newTap(form framing, onToken func(n int)) *tap {
	t := &tap{form: form, onToken: onToken, told: batching.Untold()}
	switch form {
	case ndjson:
		t.lines.line = func(text []byte, whole bool) { t.take(nil, text, whole) }
	case sse:
		t.sse.event = t.take
		t.lines.line = t.sse.line
	}
	return t
}

// feed reads the next bytes of the answer.
func (t *tap) feed(p []byte) {
	if t.form == plain {
		t.whole.feed(p)
		return
	}
	t.lines.feed(p)
	t.tell()
}

// tell tells of the pieces that have come. An engine that is ahead of us has several
// arrive as one: they are told as one.
func (t *tap) tell() {
	if n := t.untold; n > 0 && t.onToken != nil && t.form != plain {
		t.untold = 0
		t.onToken(n)
	}
}

// close reads what only the end of the answer makes complete. A last event that
// was whole but too long to read counts as the end mark: Ollama puts the context
// there, and the Responses API the whole answer. What the tap could not read it
// must not call broken.
func (t *tap) close() {
	t.torn = t.midLine()
	if t.unread && !t.torn {
		t.ended = true
	}
	switch t.form {
	case plain:
		if text, all := t.whole.text(); all {
			t.take(nil, text, true)
		} else {
			t.learn(t.whole.told())
		}
		t.ended = true // its length or last chunk has told the end
	case sse:
		t.lines.close()
		t.sse.dispatch()
	case ndjson:
		t.lines.close()
	}
	t.tell()
}

// midLine reports whether the last bytes left a line unfinished.
func (t *tap) midLine() bool { return t.torn || t.lines.midLine() || t.sse.any || t.sse.long }

// silent reports whether nothing readable has come yet.
func (t *tap) silent() bool { return t.events == 0 && !t.garbled }

func (t *tap) take(name, data []byte, whole bool) {
	if !whole {
		t.events++
		t.unread = true
		return
	}
	if n := t.usual.count(data); n > 0 && string(name) != "error" {
		t.events++
		t.unread = false
		t.came(n)
		return
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return
	}
	t.events++
	t.unread = false
	if data[0] != '{' {
		t.word(name, data)
		return
	}
	usual := &t.usual
	if t.form == plain {
		usual = nil // there is but one
	}
	e, err := readEvent(data, usual)
	if err == nil && string(name) == "error" && e.reason == "" {
		e, err = readFailure(data)
	}
	if err != nil {
		t.garbled = true
		return
	}
	t.note(e)
}

// word reads an event that is not an object.
func (t *tap) word(name, data []byte) {
	switch {
	case t.form == sse && string(data) == "[DONE]":
		t.ended = true
	case string(name) == "error":
		t.note(event{told: batching.Untold(), failed: true, reason: string(data)})
	case t.form != sse && data[0] != '[':
		t.garbled = true
	}
}

func (t *tap) note(e event) {
	t.came(e.tokens)
	t.learn(e.told)
	if e.end {
		t.ended = true
	}
	if e.failed && t.failure == nil {
		failure := e // so that only a failure is put on the heap
		t.failure = &failure
	}
}

// came counts pieces of text.
func (t *tap) came(n int) {
	t.tokens += n
	t.untold += n
}

// learn puts what an event told in the place of what was told before.
func (t *tap) learn(told batching.Report) {
	for _, n := range [...]struct {
		known *int
		told  int
	}{
		{&t.told.PromptTokens, told.PromptTokens},
		{&t.told.CachedTokens, told.CachedTokens},
		{&t.told.OutputTokens, told.OutputTokens},
	} {
		if n.told >= 0 {
			*n.known = n.told
		}
	}
	for _, d := range [...]struct {
		known *time.Duration
		told  time.Duration
	}{
		{&t.told.Total, told.Total},
		{&t.told.Load, told.Load},
		{&t.told.Prompt, told.Prompt},
		{&t.told.Eval, told.Eval},
	} {
		if d.told > 0 {
			*d.known = d.told
		}
	}
}

// document keeps of a JSON answer what is needed to read its counts: all of it
// while it is short, else its end, where engines put them.
type document struct {
	most int // bytes kept; 0 = maxDocument
	kept []byte
	cut  bool
}

const (
	maxDocument  = 256 << 10
	documentTail = 64 << 10
)

func (d *document) feed(p []byte) {
	if len(d.kept)+len(p) > max(d.most, maxDocument) {
		d.cut = true
		if len(p) > documentTail {
			p = p[len(p)-documentTail:]
		}
		d.kept = append(d.kept[:0], d.kept[max(0, len(d.kept)-documentTail):]...)
	}
	d.kept = append(d.kept, p...)
}

func (d *document) text() (text []byte, all bool) { return d.kept, !d.cut }

// told looks for the counts and times in the kept end. A quote inside a JSON
// string is escaped, so a bare key cannot be a part of the answer's own text.
func (d *document) told() batching.Report {
	r := eventReader{event: event{told: batching.Untold()}}
	for _, key := range []string{"usage", "stats", "timings", "prompt_eval_count", "eval_count",
		"tokens_evaluated", "tokens_predicted",
		"total_duration", "load_duration", "prompt_eval_duration", "eval_duration"} {
		mark := []byte(`"` + key + `":`)
		if i := bytes.LastIndex(d.kept, mark); i >= 0 {
			r.cursor = cursor{text: d.kept[i+len(mark):]}
			_ = r.field([]byte(key)) // a broken end tells no counts
		}
	}
	return r.event.told
}
