//go:build e2e

package e2e

import (
	"slices"

	"github.com/anthropics/anthropic-sdk-go"
)

// message has Anthropic's client ask.
func (c *cell) message(model string, stream bool, change func(*anthropic.MessageNewParams), blocks ...anthropic.ContentBlockParamUnion) (whole anthropic.Message) {
	c.Helper()
	client := c.anthropic()
	ask := anthropic.MessageNewParams{
		Model: model, MaxTokens: 24, Temperature: anthropic.Float(0),
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(blocks...)},
	}
	if change != nil {
		change(&ask)
	}
	if !stream {
		got, err := client.Messages.New(c.Context(), ask)
		if err != nil {
			c.Fatal(err)
		}
		return *got
	}
	s := client.Messages.NewStreaming(c.Context(), ask)
	last := ""
	for s.Next() {
		last = s.Current().Type
		if err := whole.Accumulate(s.Current()); err != nil {
			c.Errorf("a %s does not fit: %v", last, err)
		}
	}
	if s.Err() != nil || last != "message_stop" {
		c.Fatalf("it ends with %q, %v", last, s.Err())
	}
	return whole
}

func anthropicRows() []capability {
	offer := func(r *anthropic.MessageNewParams) {
		r.MaxTokens = 200
		r.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "get_weather", InputSchema: anthropic.ToolInputSchemaParam{
			Properties: cityParameters["properties"], Required: []string{"city"},
		}}}}
	}
	callsTool := func(c *cell, stream bool) anthropic.Message {
		got := c.message(c.Tools.Model, stream, offer, anthropic.NewTextBlock(c.Tools.Prompt))
		i := slices.IndexFunc(got.Content, func(b anthropic.ContentBlockUnion) bool { return b.Type == "tool_use" })
		if i < 0 || got.StopReason != anthropic.StopReasonToolUse || got.Content[i].Name != "get_weather" {
			c.Fatalf("%+v", got)
		}
		wantCity(c.T, got.Content[i].Input)
		return got
	}
	return []capability{
		{"messages", func(c *cell) {
			got := c.message(c.Chat, false, nil, anthropic.NewTextBlock("what is the time"))
			if len(got.Content) != 1 || got.Content[0].Text == "" || got.StopReason == "" || got.Usage.InputTokens == 0 || got.Usage.OutputTokens == 0 {
				c.Errorf("%+v", got)
			}
		}},
		{"messages, streamed", func(c *cell) {
			one := c.message(c.Chat, true, nil, anthropic.NewTextBlock("what is the time"))
			whole := c.message(c.Chat, false, nil, anthropic.NewTextBlock("what is the time"))
			if len(one.Content) != 1 || one.Content[0].Text != whole.Content[0].Text || one.StopReason != whole.StopReason || one.Usage.OutputTokens != whole.Usage.OutputTokens {
				c.Errorf("%+v, in one piece %+v", one, whole)
			}
		}},
		{"messages with tools", func(c *cell) { callsTool(c, false) }},
		{"messages with tools, streamed", func(c *cell) { callsTool(c, true) }},
		{"messages with tool results", func(c *cell) {
			call := callsTool(c, false)
			i := slices.IndexFunc(call.Content, func(b anthropic.ContentBlockUnion) bool { return b.Type == "tool_use" })
			got := c.message(c.Tools.Model, false, func(r *anthropic.MessageNewParams) {
				offer(r)
				r.Messages = append(r.Messages, call.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(call.Content[i].ID, "dry", false)))
			}, anthropic.NewTextBlock(c.Tools.Prompt))
			if got.StopReason == anthropic.StopReasonToolUse || len(got.Content) != 1 || got.Content[0].Text == "" {
				c.Errorf("with the result it says %+v", got)
			}
		}},
		{"messages with thinking", func(c *cell) {
			for _, stream := range []bool{false, true} {
				got := c.message(c.Thinking.Model, stream, func(r *anthropic.MessageNewParams) {
					r.MaxTokens, r.Temperature = 1400, anthropic.Float(1)
					r.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
				}, anthropic.NewTextBlock(c.Thinking.Prompt))
				if len(got.Content) != 2 || got.Content[0].Thinking == "" || got.Content[1].Text == "" {
					c.Errorf("stream %v: %+v", stream, got.Content)
				}
			}
		}},
	}
}
