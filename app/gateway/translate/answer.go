package translate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ollama/ollama/api"
)

// Exchange is a request that was translated and the translation of its answer.
type Exchange struct {
	Path        string // of the engine; "" = nothing to ask: Close has the answer
	Body        []byte // for the engine, JSON
	Stream      bool   // the answer is one, on both sides
	ContentType string // of the good answer to the client

	model  string // as the client wrote it
	writer writer
	embed  *embedding // in the place of writer

	events   events
	document []byte // an answer in one piece
	out      bytes.Buffer
	err      error
	done     bool // the end mark has come

	id       string // the engine's, made fit for others; "" = not told
	finish   string // the engine's reason to end; "" = not told
	stopWord string // the stop sequence that was met; "" = not told
	usage    *usage
	timings  *timings
	pieces   int // that brought something
	calls    calls
	kept     int // bytes of text that writers keep

	now, began, first time.Time
}

// writer writes an answer in one dialect into x.out.
type writer interface {
	piece(x *Exchange, p piece) error
	end(x *Exchange) error // the answer is whole
}

const (
	// maxDocument bounds an answer in one piece, in bytes.
	maxDocument = 64 << 20
	// maxKept bounds the text of an answer that has to be told again at its end.
	maxKept = 16 << 20
)

// Began tells when the request was sent. Without it the first piece of the answer
// counts as the beginning.
func (x *Exchange) Began(now time.Time) { x.began = now }

// Feed reads the next bytes of the engine's answer and returns the client's that
// are ready, which are good until the next call. An error means that the answer
// cannot go on; the bytes before it are good. What comes after the end mark is
// not read.
func (x *Exchange) Feed(p []byte, now time.Time) ([]byte, error) {
	x.reset(now)
	if x.err != nil || x.done || x.Path == "" {
		return nil, x.err
	}
	if x.Stream {
		if x.events.take == nil {
			x.events.take = x.event
		}
		x.events.feed(p)
		x.judge()
		return x.out.Bytes(), x.err
	}
	if len(x.document)+len(p) > maxDocument {
		x.document, x.err = nil, fmt.Errorf("the engine's answer is larger than %d MiB", maxDocument>>20)
		return nil, x.err
	}
	x.document = append(x.document, p...)
	return nil, nil
}

// Close tells that the engine's answer has ended well and returns what is left for
// the client. It fails if the answer is not whole: without [DONE], without a
// reason to end, or with something that is no answer.
func (x *Exchange) Close(now time.Time) ([]byte, error) {
	x.reset(now)
	switch {
	case x.err != nil || x.done:
	case x.embed != nil:
		x.err = x.embed.write(x)
	case x.Path == "":
		x.err = x.writer.end(x)
	case x.Stream:
		x.events.take = x.event // nothing may have been fed
		x.events.close()
		x.judge()
		if x.err == nil && !x.done {
			x.err = errors.New("the engine ended its answer without [DONE]")
		}
	default:
		x.whole()
	}
	x.done = true
	return x.out.Bytes(), x.err
}

func (x *Exchange) reset(now time.Time) {
	x.out.Reset()
	x.now = now
	if x.began.IsZero() {
		x.began = now
	}
}

func (x *Exchange) judge() {
	if x.events.long && x.err == nil && !x.done {
		x.err = fmt.Errorf("the engine sent a line of more than %d MiB", maxLine>>20)
	}
}

// event reads one event of a stream.
func (x *Exchange) event(data []byte) {
	data = bytes.TrimSpace(data)
	if x.err != nil || x.done || len(data) == 0 {
		return
	}
	if string(data) == "[DONE]" {
		x.finished()
		return
	}
	x.chunk(data)
}

// whole reads an answer in one piece.
func (x *Exchange) whole() {
	if x.chunk(x.document); x.err != nil {
		return
	}
	x.document = nil
	x.finished()
}

