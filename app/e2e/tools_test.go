//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"

	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
)

// TestTools has the official clients offer a tool. A format forces the noise to
// call it; the call that comes out is the engine's own.
func TestTools(t *testing.T) {
	parameters := map[string]any{
		"type":       "object",
		"properties": map[string]any{"city": map[string]any{"type": "string"}},
		"required":   []string{"city"},
	}
	t.Run("Ollama", func(t *testing.T) {
		for _, streamed := range []bool{false, true} {
			var city api.ToolPropertiesMap
			if err := json.Unmarshal([]byte(`{"city":{"type":"string"}}`), &city); err != nil {
				t.Fatal(err)
			}
			var calls []api.ToolCall
			err := shared.ollama().Chat(t.Context(), &api.ChatRequest{
				Model: fast, Stream: &streamed, Format: json.RawMessage(toolCall),
				Messages: []api.Message{{Role: "user", Content: "will it rain"}},
				Tools: api.Tools{{Type: "function", Function: api.ToolFunction{
					Name:       "get_weather",
					Parameters: api.ToolFunctionParameters{Type: "object", Properties: &city, Required: []string{"city"}},
				}}},
				Options: map[string]any{"num_predict": 200, "temperature": 0.9, "seed": 5},
			}, func(r api.ChatResponse) error {
				calls = append(calls, r.Message.ToolCalls...)
				return nil
			})
			if err != nil || len(calls) != 1 || calls[0].Function.Name != "get_weather" {
				t.Fatalf("%+v, %v", calls, err)
			}
			if city, ok := calls[0].Function.Arguments.Get("city"); !ok {
				t.Errorf("no city in %+v", calls[0].Function)
			} else {
				t.Logf("it asks for the weather of %q", city)
			}
		}
	})
	t.Run("OpenAI", func(t *testing.T) {
		var schema any
		if err := json.Unmarshal([]byte(toolCall), &schema); err != nil {
			t.Fatal(err)
		}
		client := shared.openai()
		ask := openai.ChatCompletionNewParams{
			Model: fast, MaxTokens: openai.Int(200), Seed: openai.Int(5),
			Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("will it rain")},
			Tools:    []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: "get_weather", Parameters: parameters})},
			ResponseFormat: openai.ChatCompletionNewParamsResponseFormatUnion{
				OfJSONSchema: &openai.ResponseFormatJSONSchemaParam{JSONSchema: openai.ResponseFormatJSONSchemaJSONSchemaParam{Name: "call", Schema: schema}},
			},
		}
		whole, err := client.Chat.Completions.New(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		if c := whole.Choices[0]; c.FinishReason != "tool_calls" || len(c.Message.ToolCalls) != 1 || c.Message.ToolCalls[0].Function.Name != "get_weather" {
			t.Errorf("%+v", c)
		}
		s := client.Chat.Completions.NewStreaming(t.Context(), ask)
		var sum openai.ChatCompletionAccumulator
		for s.Next() {
			sum.AddChunk(s.Current())
		}
		if s.Err() != nil || len(sum.Choices) != 1 || len(sum.Choices[0].Message.ToolCalls) != 1 {
			t.Fatalf("%+v, %v", sum.Choices, s.Err())
		}
		var arguments struct{ City *string }
		f := sum.Choices[0].Message.ToolCalls[0].Function
		if err := json.Unmarshal([]byte(f.Arguments), &arguments); err != nil || arguments.City == nil {
			t.Errorf("arguments %q: %v", f.Arguments, err)
		}
	})
}
