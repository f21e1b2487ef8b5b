//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"image/color"
	"net/http"
	"slices"
	"strings"

	"github.com/ollama/ollama/api"

	"carpool/backends/backendstest"
)

// told is what a native request says to get the same answer each time.
func told(more ...any) map[string]any {
	options := map[string]any{"temperature": 0, "seed": 7, "num_predict": 24}
	for i := 0; i < len(more); i += 2 {
		options[more[i].(string)] = more[i+1]
	}
	return options
}

// chat has Ollama's client ask and collects the answer.
func (c *cell) chat(r *api.ChatRequest) (whole api.ChatResponse, pieces int) {
	c.Helper()
	if r.Options == nil {
		r.Options = told()
	}
	err := c.ollama().Chat(c.Context(), r, func(part api.ChatResponse) error {
		pieces++
		said, thought := whole.Message.Content+part.Message.Content, whole.Message.Thinking+part.Message.Thinking
		calls := append(whole.Message.ToolCalls, part.Message.ToolCalls...)
		whole = part
		whole.Message.Content, whole.Message.Thinking, whole.Message.ToolCalls = said, thought, calls
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
	if !whole.Done || whole.DoneReason == "" || whole.PromptEvalCount == 0 || whole.EvalCount == 0 || whole.TotalDuration == 0 || whole.EvalDuration == 0 {
		c.Errorf("it ends with %+v", whole)
	}
	return whole, pieces
}

// say is the text that a model says to a prompt.
func (c *cell) say(prompt string, options map[string]any) api.ChatResponse {
	c.Helper()
	whole, _ := c.chat(&api.ChatRequest{Model: c.Chat, Messages: asked(prompt), Options: options})
	if whole.Message.Content == "" {
		c.Fatalf("it says nothing: %+v", whole)
	}
	return whole
}

func asked(prompt string) []api.Message { return []api.Message{{Role: "user", Content: prompt}} }

var off = false

// weatherTool is the tool that models of the suite know.
func weatherTool() api.Tools {
	var city api.ToolPropertiesMap
	if err := json.Unmarshal([]byte(`{"city":{"type":"string"}}`), &city); err != nil {
		panic(err)
	}
	return api.Tools{{Type: "function", Function: api.ToolFunction{
		Name: "get_weather", Parameters: api.ToolFunctionParameters{Type: "object", Properties: &city, Required: []string{"city"}},
	}}}
}

// nativeRows are what clients of Ollama's dialect ask of a model.
func nativeRows() []capability {
	return []capability{
		{"generate", func(c *cell) {
			for _, stream := range []bool{false, true} {
				var said strings.Builder
				var last api.GenerateResponse
				pieces := 0
				err := c.ollama().Generate(c.Context(), &api.GenerateRequest{Model: c.Chat, Prompt: "the time is", Stream: &stream, Options: told()},
					func(r api.GenerateResponse) error { pieces++; said.WriteString(r.Response); last = r; return nil })
				if err != nil || said.Len() == 0 || !last.Done || last.EvalCount == 0 || stream != (pieces > 2) {
					c.Errorf("stream %v: %q in %d pieces, %+v, %v", stream, said.String(), pieces, last, err)
				}
			}
		}},
		{"chat", func(c *cell) {
			try := func() { c.say("what is the time", told()) }
			try()
			c.quirky(try, backendstest.NoSlotsRoute, backendstest.NoMetrics)
		}},
		{"chat, streamed", func(c *cell) {
			one, pieces := c.chat(&api.ChatRequest{Model: c.Chat, Messages: asked("what is the time")})
			whole, _ := c.chat(&api.ChatRequest{Model: c.Chat, Messages: asked("what is the time"), Stream: &off})
			if pieces < 3 || one.Message.Content != whole.Message.Content || one.EvalCount != whole.EvalCount {
				c.Errorf("%q in %d pieces, in one %q", one.Message.Content, pieces, whole.Message.Content)
			}
		}},
		{"system prompt", func(c *cell) {
			said := map[string]bool{}
			for _, system := range []string{"be brief", "you are a cat"} {
				whole, _ := c.chat(&api.ChatRequest{Model: c.Chat, Messages: append([]api.Message{{Role: "system", Content: system}}, asked("what is the time")...)})
				said[whole.Message.Content] = true
				err := c.ollama().Generate(c.Context(), &api.GenerateRequest{Model: c.Chat, System: system, Prompt: "the time", Stream: &off, Options: told()},
					func(r api.GenerateResponse) error { said[r.Response] = true; return nil })
				if err != nil {
					c.Error(err)
				}
			}
			if len(said) != 4 {
				c.Errorf("the system prompt changes nothing: %v", said)
			}
		}},
		{"images", func(c *cell) {
			said := map[string]bool{}
			for _, size := range []int{28, 56} {
				image := unpacked(picture(size, size, color.RGBA{R: 200, A: 255}))
				whole, _ := c.chat(&api.ChatRequest{Model: c.Vision, Messages: []api.Message{{Role: "user", Content: "look", Images: []api.ImageData{image}}}})
				said[whole.Message.Content] = true
			}
			if len(said) != 2 {
				c.Errorf("two pictures, one answer: %v", said)
			}
		}},
		{"tools", func(c *cell) {
			c.callsTool(false)
			c.quirky(func() {
				err := c.ollama().Chat(c.Context(), &api.ChatRequest{Model: c.Chat, Messages: asked(c.Tools.Prompt), Tools: weatherTool()}, func(api.ChatResponse) error { return nil })
				if e, ok := errors.AsType[api.StatusError](err); !ok || e.StatusCode != http.StatusBadRequest || !strings.Contains(e.ErrorMessage, "tool choice") {
					c.Errorf("%#v", err)
				}
			}, backendstest.NoAutoTools)
		}},
		{"tools, streamed", func(c *cell) { c.callsTool(true) }},
		{"tool results", func(c *cell) {
			messages := append(asked(c.Tools.Prompt), c.callsTool(false), api.Message{Role: "tool", ToolName: "get_weather", Content: "dry"})
			whole, _ := c.chat(&api.ChatRequest{Model: c.Tools.Model, Messages: messages, Tools: weatherTool()})
			if whole.Message.Content == "" || len(whole.Message.ToolCalls) > 0 {
				c.Errorf("with the result it says %+v", whole.Message)
			}
		}},
		{"thinking", func(c *cell) {
			try := func() {
				r := &api.ChatRequest{Model: c.Thinking.Model, Messages: asked(c.Thinking.Prompt), Think: &api.ThinkValue{Value: true}}
				if whole, _ := c.chat(r); whole.Message.Thinking == "" || whole.Message.Content == "" {
					c.Errorf("%+v", whole.Message)
				}
				if c.Thinking.Model == thinker {
					return // it was taught to think, and will
				}
				r.Think = &api.ThinkValue{Value: false}
				if whole, _ := c.chat(r); whole.Message.Thinking != "" {
					c.Errorf("told not to think it says %+v", whole.Message)
				}
			}
			try()
			c.quirky(try, backendstest.ReasoningRenamed)
		}},
		{"format json", func(c *cell) {
			p := prompt{c.Chat, "an animal"}
			if c.Object != nil {
				p = *c.Object
			}
			whole, _ := c.chat(&api.ChatRequest{Model: p.Model, Messages: asked(p.Prompt), Format: json.RawMessage(`"json"`), Options: told("num_predict", 200)})
			var got map[string]any
			if err := json.Unmarshal([]byte(whole.Message.Content), &got); err != nil {
				c.Errorf("%q: %v", whole.Message.Content, err)
			}
		}},
		{"format by schema", func(c *cell) {
			whole, _ := c.chat(&api.ChatRequest{Model: c.Schema, Messages: asked("an animal"), Format: json.RawMessage(object), Options: told("num_predict", 300)})
			wantObject(c, whole.Message.Content)
		}},
		{"options: temperature, seed", func(c *cell) {
			one, again := c.say("tell me", told("temperature", 1.5)), c.say("tell me", told("temperature", 1.5))
			if one.Message.Content != again.Message.Content {
				c.Errorf("one seed, two answers: %q, %q", one.Message.Content, again.Message.Content)
			}
			if c.engineSaw("temperature", 1.5) && c.engineSaw("seed", 7.0) {
				return // this one is scripted, and says the same whatever it is told
			}
			if other := c.say("tell me", told("temperature", 1.5, "seed", 8)); other.Message.Content == one.Message.Content {
				c.Errorf("two seeds, one answer: %q", one.Message.Content)
			}
		}},
		{"options: stop", func(c *cell) {
			whole := strings.Fields(c.say("tell me", told()).Message.Content)
			word := whole[len(whole)/2]
			got := c.say("tell me", told("stop", []string{word}))
			if got.DoneReason != "stop" || strings.Contains(got.Message.Content, word) {
				c.Errorf("told to stop at %q it says %q (%s)", word, got.Message.Content, got.DoneReason)
			}
		}},
		{"options: num_predict", func(c *cell) {
			if got := c.say("tell me", told("num_predict", 4)); got.DoneReason != "length" || got.EvalCount != 4 {
				c.Errorf("%+v", got)
			}
		}},
		{"embed", func(c *cell) {
			got, err := c.ollama().Embed(c.Context(), &api.EmbedRequest{Model: c.Embed, Input: []string{"the first", "a second", "the first"}})
			if err != nil || len(got.Embeddings) != 3 {
				c.Fatalf("%+v, %v", got, err)
			}
			if v := got.Embeddings; len(v[0]) == 0 || slices.Equal(v[0], v[1]) || !slices.Equal(v[0], v[2]) {
				c.Errorf("%v", v)
			}
		}},
		{"embeddings", func(c *cell) {
			got, err := c.ollama().Embeddings(c.Context(), &api.EmbeddingRequest{Model: c.Embed, Prompt: "the first"})
			if err != nil || len(got.Embedding) == 0 {
				c.Errorf("%+v, %v", got, err)
			}
		}},
		{"load, unload", func(c *cell) {
			var last api.GenerateResponse
			err := c.ollama().Generate(c.Context(), &api.GenerateRequest{Model: c.Chat}, func(r api.GenerateResponse) error { last = r; return nil })
			if err != nil || !last.Done {
				c.Errorf("load: %+v, %v", last, err)
			}
			err = c.ollama().Generate(c.Context(), &api.GenerateRequest{Model: c.Chat, KeepAlive: &api.Duration{}}, func(r api.GenerateResponse) error { last = r; return nil })
			if e, ok := errors.AsType[api.StatusError](err); ok && e.StatusCode == http.StatusNotImplemented && e.ErrorMessage != "" && c.pool.kind != "ollama" {
				c.without("it cannot be told to unload: " + e.ErrorMessage)
			}
			if err != nil || last.DoneReason != "unload" {
				c.Errorf("unload: %+v, %v", last, err)
			}
		}},
	}
}

// callsTool has the model call the tool and returns what it said.
func (c *cell) callsTool(stream bool) api.Message {
	c.Helper()
	whole, _ := c.chat(&api.ChatRequest{Model: c.Tools.Model, Messages: asked(c.Tools.Prompt), Tools: weatherTool(), Stream: &stream, Options: told("num_predict", 200)})
	calls := whole.Message.ToolCalls
	if len(calls) != 1 || calls[0].Function.Name != "get_weather" {
		c.Fatalf("%+v", whole.Message)
	}
	if _, ok := calls[0].Function.Arguments.Get("city"); !ok {
		c.Errorf("no city in %+v", calls[0].Function)
	}
	return whole.Message
}

// engineSaw reports whether a scripted engine was asked with a field of this value.
func (c *cell) engineSaw(field string, value any) bool {
	if c.behind != c.pool {
		return false
	}
	var body map[string]any
	last, _ := c.scripted.Last("/v1/chat/completions")
	return json.Unmarshal(last.Body, &body) == nil && body[field] == value
}

// wantObject fails the test unless a text is an object of the schema object.
func wantObject(c *cell, text string) {
	c.Helper()
	var got struct {
		Name string
		Kind string
		Tags []string
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Kind != "cat" && got.Kind != "dog" || len(got.Tags) != 2 {
		c.Errorf("%q: %v", text, err)
	}
}

// nativeLists are what clients of Ollama's dialect ask of the engine itself.
func nativeLists() []capability {
	return []capability{
		{"tags", func(c *cell) {
			got, err := c.ollama().List(c.Context())
			if err != nil || !slices.ContainsFunc(got.Models, func(m api.ListModelResponse) bool { return trimLatest(m.Name) == c.Chat }) {
				c.Errorf("%+v, %v", got, err)
			}
		}},
		{"ps", func(c *cell) {
			c.say("hello", told())
			got, err := c.ollama().ListRunning(c.Context())
			if err != nil || !slices.ContainsFunc(got.Models, func(m api.ProcessModelResponse) bool { return trimLatest(m.Name) == c.Chat }) {
				c.Errorf("%+v, %v", got, err)
			}
		}},
		{"show", func(c *cell) {
			got, err := c.ollama().Show(c.Context(), &api.ShowRequest{Model: c.Chat})
			if err != nil || !slices.Contains(got.Capabilities, "completion") {
				c.Errorf("%+v, %v", got, err)
			}
		}},
		{"version", func(c *cell) {
			if got, err := c.ollama().Version(c.Context()); err != nil || got == "" {
				c.Errorf("%q, %v", got, err)
			}
		}},
		{"pull, push, create, copy, delete", func(c *cell) {
			if c.pool.kind == "ollama" {
				if err := c.ollama().Copy(c.Context(), &api.CopyRequest{Source: c.Chat, Destination: "copied"}); err != nil {
					c.Fatal(err)
				}
				if err := c.ollama().Delete(c.Context(), &api.DeleteRequest{Model: "copied"}); err != nil {
					c.Error(err)
				}
				return
			}
			for path, body := range map[string]string{
				"/api/pull": `{"model":"x"}`, "/api/push": `{"model":"x"}`, "/api/create": `{"model":"x"}`, "/api/copy": `{"source":"x","destination":"y"}`,
			} {
				status, text := c.send(c.pool.url, path, body)
				var told struct{ Error string }
				if err := json.Unmarshal([]byte(text), &told); err != nil || status != http.StatusNotImplemented || told.Error == "" {
					c.Errorf("%s: %d %s", path, status, text)
				}
			}
			c.without("only Ollama's models are managed through it")
		}},
	}
}

func trimLatest(name string) string { return strings.TrimSuffix(name, ":latest") }

// unpacked is what a base64 text stands for.
func unpacked(text string) []byte {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}
