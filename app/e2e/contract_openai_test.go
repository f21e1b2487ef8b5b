//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"image/color"
	"slices"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

// complete has OpenAI's client ask for a chat completion.
func (c *cell) complete(model, prompt string, stream bool, change func(*openai.ChatCompletionNewParams)) openai.ChatCompletion {
	c.Helper()
	client := c.openai()
	ask := openai.ChatCompletionNewParams{
		Model: model, MaxTokens: openai.Int(24), Temperature: openai.Float(0), Seed: openai.Int(7),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)},
	}
	if change != nil {
		change(&ask)
	}
	var whole openai.ChatCompletion
	if stream {
		ask.StreamOptions.IncludeUsage = openai.Bool(true)
		s := client.Chat.Completions.NewStreaming(c.Context(), ask)
		var sum openai.ChatCompletionAccumulator
		for s.Next() {
			sum.AddChunk(s.Current())
		}
		if s.Err() != nil {
			c.Fatal(s.Err())
		}
		whole = sum.ChatCompletion
	} else {
		got, err := client.Chat.Completions.New(c.Context(), ask)
		if err != nil {
			c.Fatal(err)
		}
		whole = *got
	}
	if len(whole.Choices) != 1 || whole.Choices[0].FinishReason == "" || whole.Usage.PromptTokens == 0 || whole.Usage.CompletionTokens == 0 {
		c.Fatalf("%+v", whole)
	}
	return whole
}

// respond has OpenAI's client use the Responses API.
func (c *cell) respond(ask responses.ResponseNewParams, stream bool) responses.Response {
	c.Helper()
	client := c.openai()
	if ask.MaxOutputTokens.Value == 0 {
		ask.MaxOutputTokens = openai.Int(24)
	}
	ask.Temperature = openai.Float(0)
	if !stream {
		got, err := client.Responses.New(c.Context(), ask)
		if err != nil {
			c.Fatal(err)
		}
		return *got
	}
	s := client.Responses.NewStreaming(c.Context(), ask)
	var last responses.ResponseStreamEventUnion
	said := ""
	for s.Next() {
		if last = s.Current(); last.Type == "response.output_text.delta" {
			said += last.Delta
		}
	}
	if s.Err() != nil || last.Type != "response.completed" && last.Type != "response.incomplete" {
		c.Fatalf("it ends with %q, %v", last.Type, s.Err())
	}
	if whole := last.Response.OutputText(); said != whole {
		c.Errorf("it streamed %q and ended with %q", said, whole)
	}
	return last.Response
}

