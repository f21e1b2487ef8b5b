//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
)

// stream asks for so many tokens and calls token as each arrives.
type stream struct {
	client string
	read   func(ctx context.Context, model, prompt string, tokens int, token func(text string)) error
}

// streams are the official clients' streaming calls against p.
func streams(p *pool) []stream {
	ollama, client := p.ollama(), p.openai()
	options := func(tokens int) map[string]any {
		return map[string]any{"num_predict": tokens, "temperature": 0, "seed": 1}
	}
	return []stream{
		{"ollama generate", func(ctx context.Context, model, prompt string, tokens int, token func(string)) error {
			var ended bool
			err := ollama.Generate(ctx, &api.GenerateRequest{Model: model, Prompt: prompt, Options: options(tokens)},
				func(r api.GenerateResponse) error {
					if ended = r.Done; !r.Done {
						token(r.Response)
					}
					return nil
				})
			return errors.Join(err, complete(ended))
		}},
		{"ollama chat", func(ctx context.Context, model, prompt string, tokens int, token func(string)) error {
			var ended bool
			err := ollama.Chat(ctx, &api.ChatRequest{Model: model, Messages: []api.Message{{Role: "user", Content: prompt}}, Options: options(tokens)},
				func(r api.ChatResponse) error {
					if ended = r.Done; !r.Done {
						token(r.Message.Content)
					}
					return nil
				})
			return errors.Join(err, complete(ended))
		}},
		{"openai chat completions", func(ctx context.Context, model, prompt string, tokens int, token func(string)) error {
			var ended bool
			s := client.Chat.Completions.NewStreaming(ctx, openai.ChatCompletionNewParams{
				Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)},
				MaxTokens: openai.Int(int64(tokens)), Temperature: openai.Float(0),
			})
			for s.Next() {
				if c := s.Current().Choices; len(c) > 0 {
					ended = ended || c[0].FinishReason != ""
					if c[0].Delta.Content != "" {
						token(c[0].Delta.Content)
					}
				}
			}
			return errors.Join(s.Err(), complete(ended))
		}},
		{"openai responses", func(ctx context.Context, model, prompt string, tokens int, token func(string)) error {
			var ended bool
			s := client.Responses.NewStreaming(ctx, responses.ResponseNewParams{
				Model: model, Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(prompt)},
				MaxOutputTokens: openai.Int(int64(tokens)), Temperature: openai.Float(0),
			})
			for s.Next() {
				e := s.Current()
				ended = ended || e.Type == "response.completed"
				if e.Type == "response.output_text.delta" {
					token(e.Delta)
				}
			}
			return errors.Join(s.Err(), complete(ended))
		}},
	}
}

func complete(ended bool) error {
	if !ended {
		return errors.New("the stream has no end mark")
	}
	return nil
}

// timeline is when a stream's tokens arrived.
type timeline struct {
	client string
	at     []time.Duration
	end    time.Duration
	text   strings.Builder
	err    error
}

func TestStreams(t *testing.T) {
	shared.do(t, "set", "batching.mode=fixed")
	all := streams(shared)
	for _, s := range all {
		if err := s.read(t.Context(), fast, "hello", 4, func(string) {}); err != nil {
			t.Fatalf("%s alone: %v", s.client, err)
		}
	}
	if _, err := shared.idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	const tokens = 256
	lines := make([]timeline, 8)
	shared.meter.reset()
	begun := time.Now()
	var wg sync.WaitGroup
	for i := range lines {
		l, s := &lines[i], all[i%len(all)]
		wg.Go(func() {
			l.client = s.client
			l.err = s.read(t.Context(), fast, fmt.Sprintf("story %d", i), tokens, func(text string) {
				l.at = append(l.at, time.Since(begun))
				l.text.WriteString(text)
			})
			l.end = time.Since(begun)
		})
	}
	wg.Wait()

	var firsts, ends []time.Duration
	for i := range lines {
		l := &lines[i]
		// A chunk may hold two tokens when half a character waits for the other.
		if l.err != nil || len(l.at) < tokens/2 {
			t.Fatalf("stream %d (%s): %d chunks, %v", i, l.client, len(l.at), l.err)
		}
		moments := slices.Compact(slices.Clone(l.at))
		if spread := l.at[len(l.at)-1] - l.at[0]; len(moments) < tokens/2 || spread < l.end/10 {
			t.Errorf("stream %d (%s) came at once: %d moments over %v of %v", i, l.client, len(moments), spread, l.end)
		}
		firsts, ends = append(firsts, l.at[0]), append(ends, l.end)
	}
	slices.Sort(firsts)
	slices.Sort(ends)
	if firsts[len(firsts)-1] >= ends[0] {
		t.Errorf("one stream ended at %v, before another began at %v", ends[0], firsts[len(firsts)-1])
	}
	_, peak, _ := shared.meter.counts()
	if peak != len(lines) {
		t.Errorf("the engine had %d of %d at once", peak, len(lines))
	}
	t.Logf("first tokens %v", rounded(firsts))
	t.Logf("ends %v", rounded(ends))
}

// TestStreamsEndAtTheEndMark: the OpenAI client closes the connection at
// [DONE], before the last bytes of the framing. That is no cancel, and must not
// cost the next request its place.
func TestStreamsEndAtTheEndMark(t *testing.T) {
	if _, err := shared.idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	openAI := streams(shared)[2]
	for i := range 40 {
		if err := openAI.read(t.Context(), fast, fmt.Sprintf("short story %d", i), 4, func(string) {}); err != nil {
			t.Fatal(err)
		}
	}
	err := poll(t.Context(), 1500*time.Millisecond, func() error {
		h, err := shared.health(t.Context())
		if err == nil && h.Batching.InFlight > 0 {
			err = fmt.Errorf("%d places are still taken", h.Batching.InFlight)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func rounded(all []time.Duration) []time.Duration {
	short := make([]time.Duration, len(all))
	for i, d := range all {
		short[i] = d.Round(time.Millisecond)
	}
	return short
}
