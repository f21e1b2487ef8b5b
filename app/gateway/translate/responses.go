package translate

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ollama/ollama/openai"
)

// responsesRequest is a request of OpenAI's /v1/responses. Ollama's reader is not
// used: it loses tool_choice, effort, JSON of any kind and most of a schema, and
// refuses results made of parts.
type responsesRequest struct {
	Model           string                    `json:"model"`
	Input           inItems                   `json:"input"`
	Instructions    string                    `json:"instructions"`
	Tools           []json.RawMessage         `json:"tools"`
	ToolChoice      json.RawMessage           `json:"tool_choice"`
	Parallel        *bool                     `json:"parallel_tool_calls"`
	Text            *responsesText            `json:"text"`
	MaxOutputTokens *int                      `json:"max_output_tokens"`
	Temperature     *float64                  `json:"temperature"`
	TopP            *float64                  `json:"top_p"`
	Reasoning       openai.ResponsesReasoning `json:"reasoning"`
	Stream          bool                      `json:"stream"`
	Metadata        json.RawMessage           `json:"metadata"`
	Truncation      string                    `json:"truncation"`
	User            string                    `json:"user"`
	Include         []string                  `json:"include"`
	Previous        string                    `json:"previous_response_id"`
	Conversation    json.RawMessage           `json:"conversation"`
	Background      bool                      `json:"background"`
	Prompt          json.RawMessage           `json:"prompt"`
}

type responsesText struct {
	Format *openai.ResponsesTextFormat `json:"format"`
}

// inItems are what a request brings in; a text alone is what a user says.
type inItems []inItem

type inItem struct {
	Type      string                             `json:"type"` // "" = "message"
	Role      string                             `json:"role"`
	Content   inParts                            `json:"content"`
	CallID    string                             `json:"call_id"`
	Name      string                             `json:"name"`
	Arguments string                             `json:"arguments"`
	Output    inParts                            `json:"output"`
	Summary   []openai.ResponsesReasoningSummary `json:"summary"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *inItems) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if *n = nil; text != "" {
			*n = inItems{{Role: "user", Content: inParts{{Type: "input_text", Text: text}}}}
		}
		return nil
	}
	return json.Unmarshal(raw, (*[]inItem)(n))
}

// inParts are parts of a message or of a result; a text alone is one of them.
type inParts []inPart

type inPart struct {
	Type    string `json:"type"`
	Text    string `json:"text"`
	Refusal string `json:"refusal"`
	Image   string `json:"image_url"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *inParts) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if *n = nil; text != "" {
			*n = inParts{{Type: "input_text", Text: text}}
		}
		return nil
	}
	return json.Unmarshal(raw, (*[]inPart)(n))
}

func (a *ask) responses() error {
	var r responsesRequest
	if err := a.decode(&r); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	t := &talk{}
	if r.Instructions != "" {
		t.say("system", []part{textPart(r.Instructions)}, "", nil)
	}
	if err := a.items(t, r.Input); err != nil {
		return err
	}
	a.x.Path, a.out["messages"] = chatPath, t.end(a.engine)
	a.x.Stream, a.x.ContentType, a.x.model = r.Stream, "application/json", r.Model
	if r.Stream {
		a.x.ContentType = "text/event-stream"
	}
	a.x.writer = &blocks{to: &responsesWriter{echo: r.echo(), sealed: slices.Contains(r.Include, "reasoning.encrypted_content")}}
	if r.MaxOutputTokens != nil {
		a.limit(*r.MaxOutputTokens)
	}
	set(a.out, "temperature", r.Temperature)
	set(a.out, "top_p", r.TopP)
	a.user(r.User)
	if effort := r.Reasoning.Effort; effort != "" {
		a.think(effort != "none", effort)
	}
	if r.Text != nil && r.Text.Format != nil {
		switch f := r.Text.Format; f.Type {
		case "json_object":
			a.shape("", nil, nil)
		case "json_schema":
			a.shape(f.Name, f.Schema, f.Strict)
		}
	}
	return a.responsesTools(&r)
}

// check refuses what needs a memory that nobody here has.
func (r *responsesRequest) check() error {
	switch {
	case r.Previous != "":
		return refuse("previous_response_id", "answers are not kept here: send the whole conversation in input, with store false")
	case filled(r.Conversation):
		return refuse("conversation", "conversations are not kept here: send the whole conversation in input")
	case filled(r.Prompt):
		return refuse("prompt", "stored prompts are the vendor's: send the text in instructions and input")
	case r.Background:
		return refuse("background", "answers are not kept here: send the request without background")
	case len(r.Input) == 0:
		return refuse("input", "input is required")
	}
	return nil
}

