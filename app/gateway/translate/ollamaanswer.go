package translate

import (
	"strings"
	"time"

	"github.com/ollama/ollama/api"
)

// nativeWriter writes in Ollama's dialect, for both of its routes.
type nativeWriter struct {
	chat           bool // /api/chat, else /api/generate
	text, thinking strings.Builder
	logprobs       []api.Logprob
}

// nativeAnswer is a line of an answer, or all of it.
type nativeAnswer struct {
	Model     string         `json:"model"`
	CreatedAt time.Time      `json:"created_at"`
	Message   *nativeMessage `json:"message,omitempty"`    // of /api/chat
	Response  *string        `json:"response,omitempty"`   // of /api/generate
	Thinking  string         `json:"thinking,omitempty"`   // of /api/generate
	ToolCalls []nativeCall   `json:"tool_calls,omitempty"` // of /api/generate
	Done      bool           `json:"done"`
	Reason    string         `json:"done_reason,omitempty"`
	Logprobs  []api.Logprob  `json:"logprobs,omitempty"`
	api.Metrics
}

type nativeMessage struct {
	Role      string       `json:"role"`
	Content   string       `json:"content"`
	Thinking  string       `json:"thinking,omitempty"`
	ToolCalls []nativeCall `json:"tool_calls,omitempty"`
}

// piece implements writer. Bits of calls are held back until they are whole.
func (w *nativeWriter) piece(x *Exchange, p piece) error {
	for _, d := range p.calls {
		if _, err := x.calls.add(d); err != nil {
			return err
		}
	}
	switch p.calls = nil; {
	case p.empty():
	case x.Stream:
		x.line(w.answer(x, p, nil))
	default:
		w.text.WriteString(p.text)
		w.thinking.WriteString(p.thinking)
		w.logprobs = append(w.logprobs, p.logprobs...)
	}
	return x.err
}

// end implements writer.
func (w *nativeWriter) end(x *Exchange) error {
	made, err := w.calls(x)
	if err != nil {
		return err
	}
	if x.Stream && len(made) > 0 {
		x.line(w.answer(x, piece{}, made))
		made = nil
	}
	last := w.answer(x, piece{text: w.text.String(), thinking: w.thinking.String(), logprobs: w.logprobs}, made)
	last.Done, last.Reason = true, "stop"
	switch x.finish {
	case "length", "load":
		last.Reason = x.finish
	}
	if x.Path != "" {
		last.Metrics = x.metrics()
	}
	x.line(last)
	return x.err
}

func (w *nativeWriter) answer(x *Exchange, p piece, made []nativeCall) nativeAnswer {
	a := nativeAnswer{Model: x.model, CreatedAt: x.now.UTC(), Logprobs: p.logprobs}
	if w.chat {
		a.Message = &nativeMessage{Role: "assistant", Content: p.text, Thinking: p.thinking, ToolCalls: made}
		return a
	}
	a.Response, a.Thinking, a.ToolCalls = &p.text, p.thinking, made
	return a
}

func (w *nativeWriter) calls(x *Exchange) ([]nativeCall, error) {
	var made []nativeCall
	for _, k := range x.calls.list {
		if err := x.name(k); err != nil {
			return nil, err
		}
		arguments, err := x.object(k)
		if err != nil {
			return nil, err
		}
		if arguments != nil {
			made = append(made, nativeCall{k.id, nativeFunction{len(made), k.name, arguments}})
		}
	}
	return made, nil
}
