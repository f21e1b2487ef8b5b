//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

// checkOllama has Ollama's own client do what it can at base.
func checkOllama(t *testing.T, base string, e described) (left int) {
	client := ollamaClient(base, http.DefaultTransport)
	options := map[string]any{"temperature": 0, "seed": 7, "num_predict": 16}
	ask := []api.Message{{Role: "system", Content: "be brief"}, {Role: "user", Content: "what is the time"}}
	chat := func(t *testing.T, r *api.ChatRequest) (whole api.ChatResponse, pieces int) {
		t.Helper()
		err := client.Chat(t.Context(), r, func(part api.ChatResponse) error {
			pieces++
			said, thought := whole.Message.Content+part.Message.Content, whole.Message.Thinking+part.Message.Thinking
			calls := append(whole.Message.ToolCalls, part.Message.ToolCalls...)
			whole = part
			whole.Message.Content, whole.Message.Thinking, whole.Message.ToolCalls = said, thought, calls
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if m := whole.Metrics; !whole.Done || whole.DoneReason == "" || m.PromptEvalCount == 0 || m.EvalCount == 0 || m.TotalDuration == 0 {
			t.Errorf("it ends with %+v", whole)
		}
		return whole, pieces
	}

	t.Run("list", func(t *testing.T) {
		list, err := client.List(t.Context())
		if err != nil || !slices.ContainsFunc(list.Models, func(m api.ListModelResponse) bool { return strings.TrimSuffix(m.Name, ":latest") == e.Chat }) {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("show", func(t *testing.T) {
		info, err := client.Show(t.Context(), &api.ShowRequest{Model: e.Chat})
		if err != nil || !slices.Contains(info.Capabilities, "completion") {
			t.Errorf("%+v, %v", info, err)
		}
	})
	t.Run("version", func(t *testing.T) {
		if v, err := client.Version(t.Context()); err != nil || v == "" {
			t.Errorf("%q, %v", v, err)
		}
	})
	t.Run("generate", func(t *testing.T) {
		for _, streamed := range []bool{false, true} {
			var said strings.Builder
			var last api.GenerateResponse
			err := client.Generate(t.Context(), &api.GenerateRequest{Model: e.Chat, Prompt: "the time is", Options: options, Stream: &streamed},
				func(r api.GenerateResponse) error { last = r; said.WriteString(r.Response); return nil })
			if err != nil || said.Len() == 0 || !last.Done || last.EvalCount == 0 {
				t.Errorf("streamed %v: %q, %+v, %v", streamed, said.String(), last, err)
			}
		}
	})
	t.Run("chat", func(t *testing.T) {
		for _, streamed := range []bool{false, true} {
			whole, pieces := chat(t, &api.ChatRequest{Model: e.Chat, Messages: ask, Options: options, Stream: &streamed})
			if whole.Message.Content == "" || streamed != (pieces > 2) {
				t.Errorf("streamed %v: %q in %d pieces", streamed, whole.Message.Content, pieces)
			}
		}
	})
	t.Run("tools", func(t *testing.T) {
		if e.Tools == nil {
			t.Skip("no tools")
		}
		var city api.ToolPropertiesMap
		if err := json.Unmarshal([]byte(`{"city":{"type":"string"}}`), &city); err != nil {
			t.Fatal(err)
		}
		tools := api.Tools{{Type: "function", Function: api.ToolFunction{
			Name: "get_weather", Parameters: api.ToolFunctionParameters{Type: "object", Properties: &city, Required: []string{"city"}},
		}}}
		for _, streamed := range []bool{false, true} {
			asked := []api.Message{{Role: "user", Content: e.Tools.Prompt}}
			whole, _ := chat(t, &api.ChatRequest{Model: e.Tools.Model, Messages: asked, Tools: tools, Stream: &streamed, Options: map[string]any{"temperature": 0}})
			if calls := whole.Message.ToolCalls; len(calls) != 1 || calls[0].Function.Name != "get_weather" {
				t.Fatalf("streamed %v: %+v", streamed, whole.Message)
			}
			if _, ok := whole.Message.ToolCalls[0].Function.Arguments.Get("city"); !ok {
				t.Errorf("no city in %+v", whole.Message.ToolCalls[0])
			}
			asked = append(asked, whole.Message, api.Message{Role: "tool", ToolName: "get_weather", Content: "dry"})
			whole, _ = chat(t, &api.ChatRequest{Model: e.Tools.Model, Messages: asked, Tools: tools, Stream: &streamed, Options: map[string]any{"temperature": 0}})
			if whole.Message.Content == "" || len(whole.Message.ToolCalls) > 0 {
				t.Errorf("with the result it says %+v", whole.Message)
			}
		}
	})
	t.Run("schema", func(t *testing.T) {
		if e.Schema == "" {
			t.Skip("it holds no model to a schema")
		}
		whole, _ := chat(t, &api.ChatRequest{Model: e.Schema, Messages: ask, Format: json.RawMessage(object), Options: map[string]any{"temperature": 0, "num_predict": 300}})
		var got struct {
			Kind string
			Tags []string
		}
		if err := json.Unmarshal([]byte(whole.Message.Content), &got); err != nil || got.Kind == "" || len(got.Tags) != 2 {
			t.Errorf("%q: %v", whole.Message.Content, err)
		}
	})
	t.Run("thinking", func(t *testing.T) {
		if e.Thinking == nil {
			t.Skip("no thinking")
		}
		whole, _ := chat(t, &api.ChatRequest{Model: e.Thinking.Model, Messages: []api.Message{{Role: "user", Content: e.Thinking.Prompt}}, Think: &api.ThinkValue{Value: true}})
		if whole.Message.Thinking == "" || whole.Message.Content == "" {
			t.Errorf("%+v", whole.Message)
		}
	})
	t.Run("embed", func(t *testing.T) {
		if e.Embed == "" {
			t.Skip("it does not embed")
		}
		got, err := client.Embed(t.Context(), &api.EmbedRequest{Model: e.Embed, Input: []string{"the first", "a second"}})
		if err != nil || len(got.Embeddings) != 2 || len(got.Embeddings[0]) == 0 || slices.Equal(got.Embeddings[0], got.Embeddings[1]) {
			t.Fatalf("%+v, %v", got, err)
		}
		one, err := client.Embeddings(t.Context(), &api.EmbeddingRequest{Model: e.Embed, Prompt: "the first"})
		if err != nil || len(one.Embedding) != len(got.Embeddings[0]) {
			t.Errorf("%+v, %v", one, err)
		}
	})
	t.Run("abort", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		left++
		pieces := 0
		err := client.Chat(ctx, &api.ChatRequest{Model: e.Slow, Messages: ask, Options: map[string]any{"num_predict": 1500}},
			func(api.ChatResponse) error { pieces++; cancel(); return nil })
		// The client may return the pieces that came before it noticed.
		if pieces == 0 || pieces > 100 {
			t.Errorf("%d pieces, %v", pieces, err)
		}
	})
	t.Run("not found", func(t *testing.T) {
		if e.lacks("unknown models") {
			t.Skip("it answers whatever name")
		}
		for _, streamed := range []bool{false, true} {
			err := client.Chat(t.Context(), &api.ChatRequest{Model: "nobody", Messages: ask, Stream: &streamed}, func(api.ChatResponse) error { return nil })
			if e, ok := errors.AsType[api.StatusError](err); !ok || e.StatusCode != http.StatusNotFound || !strings.Contains(e.ErrorMessage, "not found") {
				t.Errorf("streamed %v: %#v", streamed, err)
			}
		}
	})
	t.Run("bad format", func(t *testing.T) {
		err := client.Chat(t.Context(), &api.ChatRequest{Model: e.Chat, Messages: ask, Format: json.RawMessage(`"no format"`)}, func(api.ChatResponse) error { return nil })
		// Ollama says 500.
		if e, ok := errors.AsType[api.StatusError](err); !ok || e.StatusCode != http.StatusBadRequest && e.StatusCode != http.StatusInternalServerError {
			t.Errorf("%#v", err)
		}
	})
	return left
}
