package gateway

import (
	"time"

	"carpool/batching"
)

// event is what one piece of an answer says: a line of NDJSON, the data of one
// SSE event, or a whole JSON answer. All dialects are read alike, because no
// key means two things; only "stop" needs a bare text beside it to be an end.
type event struct {
	tokens int             // pieces of generated text in it
	told   batching.Report // counts and times of the engine's own
	end    bool            // the last one of a whole answer
	failed bool            // an error of the engine
	reason string          // its text
	code   int             // its status, where the engine tells one; 0 = not told
}

// isText reports whether nothing was told but text.
func (e *event) isText() bool {
	return e.tokens > 0 && !e.end && !e.failed && e.told == batching.Untold()
}

// readEvent reads JSON, and has p learn what it looks like; nil = nobody. Fields of other types than
// expected are passed over: the client judges them, not the tap.
func readEvent(text []byte, p *pattern) (event, error) {
	r := eventReader{cursor: cursor{text: text}, event: event{told: batching.Untold()}}
	err := r.object(r.field)
	if err == nil {
		err = r.cursor.end()
	}
	r.event.end = r.event.end || r.bare && r.stops
	if err == nil && p != nil && r.holed <= maxHoles {
		p.learn(text, r.holes[:r.holed], r.event)
	}
	return r.event, err
}

// readFailure reads an object that is an error itself.
func readFailure(text []byte) (event, error) {
	r := eventReader{cursor: cursor{text: text}, event: event{told: batching.Untold()}}
	err := r.failure()
	return r.event, err
}

type eventReader struct {
	cursor
	event
	bare, stops bool // text beside the marks, and the mark of its end: llama.cpp's and KoboldCpp's own routes

	holes [maxHoles]hole
	holed int // how many there are, more than are kept at times
}

// hole notes a string that has just been read.
func (r *eventReader) hole(inside []byte, text bool) {
	if r.holed < maxHoles {
		r.holes[r.holed] = hole{from: r.at - 1 - len(inside), to: r.at - 1, text: text}
	}
	r.holed++
}

func (r *eventReader) field(key []byte) error {
	switch string(key) {
	case "response", "message", "delta":
		return r.piece()
	case "thinking":
		return r.content()
	case "created_at":
		return r.moment()
	case "content":
		r.bare = r.next() == '"'
		return r.content()
	case "token":
		r.bare = r.next() == '"'
		return r.content()
	case "stop":
		r.stops = r.next() == 't'
	case "finish_reason":
		ends, err := r.finish()
		r.stops = r.stops || ends
		return err
	case "results":
		return r.each(r.koboldResult)
	case "choices":
		return r.each(r.choice)
	case "usage", "stats":
		return r.usage()
	case "result":
		return r.fields(r.resultField)
	case "timings":
		return r.timings()
	case "tokens_evaluated":
		return r.counted(&r.told.PromptTokens)
	case "tokens_predicted":
		return r.counted(&r.told.OutputTokens)
	case "prompt_eval_count":
		return r.counted(&r.told.PromptTokens)
	case "eval_count":
		return r.counted(&r.told.OutputTokens)
	case "total_duration":
		return r.lasted(&r.told.Total, time.Nanosecond)
	case "load_duration":
		return r.lasted(&r.told.Load, time.Nanosecond)
	case "prompt_eval_duration":
		return r.lasted(&r.told.Prompt, time.Nanosecond)
	case "eval_duration":
		return r.lasted(&r.told.Eval, time.Nanosecond)
	case "done":
		if r.next() == 't' {
			r.event.end = true
		}
	case "type":
		return r.typeName()
	case "error":
		return r.failure()
	}
	return r.skip()
}

// resultField reads the whole answer in the last event of LM Studio's own chat.
func (r *eventReader) resultField(key []byte) error {
	if string(key) == "stats" {
		return r.usage()
	}
	return r.skip()
}

// typeName reads the type of an event of the Responses or Anthropic API, or of LM
// Studio's own.
func (r *eventReader) typeName() error {
	if r.next() != '"' {
		return r.skip()
	}
	name, err := r.str()
	switch string(name) {
	case "response.completed", "response.incomplete", "message_stop", "chat.end":
		r.event.end = true
	case "response.failed", "error":
		r.failed = true
	}
	return err
}

// piece reads a value that is either generated text or an object around it.
func (r *eventReader) piece() error {
	if r.next() == '"' {
		return r.content()
	}
	return r.fields(r.pieceField)
}

func (r *eventReader) pieceField(key []byte) error {
	switch string(key) {
	case "content", "text", "thinking", "reasoning", "reasoning_content", "refusal", "partial_json":
		return r.content()
	case "tool_calls":
		if r.next() == '[' {
			start := r.at
			err := r.skip()
			if !isEmpty(r.text[start:r.at]) {
				r.tokens = max(r.tokens, 1)
			}
			return err
		}
	case "usage":
		return r.usage()
	case "error":
		return r.failure()
	}
	return r.skip()
}

func (r *eventReader) choice() error {
	return r.fields(func(key []byte) error {
		switch string(key) {
		case "delta", "message":
			return r.piece()
		case "text":
			return r.content()
		case "finish_reason":
			_, err := r.finish()
			return err
		}
		return r.skip()
	})
}

// finish reads why an answer ended; false = it has not. KoboldCpp tells only here
// that it failed, in all its dialects.
func (r *eventReader) finish() (ends bool, err error) {
	if r.next() != '"' {
		return false, r.skip()
	}
	reason, err := r.str()
	if string(reason) == "error" {
		r.failed, r.reason = true, "the engine could not go on"
	}
	return true, err
}

// koboldResult reads the whole answer of KoboldCpp's own routes.
func (r *eventReader) koboldResult() error {
	return r.fields(func(key []byte) error {
		switch string(key) {
		case "text":
			return r.content()
		case "prompt_tokens":
			return r.counted(&r.told.PromptTokens)
		case "completion_tokens":
			return r.counted(&r.told.OutputTokens)
		case "finish_reason":
			_, err := r.finish()
			return err
		}
		return r.skip()
	})
}

// content notes generated text that is not empty.
func (r *eventReader) content() error {
	if r.next() != '"' {
		return r.skip()
	}
	text, err := r.str()
	if len(text) > 0 {
		r.tokens++
		r.hole(text, true)
	}
	return err
}

// moment passes over a time that may be another one in each event.
func (r *eventReader) moment() error {
	if r.next() != '"' {
		return r.skip()
	}
	text, err := r.str()
	if err == nil {
		r.hole(text, false)
	}
	return err
}

// failure reads an error: a text, or an object with a message. Null is none.
func (r *eventReader) failure() error {
	switch r.next() {
	case 'n':
		return r.skip()
	case '"':
		text, err := r.str()
		r.failed, r.reason = true, unquote(text)
		return err
	}
	r.failed = true
	return r.fields(func(key []byte) error {
		switch string(key) {
		case "message":
			if r.next() == '"' {
				text, err := r.str()
				r.reason = unquote(text)
				return err
			}
		case "code":
			return r.counted(&r.code)
		}
		return r.skip()
	})
}

func (r *eventReader) fields(each func(key []byte) error) error {
	if r.next() != '{' {
		return r.skip()
	}
	return r.object(each)
}

func (r *eventReader) each(element func() error) error {
	if r.next() != '[' {
		return r.skip()
	}
	return r.array(element)
}
