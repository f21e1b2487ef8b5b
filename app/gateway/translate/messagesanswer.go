package translate

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ollama/ollama/anthropic"
)

// messagesWriter writes Anthropic's dialect. Ollama's own writer is not used: it
// leaves thinking open when a tool call follows, and holds calls back to their end.
type messagesWriter struct {
	estimate int      // tokens of the prompt, told before the engine tells them
	stops    []string // stop sequences of the client's
}

// messageAnswer is an answer, or its head in a stream. Anthropic writes null where
// Ollama's type would leave a field out.
type messageAnswer struct {
	ID           string         `json:"id"`
	Type         string         `json:"type"`
	Role         string         `json:"role"`
	Model        string         `json:"model"`
	Content      []contentBlock `json:"content"`
	StopReason   *string        `json:"stop_reason"`
	StopSequence *string        `json:"stop_sequence"`
	Usage        messageUsage   `json:"usage"`
}

// contentBlock is a block; thinking has a signature, which some clients insist on.
// Nobody signs here, so it is empty.
type contentBlock struct {
	anthropic.ContentBlock
	Signature *string `json:"signature,omitempty"`
}

// messageUsage counts what of the prompt was cached apart from the rest.
type messageUsage struct {
	Input  int `json:"input_tokens"`
	Kept   int `json:"cache_creation_input_tokens"`
	Cached int `json:"cache_read_input_tokens"`
	Output int `json:"output_tokens"`
}

type messageStop struct {
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
}

func (w *messagesWriter) head(x *Exchange) messageAnswer {
	return messageAnswer{
		ID: "msg_" + x.answerID(), Type: "message", Role: "assistant", Model: x.model, Content: []contentBlock{},
	}
}

func (w *messagesWriter) begin(x *Exchange) {
	head := w.head(x)
	head.Usage.Input = w.estimate
	x.sent("message_start", struct {
		Type    string        `json:"type"`
		Message messageAnswer `json:"message"`
	}{"message_start", head})
}

func (w *messagesWriter) open(x *Exchange, i int, b *block) {
	none, c := "", contentBlock{}
	switch b.kind {
	case textBlock:
		c.Type, c.Text = "text", &none
	case thinkingBlock:
		c.Type, c.Thinking, c.Signature = "thinking", &none, &none
	case callBlock:
		c.Type, c.ID, c.Name, c.Input = "tool_use", b.call.id, b.call.name, struct{}{}
	}
	x.sent("content_block_start", struct {
		Type  string       `json:"type"`
		Index int          `json:"index"`
		Block contentBlock `json:"content_block"`
	}{"content_block_start", i, c})
}

func (w *messagesWriter) grow(x *Exchange, i int, b *block, text string) {
	var d anthropic.Delta
	switch b.kind {
	case textBlock:
		d = anthropic.Delta{Type: "text_delta", Text: text}
	case thinkingBlock:
		d = anthropic.Delta{Type: "thinking_delta", Thinking: text}
	case callBlock:
		d = anthropic.Delta{Type: "input_json_delta", PartialJSON: text}
	}
	x.sent("content_block_delta", anthropic.ContentBlockDeltaEvent{Type: "content_block_delta", Index: i, Delta: d})
}

func (w *messagesWriter) shut(x *Exchange, i int, b *block) {
	if b.kind == thinkingBlock {
		x.sent("content_block_delta", json.RawMessage(fmt.Sprintf(
			`{"type":"content_block_delta","index":%d,"delta":{"type":"signature_delta","signature":""}}`, i)))
	}
	x.sent("content_block_stop", anthropic.ContentBlockStopEvent{Type: "content_block_stop", Index: i})
}

func (w *messagesWriter) finish(x *Exchange, _ []*block) error {
	x.sent("message_delta", struct {
		Type  string       `json:"type"`
		Delta messageStop  `json:"delta"`
		Usage messageUsage `json:"usage"`
	}{"message_delta", w.stop(x), w.usage(x)})
	x.sent("message_stop", anthropic.MessageStopEvent{Type: "message_stop"})
	return x.err
}

func (w *messagesWriter) whole(x *Exchange, all []*block) error {
	answer := w.head(x)
	for _, b := range all {
		text, none, c := b.text(), "", contentBlock{}
		switch b.kind {
		case textBlock:
			c.Type, c.Text = "text", &text
		case thinkingBlock:
			c.Type, c.Thinking, c.Signature = "thinking", &text, &none
		case callBlock:
			input, err := x.object(b.call)
			if err != nil {
				return err
			}
			if input == nil {
				continue
			}
			c.Type, c.ID, c.Name, c.Input = "tool_use", b.call.id, b.call.name, input
		}
		answer.Content = append(answer.Content, c)
	}
	stop := w.stop(x)
	answer.StopReason, answer.StopSequence, answer.Usage = stop.StopReason, stop.StopSequence, w.usage(x)
	x.line(answer)
	return x.err
}

// stop says why the model stopped. Some engines say "stop" after tool calls, too.
func (w *messagesWriter) stop(x *Exchange) messageStop {
	reason := "end_turn"
	switch {
	case x.finish == "length":
		reason = "max_tokens"
	case x.finish == "content_filter":
		reason = "refusal"
	case len(x.calls.list) > 0:
		reason = "tool_use"
	case x.stopWord != "" && slices.Contains(w.stops, x.stopWord):
		reason = "stop_sequence"
		return messageStop{&reason, &x.stopWord}
	}
	return messageStop{StopReason: &reason}
}

func (w *messagesWriter) usage(x *Exchange) messageUsage {
	prompt, output := x.counts()
	return messageUsage{Input: prompt - x.cached(), Cached: x.cached(), Output: output}
}
