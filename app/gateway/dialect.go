package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Dialect is the API a client speaks.
type Dialect string

// The dialects.
const (
	Ollama    Dialect = "ollama"
	OpenAI    Dialect = "openai"
	Anthropic Dialect = "anthropic"
	Kobold    Dialect = "kobold" // of KoboldCpp's own routes
)

// dialectOf tells which dialect a client of path speaks.
func dialectOf(path string) Dialect {
	_, path, _ = enginePath(path)
	switch {
	case path == "/v1/messages", strings.HasPrefix(path, "/v1/messages/"):
		return Anthropic
	case isKobold(path):
		return Kobold
	case path == "/v1", strings.HasPrefix(path, "/v1/"), isOwn(path):
		return OpenAI
	}
	return Ollama
}

// refusalRoutes stand for the dialects where a refusal is put into another one.
var refusalRoutes = map[Dialect]string{OpenAI: "/v1/chat/completions", Anthropic: "/v1/messages", Ollama: "/api/chat"}

// reads reports whether clients of the dialect can read an error answer: under /v1
// they look for an object, where LM Studio may write a text.
func (d Dialect) reads(body []byte) bool {
	if d == Ollama || d == Kobold {
		return true
	}
	var e struct {
		Error struct {
			Message *string `json:"message"`
		} `json:"error"`
	}
	return json.Unmarshal(body, &e) == nil && e.Error.Message != nil
}

type openAIError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
}

type anthropicError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// body renders f as the dialect's error answer, without a line end.
func (d Dialect) body(f *fault, id string) []byte {
	rule := rules[f.kind]
	switch d {
	case OpenAI:
		e := openAIError{Message: f.message, Type: rule.openai, Code: string(f.kind)}
		if f.param != "" {
			e.Param = &f.param
		}
		return mustJSON(map[string]any{"error": e})
	case Anthropic:
		return mustJSON(struct {
			Type    string         `json:"type"`
			Error   anthropicError `json:"error"`
			Request string         `json:"request_id"`
		}{"error", anthropicError{rule.anthropic, f.message}, id})
	case Kobold:
		return mustJSON(map[string]any{"detail": koboldDetail{f.message, string(f.kind)}})
	}
	return mustJSON(map[string]string{"error": f.message})
}

// frame renders f as the last words of a stream whose status is long sent. A
// line of the engine's that was cut off is closed first.
func (d Dialect) frame(f *fault, id string, form framing, midLine bool) []byte {
	var b bytes.Buffer
	switch form {
	case ndjson:
		if midLine {
			b.WriteByte('\n')
		}
		b.Write(d.body(f, id))
		b.WriteByte('\n')
	case sse:
		if midLine {
			b.WriteString("\n\n")
		}
		if d == Anthropic {
			b.WriteString("event: error\n")
		}
		b.WriteString("data: ")
		if d == Kobold {
			b.WriteString(`{"token":"","finish_reason":"error",`) // its own word for it
			b.Write(d.body(f, id)[1:])
		} else {
			b.Write(d.body(f, id))
		}
		b.WriteString("\n\n")
	}
	return b.Bytes()
}

// lastWords are what an answer that had begun ends with after a failure; clean
// says whether its connection may then end well. Clients of server-sent events
// may take any end for success, and an announced length leaves no room for words.
func (d Dialect) lastWords(f *fault, id string, form framing, fixed, midLine bool) (words []byte, clean bool) {
	if f.kind == clientGone || fixed {
		return nil, false
	}
	return d.frame(f, id, form, midLine), form == ndjson
}

// refuse answers with f in dialect d. Nothing may have been sent before.
func (c *client) refuse(d Dialect, f *fault) {
	h, rule := c.Header(), rules[f.kind]
	h.Set("Content-Type", "application/json; charset=utf-8")
	if after := cmp.Or(f.after, rule.retryAfter); after > 0 {
		h.Set("Retry-After", strconv.Itoa(after))
	}
	if rule.hopeless {
		h.Set("X-Should-Retry", "false")
	}
	if rule.hangUp || c.unread {
		c.linger()
		h.Set("Connection", "close")
	}
	body := d.body(f, c.id)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.WriteHeader(f.status())
	_, _ = c.Write(body) // a client that has gone needs no error
}

// retryAfter reads a Retry-After header, seconds or a date, and clamps it to
// 1..120 seconds, which is as far as SDKs obey it. What cannot be read counts as 1.
func retryAfter(value string, now func() time.Time) int {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds == seconds {
		return int(min(max(seconds, 1), 120))
	}
	if at, err := http.ParseTime(value); err == nil {
		return int(min(max(at.Unix()-now().Unix(), 1), 120))
	}
	return 1
}

func mustJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // only plain strings are marshalled here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
