//go:build e2e

package e2e

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

func anthropicClient(base string, via http.RoundTripper) anthropic.Client {
	return anthropic.NewClient(option.WithBaseURL(base), option.WithAPIKey("none"),
		option.WithMaxRetries(0), option.WithHTTPClient(&http.Client{Transport: via}))
}

// checkAnthropic has anthropic-sdk-go do what it can at base.
func checkAnthropic(t *testing.T, base string, e described) (left int) {
	client := anthropicClient(base, http.DefaultTransport)
	user := func(text string) []anthropic.MessageParam {
		return []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))}
	}
	ask := anthropic.MessageNewParams{
		Model: e.Chat, MaxTokens: 16, Temperature: anthropic.Float(0),
		System: []anthropic.TextBlockParam{{Text: "be brief"}}, Messages: user("what is the time"),
	}
	said := func(t *testing.T, ask anthropic.MessageNewParams, streamed bool) (whole anthropic.Message) {
		t.Helper()
		if !streamed {
			got, err := client.Messages.New(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			return *got
		}
		s := client.Messages.NewStreaming(t.Context(), ask)
		last := ""
		for s.Next() {
			last = s.Current().Type
			if err := whole.Accumulate(s.Current()); err != nil {
				t.Errorf("a %s does not fit: %v", last, err)
			}
		}
		if s.Err() != nil || last != "message_stop" {
			t.Fatalf("it ends with %q, %v", last, s.Err())
		}
		return whole
	}
	both := func(t *testing.T, check func(t *testing.T, streamed bool)) {
		t.Helper()
		t.Run("whole", func(t *testing.T) { check(t, false) })
		t.Run("streamed", func(t *testing.T) { check(t, true) })
	}

	t.Run("messages", func(t *testing.T) {
		both(t, func(t *testing.T, streamed bool) {
			got := said(t, ask, streamed)
			if len(got.Content) != 1 || got.Content[0].Text == "" || got.StopReason == "" || got.Usage.InputTokens == 0 || got.Usage.OutputTokens == 0 {
				t.Errorf("%+v", got)
			}
		})
	})
	t.Run("tools", func(t *testing.T) {
		if e.Tools == nil {
			t.Skip("no tools")
		}
		both(t, func(t *testing.T, streamed bool) {
			ask := anthropic.MessageNewParams{
				Model: e.Tools.Model, MaxTokens: 200, Temperature: anthropic.Float(0), Messages: user(e.Tools.Prompt),
				Tools: []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "get_weather", InputSchema: anthropic.ToolInputSchemaParam{
					Properties: cityParameters["properties"], Required: []string{"city"},
				}}}},
			}
			got := said(t, ask, streamed)
			i := slices.IndexFunc(got.Content, func(b anthropic.ContentBlockUnion) bool { return b.Type == "tool_use" })
			if i < 0 || got.StopReason != anthropic.StopReasonToolUse || got.Content[i].Name != "get_weather" {
				t.Fatalf("%+v", got)
			}
			wantCity(t, got.Content[i].Input)
			ask.Messages = append(ask.Messages, got.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(got.Content[i].ID, "dry", false)))
			got = said(t, ask, streamed)
			if got.StopReason == anthropic.StopReasonToolUse || len(got.Content) != 1 || got.Content[0].Text == "" {
				t.Errorf("with the result it says %+v", got)
			}
		})
	})
	t.Run("thinking", func(t *testing.T) {
		if e.Thinking == nil {
			t.Skip("no thinking")
		}
		both(t, func(t *testing.T, streamed bool) {
			got := said(t, anthropic.MessageNewParams{
				Model: e.Thinking.Model, MaxTokens: 2048, Messages: user(e.Thinking.Prompt),
				Thinking: anthropic.ThinkingConfigParamOfEnabled(1024),
			}, streamed)
			if len(got.Content) != 2 || got.Content[0].Thinking == "" || got.Content[1].Text == "" {
				t.Errorf("%+v", got.Content)
			}
		})
	})
	t.Run("abort", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		left++
		ask := ask
		ask.Model, ask.MaxTokens = e.Slow, 1500
		s := client.Messages.NewStreaming(ctx, ask)
		events := 0
		for s.Next() {
			events++
			cancel()
		}
		if events == 0 || events > 100 || !errors.Is(s.Err(), context.Canceled) {
			t.Errorf("%d events, %v", events, s.Err())
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
				s := client.Messages.NewStreaming(t.Context(), ask)
				for s.Next() {
				}
				err = s.Err()
			} else {
				_, err = client.Messages.New(t.Context(), ask)
			}
			if e, ok := errors.AsType[*anthropic.Error](err); !ok || e.StatusCode != http.StatusNotFound {
				t.Errorf("%#v", err)
			}
		})
	})
	t.Run("bad request", func(t *testing.T) {
		_, err := client.Messages.New(t.Context(), ask, option.WithJSONSet("messages", "what is the time"))
		if e, ok := errors.AsType[*anthropic.Error](err); !ok || e.StatusCode != http.StatusBadRequest {
			t.Errorf("%#v", err)
		}
	})
	return left
}
