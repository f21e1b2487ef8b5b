package translate

import (
	"fmt"
	"maps"

	"github.com/ollama/ollama/openai"
)

// responsesWriter writes the Responses API's dialect. Ollama's own writer is not
// used: it drops text that stands before a tool call, calls every answer completed
// and names items by chance.
type responsesWriter struct {
	echo     map[string]any // what an answer repeats of its request
	sealed   bool           // the client wants thinking in a form to send back
	sequence int            // of the next event
	created  int64          // Unix time
}

// deltaEvent lets an item grow. Its fields are those of three events.
type deltaEvent struct {
	Type     string `json:"type"`
	Sequence int    `json:"sequence_number"`
	Item     string `json:"item_id"`
	Output   int    `json:"output_index"`
	Content  *int   `json:"content_index,omitempty"` // of text
	Summary  *int   `json:"summary_index,omitempty"` // of thinking
	Delta    string `json:"delta"`
	Logprobs *[]any `json:"logprobs,omitempty"` // of text
}

func (w *responsesWriter) begin(x *Exchange) {
	w.created = x.now.Unix()
	for _, name := range []string{"response.created", "response.in_progress"} {
		w.event(x, name, map[string]any{"response": w.response(x, "in_progress", []any{})})
	}
}

func (w *responsesWriter) open(x *Exchange, i int, b *block) {
	at := map[string]any{"item_id": w.id(x, i, b), "output_index": i}
	w.event(x, "response.output_item.added", map[string]any{"output_index": i, "item": w.item(x, i, b, "in_progress")})
	switch b.kind {
	case textBlock:
		w.event(x, "response.content_part.added", with(at, "content_index", 0, "part", outputText("")))
	case thinkingBlock:
		w.event(x, "response.reasoning_summary_part.added", with(at, "summary_index", 0, "part", summaryText("")))
	}
}

func (w *responsesWriter) grow(x *Exchange, i int, b *block, text string) {
	zero, none := 0, []any{}
	e := deltaEvent{Sequence: w.next(), Item: w.id(x, i, b), Output: i, Delta: text}
	switch b.kind {
	case textBlock:
		e.Type, e.Content, e.Logprobs = "response.output_text.delta", &zero, &none
	case thinkingBlock:
		e.Type, e.Summary = "response.reasoning_summary_text.delta", &zero
	case callBlock:
		e.Type = "response.function_call_arguments.delta"
	}
	x.sent(e.Type, e)
}

func (w *responsesWriter) shut(x *Exchange, i int, b *block) {
	at := map[string]any{"item_id": w.id(x, i, b), "output_index": i}
	text := b.text()
	switch b.kind {
	case textBlock:
		w.event(x, "response.output_text.done", with(at, "content_index", 0, "text", text, "logprobs", []any{}))
		w.event(x, "response.content_part.done", with(at, "content_index", 0, "part", outputText(text)))
	case thinkingBlock:
		w.event(x, "response.reasoning_summary_text.done", with(at, "summary_index", 0, "text", text))
		w.event(x, "response.reasoning_summary_part.done", with(at, "summary_index", 0, "part", summaryText(text)))
	case callBlock:
		w.event(x, "response.function_call_arguments.done", with(at, "name", b.call.name, "arguments", text))
	}
	w.event(x, "response.output_item.done", map[string]any{"output_index": i, "item": w.item(x, i, b, "completed")})
}

func (w *responsesWriter) finish(x *Exchange, all []*block) error {
	response, status := w.final(x, all)
	w.event(x, "response."+status, map[string]any{"response": response})
	return x.err
}

func (w *responsesWriter) whole(x *Exchange, all []*block) error {
	w.created = x.began.Unix()
	response, _ := w.final(x, all)
	x.line(response)
	return x.err
}

// final is the whole answer with what it cost. One that was cut off is incomplete.
func (w *responsesWriter) final(x *Exchange, all []*block) (response map[string]any, status string) {
	output := make([]any, len(all))
	status = "completed"
	reasons := map[string]string{"length": "max_output_tokens", "content_filter": "content_filter"}
	reason, cut := reasons[x.finish]
	if cut {
		status = "incomplete"
	}
	for i, b := range all {
		output[i] = w.item(x, i, b, "completed")
	}
	response = w.response(x, status, output)
	if cut {
		response["incomplete_details"] = map[string]any{"reason": reason}
	} else {
		response["completed_at"] = x.now.Unix()
	}
	prompt, written := x.counts()
	u := openai.ResponsesUsage{InputTokens: prompt, OutputTokens: written, TotalTokens: prompt + written}
	u.InputTokensDetails.CachedTokens = x.cached()
	if x.usage != nil {
		u.OutputTokensDetails.ReasoningTokens = max(x.usage.Parts.Reasoning, 0)
	}
	response["usage"] = u
	return response, status
}

func (w *responsesWriter) response(x *Exchange, status string, output []any) map[string]any {
	return with(w.echo, "id", "resp_"+x.answerID(), "created_at", w.created, "completed_at", nil, "status", status,
		"incomplete_details", nil, "model", x.model, "output", output, "usage", nil)
}

// item is a block as an item of the output.
func (w *responsesWriter) item(x *Exchange, i int, b *block, status string) map[string]any {
	item := map[string]any{"id": w.id(x, i, b)}
	if b.torn && status == "completed" {
		status = "incomplete"
	}
	text, begun := b.text(), status == "in_progress"
	switch b.kind {
	case textBlock:
		item["type"], item["role"], item["status"], item["content"] = "message", "assistant", status, []any{outputText(text)}
		if begun {
			item["content"] = []any{}
		}
	case thinkingBlock:
		item["type"], item["summary"] = "reasoning", []any{summaryText(text)}
		if begun {
			item["summary"] = []any{}
		} else if w.sealed {
			item["encrypted_content"] = text // it is no secret here
		}
	case callBlock:
		item["type"], item["status"], item["call_id"], item["name"], item["arguments"] = "function_call", status, b.call.id, b.call.name, text
		if begun {
			item["arguments"] = ""
		}
	}
	return item
}

func (w *responsesWriter) id(x *Exchange, i int, b *block) string {
	prefix := [...]string{textBlock: "msg", thinkingBlock: "rs", callBlock: "fc"}[b.kind]
	return fmt.Sprintf("%s_%s_%d", prefix, x.answerID(), i)
}

func (w *responsesWriter) event(x *Exchange, name string, data map[string]any) {
	data["type"], data["sequence_number"] = name, w.next()
	x.sent(name, data)
}

func (w *responsesWriter) next() int {
	w.sequence++
	return w.sequence - 1
}

func outputText(text string) map[string]any {
	return map[string]any{"type": "output_text", "text": text, "annotations": []any{}, "logprobs": []any{}}
}

func summaryText(text string) map[string]any {
	return map[string]any{"type": "summary_text", "text": text}
}

// with is a copy of m with more in it, as names and values.
func with(m map[string]any, more ...any) map[string]any {
	m = maps.Clone(m)
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}
