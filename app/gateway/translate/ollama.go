package translate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ollama/ollama/api"
)

// chatRequest is a request of /api/chat. What Ollama's own types would lose on the
// way (parts of schemas that it does not know, large numbers) is kept as written.
type chatRequest struct {
	api.ChatRequest
	Messages []chatMessage              `json:"messages"`
	Tools    []json.RawMessage          `json:"tools"`
	Options  map[string]json.RawMessage `json:"options"`
}

type chatMessage struct {
	Role       string          `json:"role"`
	Content    string          `json:"content"`
	Thinking   string          `json:"thinking"`
	Images     []api.ImageData `json:"images"`
	ToolCalls  []nativeCall    `json:"tool_calls"`
	ToolName   string          `json:"tool_name"`
	ToolCallID string          `json:"tool_call_id"`
}

// nativeCall is a call as Ollama writes it.
type nativeCall struct {
	ID       string         `json:"id,omitempty"`
	Function nativeFunction `json:"function"`
}

type nativeFunction struct {
	Index     int             `json:"index"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"` // an object
}

// generateRequest is a request of /api/generate.
type generateRequest struct {
	api.GenerateRequest
	Options map[string]json.RawMessage `json:"options"`
}

func (a *ask) chat() error {
	var r chatRequest
	if err := a.decode(&r); err != nil {
		return err
	}
	a.native(r.Model, r.Stream, &nativeWriter{chat: true})
	if len(r.Messages) == 0 {
		return a.load(r.KeepAlive)
	}
	if r.DebugRenderOnly {
		return refuse("_debug_render_only", "this engine does not tell its prompts")
	}
	t := &talk{}
	for i, m := range r.Messages {
		if err := t.native(i, m); err != nil {
			return err
		}
	}
	a.x.Path, a.out["messages"] = chatPath, t.end(a.engine)
	tools := toolset{tools: r.Tools}
	if err := tools.put(a, choice{}, nil); err != nil {
		return err
	}
	a.keep(r.KeepAlive)
	a.thinkValue(r.Think)
	if r.Logprobs {
		a.out["logprobs"], a.out["top_logprobs"] = true, r.TopLogprobs
	}
	if err := a.format(r.Format); err != nil {
		return err
	}
	return a.options(r.Options)
}

func (a *ask) generate() error {
	var r generateRequest
	if err := a.decode(&r); err != nil {
		return err
	}
	a.native(r.Model, r.Stream, &nativeWriter{})
	if r.Prompt == "" && r.Suffix == "" {
		return a.load(r.KeepAlive)
	}
	if err := a.answerable(&r); err != nil {
		return err
	}
	a.keep(r.KeepAlive)
	if err := a.options(r.Options); err != nil {
		return err
	}
	if r.Raw || r.Suffix != "" {
		a.x.Path, a.out["prompt"] = completionsPath, r.Prompt
		if r.Suffix != "" {
			a.out["suffix"] = r.Suffix
		}
		return a.format(r.Format)
	}
	t := &talk{}
	if r.System != "" {
		t.say("system", []part{textPart(r.System)}, "", nil)
	}
	if err := t.native(-1, chatMessage{Role: "user", Content: r.Prompt, Images: r.Images}); err != nil {
		return err
	}
	a.x.Path, a.out["messages"] = chatPath, t.end(a.engine)
	a.thinkValue(r.Think)
	if r.Logprobs {
		a.out["logprobs"], a.out["top_logprobs"] = true, r.TopLogprobs
	}
	return a.format(r.Format)
}

// answerable refuses what would change the prompt and cannot be told to the
// engine: its answer would be one to another question.
func (a *ask) answerable(r *generateRequest) error {
	plain := r.Raw || r.Suffix != ""
	switch {
	case r.Template != "":
		return refuse("template", "this engine uses the model's own template: leave template out, or send the whole prompt with raw")
	case len(r.Context) > 0:
		return refuse("context", "this engine keeps no context: send the conversation to /api/chat")
	case r.Raw && r.System != "":
		return refuse("system", "raw mode does not support template, system, or context")
	case plain && len(r.Images) > 0:
		return refuse("images", "this engine takes images in a chat only: leave raw and suffix out")
	case plain && r.Logprobs:
		return refuse("logprobs", "this engine tells logprobs in a chat only: leave raw and suffix out")
	case r.Suffix != "" && a.engine.Kind == LlamaCPP:
		return refuse("suffix", "llama.cpp's completions ignore a suffix: send the model's own marks for the middle with raw, or use its /infill")
	case r.Suffix != "" && a.engine.Kind == KoboldCPP:
		return refuse("suffix", "KoboldCpp's completions ignore a suffix: send the model's own marks for the middle with raw")
	case r.DebugRenderOnly:
		return refuse("_debug_render_only", "this engine does not tell its prompts")
	}
	return nil
}

// native prepares an answer in Ollama's dialect, which streams unless told not to.
func (a *ask) native(model string, stream *bool, w *nativeWriter) {
	a.x.model, a.x.writer = model, w
	a.x.Stream, a.x.ContentType = stream == nil || *stream, "application/x-ndjson"
	if !a.x.Stream {
		a.x.ContentType = nativeJSON
	}
}

const nativeJSON = "application/json; charset=utf-8"

// load answers a request without a prompt, which has Ollama load a model or let go
// of it. These engines load on demand, and cannot be told to unload.
func (a *ask) load(keep *api.Duration) error {
	if keep != nil && keep.Duration == 0 {
		return &Error{Status: 501, Param: "keep_alive", Message: "this engine does not unload on request: unload the model in the engine itself"}
	}
	a.x.finish, a.x.Stream, a.x.ContentType = "load", false, nativeJSON
	return nil
}

func (a *ask) thinkValue(v *api.ThinkValue) {
	if v == nil || v.Value == nil {
		return
	}
	level := ""
	if v.IsString() {
		level = v.String()
	}
	a.think(v.Bool(), level)
}

// format asks for JSON of any kind or of a schema.
func (a *ask) format(raw json.RawMessage) error {
	switch {
	case !filled(raw):
	case string(raw) == `"json"`:
		a.shape("", nil, nil)
	case raw[0] == '{':
		a.shape("", raw, nil)
	default:
		return refuse("format", `invalid format: %s; expected "json" or a valid JSON Schema object`, raw[:min(len(raw), 64)])
	}
	return nil
}

// native adds the i-th message of a chat in Ollama's dialect; -1 = the only one.
func (t *talk) native(i int, m chatMessage) error {
	at := ""
	if i >= 0 {
		at = fmt.Sprintf("messages[%d].", i)
	}
	var parts []part
	for _, data := range m.Images { // Ollama puts them in front of the text, too
		address, err := dataURL(at+"images", data)
		if err != nil {
			return err
		}
		parts = append(parts, imagePart(address))
	}
	if m.Content != "" {
		parts = append(parts, textPart(m.Content))
	}
	var calls []toolCall
	for _, c := range m.ToolCalls {
		arguments := bytes.NewBufferString("{}")
		if filled(c.Function.Arguments) {
			arguments.Reset()
			_ = json.Compact(arguments, c.Function.Arguments) // it was read as JSON
		}
		if arguments.Bytes()[0] != '{' {
			return refuse(at+"tool_calls", "the arguments of %q are not an object", c.Function.Name)
		}
		calls = append(calls, toolCall{ID: c.ID, Function: function{c.Function.Name, arguments.String()}})
	}
	role := strings.ToLower(m.Role)
	if role == "tool" {
		t.result(m.ToolCallID, m.ToolName, parts)
		return nil
	}
	t.say(role, parts, m.Thinking, calls)
	return nil
}