func openAIRows() []capability {
	callsTool := func(c *cell, stream bool) {
		got := c.complete(c.Tools.Model, c.Tools.Prompt, stream, func(r *openai.ChatCompletionNewParams) {
			r.MaxTokens = openai.Int(200)
			r.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: "get_weather", Parameters: cityParameters})}
		}).Choices[0]
		if got.FinishReason != "tool_calls" || len(got.Message.ToolCalls) != 1 || got.Message.ToolCalls[0].Function.Name != "get_weather" {
			c.Fatalf("%+v", got)
		}
		wantCity(c.T, []byte(got.Message.ToolCalls[0].Function.Arguments))
	}
	respondWithTool := func(c *cell, stream bool) {
		ask := responses.ResponseNewParams{Model: c.Tools.Model, MaxOutputTokens: openai.Int(200)}
		ask.Input.OfString = openai.String(c.Tools.Prompt)
		ask.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: "get_weather", Parameters: cityParameters, Strict: openai.Bool(false)}}}
		got := c.respond(ask, stream)
		i := slices.IndexFunc(got.Output, func(o responses.ResponseOutputItemUnion) bool { return o.Type == "function_call" })
		if i < 0 || got.Output[i].Name != "get_weather" {
			c.Fatalf("%+v", got.Output)
		}
		wantCity(c.T, []byte(got.Output[i].AsFunctionCall().Arguments))
	}
	return []capability{
		{"chat completions", func(c *cell) {
			if got := c.complete(c.Chat, "what is the time", false, nil); got.Choices[0].Message.Content == "" {
				c.Errorf("%+v", got)
			}
		}},
		{"chat completions, streamed", func(c *cell) {
			one, whole := c.complete(c.Chat, "what is the time", true, nil), c.complete(c.Chat, "what is the time", false, nil)
			if a, b := one.Choices[0].Message.Content, whole.Choices[0].Message.Content; a == "" || a != b || one.Usage.TotalTokens != whole.Usage.TotalTokens {
				c.Errorf("%q (%+v), in one piece %q (%+v)", a, one.Usage, b, whole.Usage)
			}
		}},
		{"chat completions with tools", func(c *cell) { callsTool(c, false) }},
		{"chat completions with tools, streamed", func(c *cell) { callsTool(c, true) }},
		{"chat completions by schema", func(c *cell) {
			got := c.complete(c.Schema, "an animal", false, func(r *openai.ChatCompletionNewParams) {
				r.MaxTokens = openai.Int(300)
				r.ResponseFormat.OfJSONSchema = &openai.ResponseFormatJSONSchemaParam{
					JSONSchema: openai.ResponseFormatJSONSchemaJSONSchemaParam{Name: "animal", Schema: json.RawMessage(object)},
				}
			})
			wantObject(c, got.Choices[0].Message.Content)
		}},
		{"chat completions with images", func(c *cell) {
			said := map[string]bool{}
			for _, size := range []int{28, 56} {
				got := c.complete(c.Vision, "look", false, func(r *openai.ChatCompletionNewParams) {
					url := "data:image/png;base64," + picture(size, size, color.RGBA{R: 200, A: 255})
					r.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
						openai.TextContentPart("look"), openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: url}),
					})}
				})
				said[got.Choices[0].Message.Content] = true
			}
			if len(said) != 2 {
				c.Errorf("two pictures, one answer: %v", said)
			}
		}},
		{"completions", func(c *cell) {
			client := c.openai()
			ask := openai.CompletionNewParams{Model: openai.CompletionNewParamsModel(c.Chat), MaxTokens: openai.Int(8), Temperature: openai.Float(0)}
			ask.Prompt.OfString = openai.String("the time is")
			got, err := client.Completions.New(c.Context(), ask)
			if err != nil || len(got.Choices) != 1 || got.Choices[0].Text == "" {
				c.Errorf("%+v, %v", got, err)
			}
		}},
		{"embeddings (OpenAI)", func(c *cell) {
			client := c.openai()
			ask := openai.EmbeddingNewParams{Model: c.Embed}
			ask.Input.OfArrayOfStrings = []string{"the first", "a second"}
			got, err := client.Embeddings.New(c.Context(), ask)
			if err != nil || len(got.Data) != 2 || len(got.Data[0].Embedding) == 0 || slices.Equal(got.Data[0].Embedding, got.Data[1].Embedding) {
				c.Errorf("%+v, %v", got, err)
			}
		}},
		{"embeddings as base64", func(c *cell) {
			client := c.openai()
			ask := openai.EmbeddingNewParams{Model: c.Embed, EncodingFormat: openai.EmbeddingNewParamsEncodingFormatBase64}
			ask.Input.OfString = openai.String("the first")
			var raw []byte
			if _, err := client.Embeddings.New(c.Context(), ask, option.WithResponseBodyInto(&raw)); err != nil {
				c.Fatal(err)
			}
			var got struct{ Data []struct{ Embedding string } }
			if err := json.Unmarshal(raw, &got); err != nil || len(got.Data) != 1 {
				c.Fatalf("%v in %s", err, raw)
			}
			if b, err := base64.StdEncoding.DecodeString(got.Data[0].Embedding); err != nil || len(b) == 0 || len(b)%4 != 0 {
				c.Errorf("%d bytes, %v", len(b), err)
			}
		}},
		{"models", func(c *cell) {
			client := c.openai()
			found := false
			for page := client.Models.ListAutoPaging(c.Context()); page.Next(); {
				found = found || trimLatest(page.Current().ID) == c.Chat
			}
			if !found {
				c.Errorf("%s is not listed", c.Chat)
			}
		}},
		{"one model", func(c *cell) {
			client := c.openai()
			got, err := client.Models.Get(c.Context(), c.Chat)
			if err != nil || trimLatest(got.ID) != c.Chat {
				c.Errorf("%+v, %v", got, err)
			}
		}},
		{"responses", func(c *cell) {
			ask := responses.ResponseNewParams{Model: c.Chat, Instructions: openai.String("be brief")}
			ask.Input.OfString = openai.String("what is the time")
			one, whole := c.respond(ask, true), c.respond(ask, false)
			if a, b := one.OutputText(), whole.OutputText(); a == "" || a != b || one.Usage.OutputTokens == 0 || one.Usage.OutputTokens != whole.Usage.OutputTokens {
				c.Errorf("%q (%+v), in one piece %q (%+v)", a, one.Usage, b, whole.Usage)
			}
		}},
		{"responses with tools", func(c *cell) { respondWithTool(c, false) }},
		{"responses with tools, streamed", func(c *cell) { respondWithTool(c, true) }},
		{"responses by schema", func(c *cell) {
			var schema map[string]any
			if err := json.NewDecoder(strings.NewReader(object)).Decode(&schema); err != nil {
				c.Fatal(err)
			}
			ask := responses.ResponseNewParams{Model: c.Schema, MaxOutputTokens: openai.Int(300)}
			ask.Input.OfString = openai.String("an animal")
			ask.Text.Format.OfJSONSchema = &responses.ResponseFormatTextJSONSchemaConfigParam{Name: "animal", Schema: schema}
			wantObject(c, c.respond(ask, false).OutputText())
		}},
	}
}
