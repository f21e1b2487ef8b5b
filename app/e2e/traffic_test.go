//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// reply is how one streamed request went, by the client's clock.
type reply struct {
	first, total time.Duration // from sending it
	load, run    time.Duration // the engine's time for loading the model, and for the prompt and the tokens
	tokens       int
}

// ask has a model generate so many tokens. Every prompt must differ from the
// ones before, or the engine finds it in its cache.
func ask(ctx context.Context, c *api.Client, model, prompt string, tokens int) (reply, error) {
	var r reply
	begun := time.Now()
	err := c.Generate(ctx, &api.GenerateRequest{Model: model, Prompt: prompt, Options: map[string]any{"num_predict": tokens, "temperature": 1.5}},
		func(g api.GenerateResponse) error {
			if r.first == 0 {
				r.first = time.Since(begun)
			}
			if g.Done {
				r.tokens, r.load, r.run = g.EvalCount, g.LoadDuration, g.PromptEvalDuration+g.EvalDuration
			}
			return nil
		})
	r.total = time.Since(begun)
	if err == nil && r.tokens != tokens {
		err = fmt.Errorf("%d tokens, not %d", r.tokens, tokens)
	}
	return r, err
}

// crowd is a number of clients that each ask again as soon as they are answered.
type crowd struct {
	t     *testing.T
	quit  chan struct{}
	wg    sync.WaitGroup
	serve atomic.Int64
}

// gather starts n clients. one is called with a number of its own each time.
func gather(t *testing.T, n int, one func(ctx context.Context, number int) error) *crowd {
	t.Helper()
	c := &crowd{t: t, quit: make(chan struct{})}
	t.Cleanup(c.disperse)
	// The context of a test that has failed ends before its clients are told to.
	ctx := context.WithoutCancel(t.Context())
	var number atomic.Int64
	for range n {
		c.wg.Go(func() {
			for {
				select {
				case <-c.quit:
					return
				default:
				}
				if err := one(ctx, int(number.Add(1))); err != nil {
					t.Errorf("one of a crowd: %v", err)
					return
				}
				c.serve.Add(1)
			}
		})
	}
	return c
}

// served is how many requests have ended so far.
func (c *crowd) served() int { return int(c.serve.Load()) }

// disperse lets each client's last request end. It may be called again.
func (c *crowd) disperse() {
	select {
	case <-c.quit:
	default:
		close(c.quit)
	}
	c.wg.Wait()
}
