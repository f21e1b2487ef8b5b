package translate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ollama/ollama/anthropic"
)

// messagesRequest is a request of Anthropic's /v1/messages. Blocks are read here:
// Ollama's reader loses images in results, the order of results and text, and all
// of a schema that it does not know.
type messagesRequest struct {
	anthropic.MessagesRequest
	Messages []turn       `json:"messages"`
	System   inBlocks     `json:"system"`
	Format   *jsonFormat  `json:"output_format"`
	Output   outputConfig `json:"output_config"`
}

type turn struct {
	Role    string   `json:"role"`
	Content inBlocks `json:"content"`
}

type outputConfig struct {
	Format *jsonFormat `json:"format"`
	Effort string      `json:"effort"`
}

type jsonFormat struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

// inBlocks are content blocks; a text alone is one of them.
type inBlocks []inBlock

type inBlock struct {
	Type      string                 `json:"type"`
	Text      string                 `json:"text"`
	Thinking  string                 `json:"thinking"`
	ID        string                 `json:"id"`
	Name      string                 `json:"name"`
	Input     json.RawMessage        `json:"input"`
	ToolUseID string                 `json:"tool_use_id"`
	Content   json.RawMessage        `json:"content"` // inBlocks, but for vendors' own results
	IsError   bool                   `json:"is_error"`
	Source    *anthropic.ImageSource `json:"source"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *inBlocks) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if *b = nil; text != "" {
			*b = inBlocks{{Type: "text", Text: text}}
		}
		return nil
	}
	return json.Unmarshal(raw, (*[]inBlock)(b))
}

func (a *ask) anthropic() error {
	var r messagesRequest
	if err := a.decode(&r); err != nil {
		return err
	}
	switch {
	case r.MaxTokens <= 0:
		return refuse("max_tokens", "max_tokens is required and must be positive")
	case len(r.Messages) == 0:
		return refuse("messages", "messages is required")
	}
	t := &talk{}
	if system := systemParts(r.System); len(system) > 0 {
		t.say("system", system, "", nil)
	}
	for i, m := range r.Messages {
		if err := a.turn(t, fmt.Sprintf("messages[%d]", i), m); err != nil {
			return err
		}
	}
	messages := t.end(a.engine)
	a.x.Path, a.out["messages"] = chatPath, messages
	a.x.Stream, a.x.ContentType, a.x.model = r.Stream, "application/json", r.Model
	if r.Stream {
		a.x.ContentType = "text/event-stream"
	}
	estimate := size(messages)
	for _, tool := range r.Tools {
		estimate += len(tool.Name) + len(tool.Description) + len(tool.InputSchema)
	}
	a.x.writer = &blocks{to: &messagesWriter{estimate: estimate / bytesPerToken, stops: r.StopSequences}}
	a.limit(r.MaxTokens)
	set(a.out, "temperature", r.Temperature)
	set(a.out, "top_p", r.TopP)
	if r.TopK != nil && a.engine.Kind != Ollama {
		a.out["top_k"] = *r.TopK
	}
	if len(r.StopSequences) > 0 {
		a.out["stop"] = r.StopSequences
	}
	if r.Metadata != nil {
		a.user(r.Metadata.UserID)
	}
	if r.Thinking != nil {
		a.think(r.Thinking.Type != "disabled", r.Output.Effort)
	}
	for _, f := range []*jsonFormat{r.Format, r.Output.Format} {
		if f != nil && f.Type == "json_schema" && filled(f.Schema) {
			a.shape("", f.Schema, nil)
		}
	}
	return a.anthropicTools(r.Tools, r.ToolChoice)
}

// bytesPerToken is how long a token is about.
const bytesPerToken = 4

// systemParts are the system's texts without a note for Anthropic's accounts that
// Claude Code puts in front: it differs each time, and no prompt would be found in
// an engine's cache again.
func systemParts(system inBlocks) []part {
	var parts []part
	for _, b := range system {
		if b.Text != "" && !strings.HasPrefix(b.Text, "x-anthropic-billing-header:") {
			parts = append(parts, textPart(b.Text))
		}
	}
	return parts
}

// turn adds a message. Results go in front of what the user says with them, as
// engines want them right behind their calls.
func (a *ask) turn(t *talk, at string, m turn) error {
	var said []part
	var calls []toolCall
	thinking := ""
	for i, b := range m.Content {
		at := fmt.Sprintf("%s.content[%d]", at, i)
		switch b.Type {
		case "tool_use":
			arguments := "{}"
			if filled(b.Input) {
				arguments = string(b.Input)
			}
			calls = append(calls, toolCall{ID: b.ID, Function: function{b.Name, arguments}})
		case "tool_result":
			if err := a.toolResult(t, at, b); err != nil {
				return err
			}
		case "thinking":
			thinking += b.Thinking
		case "redacted_thinking": // only its vendor can read it
		default:
			p, err := a.blockPart(at, b)
			if err != nil {
				return err
			}
			said = append(said, p)
		}
	}
	if len(said) > 0 || len(calls) > 0 || thinking != "" {
		t.say(strings.ToLower(m.Role), said, thinking, calls)
	}
	return nil
}

func (a *ask) toolResult(t *talk, at string, b inBlock) error {
	var content inBlocks
	if len(b.Content) > 0 {
		if err := json.Unmarshal(b.Content, &content); err != nil {
			return refuse(at+".content", "the result of a tool cannot be read: %v", err)
		}
	}
	var parts []part
	if b.IsError {
		parts = append(parts, textPart("The tool failed:")) // engines know no other way to tell
	}
	for i, inner := range content {
		p, err := a.blockPart(fmt.Sprintf("%s.content[%d]", at, i), inner)
		if err != nil {
			return err
		}
		parts = append(parts, p)
	}
	t.result(b.ToolUseID, "", parts)
	return nil
}

func (a *ask) blockPart(at string, b inBlock) (part, error) {
	switch s := b.Source; {
	case b.Type == "text":
		return textPart(b.Text), nil
	case b.Type == "image" && s != nil && s.Type == "base64":
		return imagePart("data:" + s.MediaType + ";base64," + s.Data), nil
	case b.Type == "image" && s != nil && s.Type == "url":
		address, err := a.imageURL(at+".source.url", s.URL)
		return imagePart(address), err
	case b.Type == "document" && s != nil && s.Type == "text":
		return textPart(s.Data), nil
	}
	return part{}, refuse(at, "a block of type %q is nothing that this engine reads: send text or images", b.Type)
}

// vendorTools are types of tools that run at Anthropic's.
var vendorTools = []string{"web_search", "web_fetch", "code_execution", "tool_search", "mcp_toolset"}

func (a *ask) anthropicTools(tools []anthropic.Tool, c *anthropic.ToolChoice) error {
	var offered toolset
	for i, tool := range tools {
		switch {
		case slices.ContainsFunc(vendorTools, func(prefix string) bool { return strings.HasPrefix(tool.Type, prefix) }):
			offered.hosted = append(offered.hosted, tool.Type)
		case tool.Type != "" && tool.Type != "custom":
			return refuse(fmt.Sprintf("tools[%d]", i), "a tool of type %q has no schema that this engine's models know: offer it with an input_schema", tool.Type)
		default:
			if err := offered.add(tool.Name, tool.Description, tool.InputSchema, nil); err != nil {
				return err
			}
		}
	}
	if c == nil {
		return offered.put(a, choice{}, nil)
	}
	how := map[string]string{"auto": "auto", "any": "required", "tool": "function", "none": "none"}[c.Type]
	if how == "" {
		return refuse("tool_choice", "unknown tool_choice %q: use auto, any, tool or none", c.Type)
	}
	if !c.DisableParallelToolUse {
		return offered.put(a, choice{how, c.Name}, nil)
	}
	one := false
	return offered.put(a, choice{how, c.Name}, &one)
}
