package backendstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/ollama/ollama/anthropic"
	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/openai"
)

// responses answers /v1/responses and messages /v1/messages, in the framing of
// Ollama's converters. Unlike the others their answers carry the time and ids of
// chance.
func (w *wire) responses(e *Engine) answerer {
	return func(q Request, s Script) frames {
		var req openai.ResponsesRequest
		chat, err := decode(q, &req, func() (*api.ChatRequest, error) { return openai.FromResponsesRequest(req) })
		if err != nil {
			return w.refused(e, w.refuse(e, http.StatusBadRequest, err.Error()))
		}
		model, r, no := w.converted(e, q, s, chat)
		if no != nil {
			return w.refused(e, no)
		}
		f := w.base(e)
		id, item := "resp_"+q.id(), "msg_"+q.id()
		converter := openai.NewResponsesStreamConverter(id, item, model.Name, req)
		f.whole = marshal(openai.ToResponse(model.Name, id, item, r.whole(model.Name), req))
		f.events(r.parts(model.Name), func(part api.ChatResponse) []string {
			var events []string
			for _, ev := range converter.Process(part) {
				events = append(events, named(ev.Event, marshal(ev.Data)))
			}
			return events
		})
		f.broken = func(message string) string {
			return named("error", marshal(object{"type": "error", "message": message, "code": nil, "param": nil}))
		}
		return f
	}
}

func (w *wire) messages(e *Engine) answerer {
	return func(q Request, s Script) frames {
		f := w.base(e)
		f.fail = func(status int, message string) string { return marshal(anthropic.NewError(status, message)) }
		f.broken = func(message string) string {
			return named("error", marshal(anthropic.NewError(http.StatusInternalServerError, message)))
		}
		refused := func(status int, body string) frames {
			f.status, f.whole = status, body
			return f
		}
		var req anthropic.MessagesRequest
		chat, err := decode(q, &req, func() (*api.ChatRequest, error) { return anthropic.FromMessagesRequest(req) })
		if err != nil {
			return refused(http.StatusBadRequest, f.fail(http.StatusBadRequest, err.Error()))
		}
		model, r, no := w.converted(e, q, s, chat)
		if no != nil {
			status := max(no.status, http.StatusBadRequest)
			return refused(status, f.fail(status, no.message))
		}
		id := "msg_" + q.id()
		converter := anthropic.NewStreamConverter(id, model.Name, r.prompt)
		f.whole = marshal(anthropic.ToMessagesResponse(id, r.whole(model.Name)))
		f.events(r.parts(model.Name), func(part api.ChatResponse) []string {
			var events []string
			for _, ev := range converter.Process(part) {
				events = append(events, named(ev.Event, marshal(ev.Data)))
			}
			return events
		})
		return f
	}
}

// decode reads a request's body and converts it to a chat of Ollama's.
func decode(q Request, into any, convert func() (*api.ChatRequest, error)) (*api.ChatRequest, error) {
	if err := json.Unmarshal(q.Body, into); err != nil {
		return nil, fmt.Errorf("invalid JSON: %w", err)
	}
	return convert()
}

// converted makes the reply to a chat of Ollama's.
func (w *wire) converted(e *Engine, q Request, s Script, chat *api.ChatRequest) (listed, reply, *refusal) {
	model, no := w.resolve(e, q, false)
	if no != nil {
		return listed{}, reply{}, no
	}
	a := fromOllama(q, chat)
	if no := w.admit(e, q, &chatBody{}, a); no != nil {
		return listed{}, reply{}, no
	}
	return model, answer(q, s, a), nil
}

// fromOllama reads a chat of Ollama's.
func fromOllama(q Request, chat *api.ChatRequest) wish {
	var body struct {
		Choice json.RawMessage `json:"tool_choice"`
	}
	_ = json.Unmarshal(q.Body, &body) // it was read before
	a := wish{choice: choice(body.Choice), thinking: chat.Think == nil || chat.Think.Bool()}
	var results []string
	for i, m := range chat.Messages {
		a.text += m.Content + " "
		for _, image := range m.Images {
			a.images = append(a.images, len(image))
		}
		a.user = ""
		switch {
		case m.Role == "tool":
			results = append(results, m.Content)
			continue
		case m.Role == "user" && i == len(chat.Messages)-1:
			a.user = m.Content
		}
		results = nil
	}
	a.result = strings.Join(results, " ")
	for _, t := range chat.Tools {
		var schema any
		_ = json.Unmarshal([]byte(marshal(t.Function.Parameters)), &schema) // what was just marshalled
		a.tools = append(a.tools, tool{name: t.Function.Name, schema: schema})
	}
	switch format := string(chat.Format); format {
	case "", "null":
	case `"json"`:
		a.json = true
	default:
		_ = json.Unmarshal(chat.Format, &a.schema) // what is no schema asks for nothing
	}
	if limit, ok := chat.Options["num_predict"].(int); ok {
		a.limit = max(0, limit)
	}
	a.stop, _ = chat.Options["stop"].([]string)
	return a
}

// parts are a reply as Ollama would stream it, the last with Done.
func (r reply) parts(model string) []api.ChatResponse {
	part := api.ChatResponse{Model: model}
	var parts []api.ChatResponse
	add := func(m api.Message) {
		m.Role = "assistant"
		part.Message = m
		parts = append(parts, part)
	}
	for _, t := range r.thought {
		add(api.Message{Thinking: t})
	}
	for _, t := range r.text {
		add(api.Message{Content: t})
	}
	if len(r.calls) > 0 {
		if len(r.thought) > 0 && len(r.text) == 0 {
			add(api.Message{Content: "\n\n"}) // the converter for messages never ends a thought that a call follows
		}
		add(api.Message{ToolCalls: r.toolCalls()})
	}
	add(api.Message{})
	r.end(&parts[len(parts)-1])
	return parts
}

// whole is a reply in one piece.
func (r reply) whole(model string) api.ChatResponse {
	all := api.ChatResponse{Model: model, Message: api.Message{
		Role: "assistant", Thinking: strings.Join(r.thought, ""), Content: r.content(), ToolCalls: r.toolCalls(),
	}}
	r.end(&all)
	return all
}

func (r reply) end(last *api.ChatResponse) {
	last.Done, last.DoneReason = true, r.finish
	if r.finish == "tool_calls" {
		last.DoneReason = "stop"
	}
	last.Metrics = api.Metrics{PromptEvalCount: r.prompt, EvalCount: r.tokens()}
}

func (r reply) toolCalls() []api.ToolCall {
	var calls []api.ToolCall
	for i, c := range r.calls {
		t := api.ToolCall{ID: "call_" + c.id, Function: api.ToolCallFunction{Index: i, Name: c.name}}
		_ = json.Unmarshal([]byte(strings.Join(c.arguments, "")), &t.Function.Arguments) // a document of ours, or the test's
		calls = append(calls, t)
	}
	return calls
}

// events frames the parts of a reply. Whatever comes with the last part but the
// very last event closes the stream.
func (f *frames) events(parts []api.ChatResponse, frame func(api.ChatResponse) []string) {
	f.tokens = []string{}
	for i, part := range parts {
		events := frame(part)
		if i < len(parts)-1 {
			f.tokens = append(f.tokens, strings.Join(events, ""))
			continue
		}
		end := len(events) - 1
		f.close, f.mark = strings.Join(events[:end], ""), events[end]
	}
}

func named(event, data string) string { return "event: " + event + "\ndata: " + data + "\n\n" }
