//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// oneModel has the engine keep one model at a time, as a GPU without room for two.
const oneModel = "OLLAMA_MAX_LOADED_MODELS=1"

// TestAnotherModelIsNotStarved: two clients loop on one model, so that one of
// them always has a request in the engine's queue and it never finds the moment
// to load another model. Carpool makes one.
func TestAnotherModelIsNotStarved(t *testing.T) {
	const tokens = 64
	p := opened(t, "starved", 1, oneModel)
	var longest atomic.Int64 // of the requests that loop: what has to drain
	looping := func(c *api.Client) *crowd {
		return gather(t, 2, func(ctx context.Context, number int) error {
			r, err := ask(ctx, c, medium, fmt.Sprintf("%d goes on and on", number), tokens)
			longest.Store(max(longest.Load(), int64(r.total-r.load)))
			return err
		})
	}

	// What loading costs. Carpool sees it too, as it would in daily use.
	var load time.Duration
	for _, model := range []string{fast, medium, fast, medium} {
		r, err := ask(t.Context(), p.ollama(), model, "measure "+model, tokens)
		if err != nil {
			t.Fatal(err)
		}
		load = max(load, r.load)
	}
	bound := min(max(8*load, 2*time.Second), 30*time.Second)

	// Directly: the other model waits as long as the two go on.
	direct := p.engine.client()
	two := looping(direct)
	if err := poll(t.Context(), 20*time.Second, atLeast(two, 4)); err != nil {
		t.Fatal(err)
	}
	drain := time.Duration(longest.Load())
	allowed := bound + 2*(drain+load)
	starved := waitFor(t, direct, fast, "at last", max(12*time.Second, 2*allowed), two)
	t.Logf("a load takes %v, a request %v; first token of the other model, directly: %v",
		load.Round(time.Millisecond), drain.Round(time.Millisecond), starved.Round(time.Millisecond))

	// The engine has the other model loaded now: back to the first.
	if _, err := ask(t.Context(), p.ollama(), medium, "back", tokens); err != nil {
		t.Fatal(err)
	}
	two = looping(p.app("loop"))
	if err := poll(t.Context(), 20*time.Second, atLeast(two, 4)); err != nil {
		t.Fatal(err)
	}
	served := waitFor(t, p.app("other"), fast, "my turn", 2*starved, two)
	t.Logf("through Carpool: %v, %v allowed", served.Round(time.Millisecond), allowed.Round(time.Millisecond))
	if served > allowed {
		t.Errorf("its first token took %v; a wait of %v and twice %v to drain and %v to load are allowed", served, bound, drain, load)
	}
	if served > starved/2 {
		t.Errorf("its first token took %v, directly %v", served, starved)
	}
}

func atLeast(c *crowd, n int) func() error {
	return func() error {
		if served := c.served(); served < n {
			return fmt.Errorf("%d served of %d", served, n)
		}
		return nil
	}
}

// waitFor is how long one request waits for its first token while a crowd goes
// on, and at least so long if the crowd has to stop for it.
func waitFor(t *testing.T, c *api.Client, model, prompt string, patience time.Duration, others *crowd) time.Duration {
	t.Helper()
	type answer struct {
		reply
		err error
	}
	got := make(chan answer, 1)
	begun := time.Now()
	go func() {
		r, err := ask(t.Context(), c, model, prompt, 8)
		got <- answer{r, err}
	}()
	select {
	case a := <-got:
		others.disperse()
		if a.err != nil {
			t.Fatal(a.err)
		}
		return a.first
	case <-time.After(patience):
		waited := time.Since(begun)
		others.disperse()
		if a := <-got; a.err != nil {
			t.Fatal(a.err)
		}
		return waited
	}
}

// TestModelsTakeTurns: requests for two models come alternately and all at once
// to an engine with room for one.
func TestModelsTakeTurns(t *testing.T) {
	p := opened(t, "turns", 2, oneModel)
	direct, errDirect := alternate(t, p, p.engine.client())
	through, err := alternate(t, p, p.ollama())
	if err := errors.Join(errDirect, err); err != nil {
		t.Fatal(err)
	}
	t.Logf("12 requests for two models: directly %d loads, through Carpool %d", direct, through)
	if through > 3 {
		t.Errorf("%d loads: %d for two models would do", through, 2)
	}
}

// alternate sends 12 requests at once and returns how often a model was loaded.
func alternate(t *testing.T, p *pool, c *api.Client) (loads int, err error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	loaded := make(chan []string)
	go func() { loaded <- residents(ctx, p.engine.client()) }()
	models := []string{fast, medium}
	errs := make([]error, 12)
	begun := time.Now()
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = ask(t.Context(), c, models[i%2], fmt.Sprintf("%d of twelve", i), 24) })
		time.Sleep(5 * time.Millisecond) // so that they come alternately
	}
	wg.Wait()
	took := time.Since(begun)
	stop()
	seen := <-loaded
	t.Logf("%v: %v", took.Round(time.Millisecond), seen)
	return len(seen), errors.Join(errs...)
}

// residents watches which model is loaded, one after the other, until ctx ends.
func residents(ctx context.Context, c *api.Client) (names []string) {
	before, err := c.ListRunning(ctx)
	last := ""
	if err == nil && len(before.Models) > 0 {
		last = before.Models[0].Name
	}
	for ctx.Err() == nil {
		running, err := c.ListRunning(ctx)
		if err == nil {
			here := slices.ContainsFunc(running.Models, func(m api.ProcessModelResponse) bool { return m.Name == last })
			for _, m := range running.Models {
				if m.Name != last && !here {
					last = m.Name
					names = append(names, last)
				}
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return names
}
