//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// TestClientLeaves runs on an engine with one slot: what it still works on holds
// up whatever comes next.
func TestClientLeaves(t *testing.T) {
	p := opened(t, "narrow", 1)
	perToken := pace(t, p)
	if perToken < 6*time.Millisecond {
		t.Skipf("%v per token: Ollama loses slots when clients of so fast a model leave", perToken)
	}

	t.Run("MidStreamTheEngineStops", func(t *testing.T) {
		p.left += 4
		const tokens = 1800
		for i := range 4 {
			all := streams(p)
			leave(t, all[i%len(all)], fmt.Sprintf("a long story %d", i), tokens)
			left := time.Now()
			if err := poll(t.Context(), 5*time.Second, engineFree(p)); err != nil {
				t.Errorf("the engine's request went on: %v", err)
			}
			stopped := time.Since(left)
			begun := time.Now()
			var first time.Duration
			err := all[0].read(t.Context(), slow, "short", 3, func(string) {
				if first == 0 {
					first = time.Since(begun)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			rest := perToken * tokens
			// Far from what would be left of it, and far from a busy machine's noise.
			if first > rest/2 {
				t.Errorf("the next first token took %v; the abandoned request had %v to go", first, rest)
			}
			t.Logf("%s: connection closed after %v, next first token after %v, abandoned work %v",
				all[i%len(all)].client, stopped.Round(time.Millisecond), first.Round(time.Millisecond), rest.Round(time.Second))
		}
	})
	t.Run("InTheQueueTheEngineHearsNothing", func(t *testing.T) {
		p.left += 2
		p.do(t, "off")
		defer p.do(t, "on")
		if _, err := p.idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, _, before := p.meter.counts()
		running, stop := context.WithCancel(t.Context())
		defer stop()
		began, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			n := 0
			ended <- streams(p)[0].read(running, slow, "hold the engine", 1800, func(string) {
				if n++; n == 1 {
					close(began)
				}
			})
		}()
		<-began
		waiting, giveUp := context.WithCancel(t.Context())
		defer giveUp()
		gone := make(chan error, 1)
		go func() { gone <- streams(p)[1].read(waiting, slow, "wait for it", 4, func(string) {}) }()
		if err := poll(t.Context(), 5*time.Second, depth(t.Context(), p, 1)); err != nil {
			t.Fatal(err)
		}
		giveUp()
		if err := <-gone; err == nil {
			t.Error("the waiting request was served")
		}
		if err := poll(t.Context(), 5*time.Second, depth(t.Context(), p, 0)); err != nil {
			t.Error(err)
		}
		stop()
		if err := <-ended; err == nil {
			t.Error("a stream that its client left ended well")
		}
		if _, err := p.idle(t.Context()); err != nil {
			t.Error(err)
		}
		if _, _, after := p.meter.counts(); after-before != 1 {
			t.Errorf("the engine got %d requests, want 1", after-before)
		}
	})
}

// leave reads a few tokens of a long stream and goes away.
func leave(t *testing.T, s stream, prompt string, tokens int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	err := s.read(ctx, slow, prompt, tokens, func(string) {
		if n++; n == 5 {
			cancel()
		}
	})
	// The Ollama client does not pass the context's error on.
	if err == nil || ctx.Err() == nil {
		t.Fatalf("%s: %v after %d tokens", s.client, err, n)
	}
}

// pace is how long the slow model takes for a token, by the engine's own clock.
func pace(t *testing.T, p *pool) time.Duration {
	t.Helper()
	var last api.GenerateResponse
	err := p.ollama().Generate(t.Context(), &api.GenerateRequest{
		Model: slow, Prompt: "the", Options: map[string]any{"num_predict": 32},
	}, func(r api.GenerateResponse) error { last = r; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if last.EvalCount == 0 {
		t.Fatalf("no tokens: %+v", last)
	}
	d := last.EvalDuration / time.Duration(last.EvalCount)
	t.Logf("%v per token", d.Round(10*time.Microsecond))
	return d
}

func engineFree(p *pool) func() error {
	return func() error {
		if now, _, _ := p.meter.counts(); now > 0 {
			return fmt.Errorf("%d at the engine", now)
		}
		return nil
	}
}

func depth(ctx context.Context, p *pool, want int) func() error {
	return func() error {
		h, err := p.health(ctx)
		if err == nil && h.Batching.QueueDepth != want {
			err = fmt.Errorf("%d are waiting, not %d", h.Batching.QueueDepth, want)
		}
		return err
	}
}
