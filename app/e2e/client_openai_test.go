//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	endian "encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

// checkOpenAI has openai-go do what it can at base.
func checkOpenAI(t *testing.T, base string, e described) (left int) {
	client := openaiClient(base, http.DefaultTransport)
	ask := openai.ChatCompletionNewParams{
		Model: e.Chat, MaxTokens: openai.Int(16), Temperature: openai.Float(0), Seed: openai.Int(7),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("be brief"), openai.UserMessage("what is the time")},
	}
	chat := func(t *testing.T, ask openai.ChatCompletionNewParams, streamed bool) openai.ChatCompletion {
		t.Helper()
		if !streamed {
			whole, err := client.Chat.Completions.New(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			return *whole
		}
		ask.StreamOptions.IncludeUsage = openai.Bool(true)
		s := client.Chat.Completions.NewStreaming(t.Context(), ask)
		var sum openai.ChatCompletionAccumulator
		for s.Next() {
			if !sum.AddChunk(s.Current()) {
				t.Errorf("a chunk does not fit: %+v", s.Current())
			}
		}
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		return sum.ChatCompletion
	}
	both := func(t *testing.T, check func(t *testing.T, streamed bool)) {
		t.Helper()
		t.Run("whole", func(t *testing.T) { check(t, false) })
		t.Run("streamed", func(t *testing.T) { check(t, true) })
	}

	t.Run("models", func(t *testing.T) {
		found := false
		for page := client.Models.ListAutoPaging(t.Context()); page.Next(); {
			found = found || page.Current().ID == e.Chat || page.Current().ID == e.Chat+":latest"
		}
		if !found {
			t.Errorf("%s is not listed", e.Chat)
		}
	})
	t.Run("chat", func(t *testing.T) {
		both(t, func(t *testing.T, streamed bool) {
			got := chat(t, ask, streamed)
			if len(got.Choices) != 1 || got.Choices[0].Message.Content == "" || got.Usage.PromptTokens == 0 || got.Usage.CompletionTokens == 0 {
				t.Errorf("%+v", got)
			}
		})
	})
	t.Run("tools", func(t *testing.T) {
		if e.Tools == nil {
			t.Skip("no tools")
		}
		both(t, func(t *testing.T, streamed bool) {
			ask := openai.ChatCompletionNewParams{
				Model: e.Tools.Model, MaxTokens: openai.Int(200), Temperature: openai.Float(0),
				Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(e.Tools.Prompt)},
				Tools:    []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: "get_weather", Parameters: cityParameters})},
			}
			got := chat(t, ask, streamed).Choices[0]
			if got.FinishReason != "tool_calls" || len(got.Message.ToolCalls) != 1 || got.Message.ToolCalls[0].Function.Name != "get_weather" {
				t.Fatalf("%+v", got)
			}
			wantCity(t, []byte(got.Message.ToolCalls[0].Function.Arguments))
			ask.Messages = append(ask.Messages, got.Message.ToParam(), openai.ToolMessage("dry", got.Message.ToolCalls[0].ID))
			if got := chat(t, ask, streamed).Choices[0]; got.Message.Content == "" || len(got.Message.ToolCalls) > 0 {
				t.Errorf("with the result it says %+v", got)
			}
		})
	})
	t.Run("schema", func(t *testing.T) {
		if e.Schema == "" {
			t.Skip("it holds no model to a schema")
		}
		both(t, func(t *testing.T, streamed bool) {
			ask := ask
			ask.Model, ask.MaxTokens = e.Schema, openai.Int(300)
			ask.ResponseFormat.OfJSONSchema = &openai.ResponseFormatJSONSchemaParam{
				JSONSchema: openai.ResponseFormatJSONSchemaJSONSchemaParam{Name: "animal", Schema: json.RawMessage(object)},
			}
			var got struct {
				Kind string
				Tags []string
			}
			said := chat(t, ask, streamed).Choices[0].Message.Content
			if err := json.Unmarshal([]byte(said), &got); err != nil || got.Kind == "" || len(got.Tags) != 2 {
				t.Errorf("%q: %v", said, err)
			}
		})
	})
	t.Run("embeddings", func(t *testing.T) {
		if e.Embed == "" {
			t.Skip("it does not embed")
		}
		ask := openai.EmbeddingNewParams{Model: e.Embed, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"the first", "a second"}}}
		got, err := client.Embeddings.New(t.Context(), ask)
		if err != nil || len(got.Data) != 2 || len(got.Data[0].Embedding) == 0 || got.Data[1].Index != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		// The client has no type for base64: the answer is read as it came.
		ask.EncodingFormat = openai.EmbeddingNewParamsEncodingFormatBase64
		var raw []byte
		if _, err := client.Embeddings.New(t.Context(), ask, option.WithResponseBodyInto(&raw)); err != nil {
			t.Fatal(err)
		}
		var coded struct{ Data []struct{ Embedding []byte } }
		if err := json.Unmarshal(raw, &coded); err != nil || len(coded.Data) != 2 {
			t.Fatalf("%v in %s", err, raw)
		}
		for i, want := range got.Data[0].Embedding {
			x := math.Float32frombits(endian.LittleEndian.Uint32(coded.Data[0].Embedding[4*i:]))
			if math.Abs(float64(x)-want) > 1e-3 {
				t.Fatalf("number %d is %v, as base64 %v (%s)", i, want, x, base64.StdEncoding.EncodeToString(coded.Data[0].Embedding))
			}
		}
	})
	t.Run("responses", func(t *testing.T) {
		ask := responses.ResponseNewParams{
			Model: e.Chat, Instructions: openai.String("be brief"), Temperature: openai.Float(0), MaxOutputTokens: openai.Int(16),
			Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("what is the time")},
		}
		whole, err := client.Responses.New(t.Context(), ask)
		if err != nil || whole.OutputText() == "" || whole.Usage.OutputTokens == 0 {
			t.Errorf("%+v, %v", whole, err)
		}
		s := client.Responses.NewStreaming(t.Context(), ask)
		var said, last string
		for s.Next() {
			if last = s.Current().Type; last == "response.output_text.delta" {
				said += s.Current().Delta
			}
		}
		if s.Err() != nil || said == "" || last != "response.completed" && last != "response.incomplete" {
			t.Errorf("%q ends with %s, %v", said, last, s.Err())
		}
	})
	t.Run("abort", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		left++
		ask := ask
		ask.Model, ask.MaxTokens = e.Slow, openai.Int(1500)
		s := client.Chat.Completions.NewStreaming(ctx, ask)
		chunks := 0
		for s.Next() {
			chunks++
			cancel()
		}
		if chunks == 0 || chunks > 100 || !errors.Is(s.Err(), context.Canceled) {
			t.Errorf("%d chunks, %v", chunks, s.Err())
		}
	})
	t.Run("not found", func(t *testing.T) {
		if e.lacks("unknown models") {
			t.Skip("it answers whatever name")
		}
		both(t, func(t *testing.T, streamed bool) {
			ask := ask
			ask.Model = "nobody"
			var err error
			if streamed {
				s := client.Chat.Completions.NewStreaming(t.Context(), ask)
				for s.Next() {
				}
				err = s.Err()
			} else {
				_, err = client.Chat.Completions.New(t.Context(), ask)
			}
			if e, ok := errors.AsType[*openai.Error](err); !ok || e.StatusCode != http.StatusNotFound || e.Message == "" {
				t.Errorf("%#v", err)
			}
		})
	})
	t.Run("bad request", func(t *testing.T) {
		_, err := client.Chat.Completions.New(t.Context(), ask, option.WithJSONSet("messages", "what is the time"))
		if e, ok := errors.AsType[*openai.Error](err); !ok || e.StatusCode != http.StatusBadRequest || e.Type == "" {
			t.Errorf("%#v", err)
		}
	})
	return left
}

// cityParameters are those of the tool that is offered.
var cityParameters = map[string]any{
	"type":       "object",
	"properties": map[string]any{"city": map[string]any{"type": "string"}},
	"required":   []string{"city"},
}

// wantCity fails the test unless a call's arguments name a city.
func wantCity(t *testing.T, arguments []byte) {
	t.Helper()
	var got struct{ City *string }
	if err := json.Unmarshal(arguments, &got); err != nil || got.City == nil {
		t.Errorf("arguments %s: %v", arguments, err)
	}
}
