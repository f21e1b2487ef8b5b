package translate

import (
	"encoding/json"
	"slices"
)

// toolset are the tools that a client offers.
type toolset struct {
	tools  []json.RawMessage // functions, as engines read them
	names  []string          // of the tools
	hosted []string          // types of those that the client's vendor runs itself
}

// add takes in a function with its schema as the client wrote it.
func (t *toolset) add(name, description string, schema json.RawMessage, strict *bool) error {
	f := map[string]any{"name": name}
	if description != "" {
		f["description"] = description
	}
	if filled(schema) {
		f["parameters"] = schema
	}
	set(f, "strict", strict)
	raw, err := encode(map[string]any{"type": "function", "function": f})
	if err != nil {
		return refuse("tools", "the tool %q cannot be read: %v", name, err)
	}
	t.tools, t.names = append(t.tools, raw), append(t.names, name)
	return nil
}

// choice is how free the model is to call tools.
type choice struct {
	how  string // "auto", "none", "required", "function"; "" = not told
	name string // of the function
}

// put writes tools and choice. Only an engine of the OpenAI kind can be told to
// call one tool of several; the others see that one alone and have to call one.
func (t *toolset) put(a *ask, c choice, parallel *bool) error {
	if len(t.tools) == 0 {
		if len(t.hosted) > 0 {
			return refuse("tools", "tools of type %q run at the vendor's only, and this engine has none: offer functions", t.hosted[0])
		}
		return nil
	}
	if c.how == "function" && !slices.Contains(t.names, c.name) {
		return refuse("tool_choice", "the tool %q is not in tools, or this engine cannot run it", c.name)
	}
	a.out["tools"] = t.tools
	set(a.out, "parallel_tool_calls", parallel)
	switch {
	case c.how == "none" && a.engine.Kind == Ollama: // it does not read tool_choice
		delete(a.out, "tools")
	case c.how == "function" && a.engine.Kind != OpenAI:
		a.out["tools"] = []json.RawMessage{t.tools[slices.Index(t.names, c.name)]}
		a.out["tool_choice"] = "required"
	case c.how == "function":
		a.out["tool_choice"] = map[string]any{"type": "function", "function": map[string]any{"name": c.name}}
	case c.how != "":
		a.out["tool_choice"] = c.how
	}
	return nil
}