func (x *Exchange) chunk(data []byte) {
	c, err := readChunk(data)
	if err != nil {
		x.err = fmt.Errorf("the engine answered with something that is not JSON: %w", err)
		return
	}
	if len(c.Error) > 0 && string(c.Error) != "null" {
		x.err = errors.New(reason(data))
		return
	}
	x.learn(c)
	choice := c.choice()
	if choice == nil {
		return
	}
	p := choice.piece()
	if choice.Finish == "error" { // all that KoboldCpp says of it
		x.err = errors.New("the engine could not go on")
		return
	}
	if choice.Finish != "" {
		x.finish, x.stopWord = string(choice.Finish), string(choice.Stop)
	}
	if !p.empty() {
		x.pieces++
		if x.first.IsZero() {
			x.first = x.now
		}
	}
	if err := x.writer.piece(x, p); err != nil {
		x.err = err
	}
}

func (x *Exchange) learn(c *chunk) {
	if x.id == "" {
		x.id = plainID(c.ID)
	}
	if c.Usage != nil {
		x.usage = c.Usage
	}
	if c.Timings != nil {
		x.timings = c.Timings
	}
}

func (x *Exchange) finished() {
	if x.finish == "" {
		x.err = errors.New("the engine ended its answer without a finish_reason")
		return
	}
	x.err = x.writer.end(x)
	x.done = x.err == nil
}

// keep counts text that a writer keeps until the end.
func (x *Exchange) keep(n int) error {
	if x.kept += n; x.kept > maxKept {
		return fmt.Errorf("the engine's answer is longer than %d MiB", maxKept>>20)
	}
	return nil
}

// counts are the tokens read and written. An engine that tells none is taken to
// write one with each piece.
func (x *Exchange) counts() (prompt, output int) {
	switch {
	case x.usage != nil:
		return max(x.usage.Prompt, 0), max(x.usage.Completion, 0)
	case x.timings != nil:
		return max(x.timings.PromptN, 0) + max(x.timings.CacheN, 0), max(x.timings.PredictedN, 0)
	case x.Stream:
		return 0, x.pieces
	}
	return 0, 0
}

// cached is how many tokens of the prompt were not read again.
func (x *Exchange) cached() int {
	if x.usage == nil {
		return 0
	}
	prompt, _ := x.counts()
	return min(max(x.usage.Details.Cached, 0), prompt)
}

// metrics are counts and times as Ollama tells them. Times are llama.cpp's own
// where it tells them, else measured: to the first piece, and from there to the
// end. An answer in one piece counts as written all the time. None is zero, since
// clients divide by them and Ollama leaves out a zero.
func (x *Exchange) metrics() api.Metrics {
	m := api.Metrics{TotalDuration: x.now.Sub(x.began), LoadDuration: 1}
	m.PromptEvalCount, m.EvalCount = x.counts()
	m.EvalDuration = m.TotalDuration
	if x.Stream && !x.first.IsZero() {
		m.PromptEvalDuration, m.EvalDuration = x.first.Sub(x.began), x.now.Sub(x.first)
	}
	if t := x.timings; t != nil {
		m.PromptEvalDuration, m.EvalDuration = lasted(t.PromptMS), lasted(t.PredictedMS)
	}
	for _, d := range []*time.Duration{&m.TotalDuration, &m.PromptEvalDuration, &m.EvalDuration} {
		*d = max(*d, 1)
	}
	return m
}

// line writes v as a line of JSON.
func (x *Exchange) line(v any) {
	enc := json.NewEncoder(&x.out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		x.err = fmt.Errorf("write answer: %w", err)
	}
}

// sent writes v as a server-sent event.
func (x *Exchange) sent(name string, v any) {
	x.out.WriteString("event: ")
	x.out.WriteString(name)
	x.out.WriteString("\ndata: ")
	x.line(v)
	x.out.WriteByte('\n')
}

// answerID names the answer, for dialects in which it needs one.
func (x *Exchange) answerID() string {
	if x.id == "" {
		x.id = fmt.Sprintf("%x", x.began.UnixNano())
	}
	return x.id
}

// plainID is an engine's id without its prefix and without what others' ids may
// not have.
func plainID(id string) string {
	id = strings.TrimPrefix(strings.TrimPrefix(id, "chat"), "cmpl-")
	keep := make([]byte, 0, min(len(id), 64))
	for i := 0; i < len(id) && len(keep) < 64; i++ {
		if b := id[i]; b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '-' || b == '_' {
			keep = append(keep, b)
		}
	}
	return string(keep)
}