// items adds what the request brings in. What a model thought, said and called in
// one turn are items of their own here and one message for engines.
func (a *ask) items(t *talk, items inItems) error {
	var said []part
	var calls []toolCall
	thinking, turn := "", false
	flush := func() {
		if turn {
			t.say("assistant", said, thinking, calls)
		}
		said, calls, thinking, turn = nil, nil, "", false
	}
	for i, item := range items {
		at := fmt.Sprintf("input[%d]", i)
		switch item.Type {
		case "reasoning":
			if len(said) > 0 || len(calls) > 0 {
				flush()
			}
			for _, s := range item.Summary {
				thinking += s.Text
			}
			for _, p := range item.Content {
				if len(item.Summary) == 0 {
					thinking += p.Text
				}
			}
			turn = turn || thinking != ""
		case "function_call":
			calls, turn = append(calls, toolCall{ID: item.CallID, Function: function{item.Name, item.Arguments}}), true
		case "function_call_output":
			flush()
			parts, err := a.inParts(at+".output", item.Output)
			if err != nil {
				return err
			}
			t.result(item.CallID, "", parts)
		case "", "message":
			parts, err := a.inParts(at+".content", item.Content)
			if err != nil {
				return err
			}
			if item.Role != "assistant" {
				flush()
				t.say(item.Role, parts, "", nil)
				continue
			}
			if len(calls) > 0 {
				flush()
			}
			said, turn = append(said, parts...), true
		default:
			return refuse(at, "an item of type %q is nothing that this engine reads: send messages, function calls and their outputs", item.Type)
		}
	}
	flush()
	return nil
}

func (a *ask) inParts(at string, in inParts) ([]part, error) {
	var parts []part
	for i, p := range in {
		at := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case p.Type == "input_text", p.Type == "output_text", p.Type == "text":
			parts = append(parts, textPart(p.Text))
		case p.Type == "refusal":
			parts = append(parts, textPart(p.Refusal))
		case p.Type == "input_image" && p.Image != "":
			address, err := a.imageURL(at+".image_url", p.Image)
			if err != nil {
				return nil, err
			}
			parts = append(parts, imagePart(address))
		default:
			return nil, refuse(at, "a part of type %q is nothing that this engine reads: send text, or images as data", p.Type)
		}
	}
	return parts, nil
}

// inTool is a tool as this API writes it.
type inTool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      *bool           `json:"strict"`
}

func (a *ask) responsesTools(r *responsesRequest) error {
	var offered toolset
	for i, raw := range r.Tools {
		at := fmt.Sprintf("tools[%d]", i)
		var tool inTool
		if err := json.Unmarshal(raw, &tool); err != nil {
			return refuse(at, "a tool cannot be read: %v", err)
		}
		switch tool.Type {
		case "function":
			if err := offered.add(tool.Name, tool.Description, tool.Parameters, tool.Strict); err != nil {
				return err
			}
		case "custom":
			return refuse(at, "the custom tool %q has no schema: offer it as a function", tool.Name)
		default:
			offered.hosted = append(offered.hosted, tool.Type)
		}
	}
	c := choice{}
	if filled(r.ToolChoice) && json.Unmarshal(r.ToolChoice, &c.how) != nil {
		var named inTool
		if json.Unmarshal(r.ToolChoice, &named) != nil || named.Type != "function" {
			return refuse("tool_choice", "unknown tool_choice: use auto, none, required or a function")
		}
		c = choice{"function", named.Name}
	}
	if !slices.Contains([]string{"", "auto", "none", "required", "function"}, c.how) {
		return refuse("tool_choice", "unknown tool_choice %q: use auto, none, required or a function", c.how)
	}
	return offered.put(a, c, r.Parallel)
}

// echo is what an answer repeats of its request.
func (r *responsesRequest) echo() map[string]any {
	e := map[string]any{
		"object": "response", "error": nil, "previous_response_id": nil, "store": false, "background": false,
		"service_tier": "default", "truncation": "disabled", "max_output_tokens": r.MaxOutputTokens,
		"instructions": nil, "tool_choice": "auto", "parallel_tool_calls": true, "tools": []any{},
		"temperature": 1.0, "top_p": 1.0, "metadata": map[string]any{},
		"text":      map[string]any{"format": map[string]any{"type": "text"}},
		"reasoning": map[string]any{"effort": nil, "summary": nil},
	}
	set(e, "parallel_tool_calls", r.Parallel)
	set(e, "temperature", r.Temperature)
	set(e, "top_p", r.TopP)
	if r.Instructions != "" {
		e["instructions"] = r.Instructions
	}
	if filled(r.ToolChoice) {
		e["tool_choice"] = r.ToolChoice
	}
	if len(r.Tools) > 0 {
		e["tools"] = r.Tools
	}
	if filled(r.Metadata) {
		e["metadata"] = r.Metadata
	}
	if r.Truncation != "" {
		e["truncation"] = r.Truncation
	}
	if r.Text != nil && r.Text.Format != nil {
		e["text"] = r.Text
	}
	if r.Reasoning.Effort != "" || r.Reasoning.Summary != "" {
		e["reasoning"] = r.Reasoning
	}
	return e
}
