//go:build e2e

package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// burst sends n requests at once and returns how many the engine had at once.
func burst(t *testing.T, n int) (peak int) {
	t.Helper()
	if _, err := shared.idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	shared.meter.reset()
	_, _, before := shared.meter.counts()
	client := shared.ollama()
	begun := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			whole := i%2 == 0
			var last api.GenerateResponse
			err := client.Generate(t.Context(), &api.GenerateRequest{
				Model: fast, Prompt: fmt.Sprintf("number %d", i), Stream: &whole,
				Options: map[string]any{"num_predict": 16},
			}, func(r api.GenerateResponse) error { last = r; return nil })
			if err != nil || !last.Done || last.EvalCount != 16 {
				t.Errorf("request %d: %v, done %v after %d tokens", i, err, last.Done, last.EvalCount)
			}
		})
	}
	wg.Wait()
	_, peak, after := shared.meter.counts()
	if after-before != n {
		t.Errorf("the engine got %d of %d requests", after-before, n)
	}
	t.Logf("%d requests in %v, at most %d at once", n, time.Since(begun).Round(time.Millisecond), peak)
	return peak
}

func TestLimits(t *testing.T) {
	const limit = 8
	shared.do(t, "set", "batching.mode=fixed")
	shared.do(t, "set", fmt.Sprintf("batching.max_batch_size=%d", limit))
	shared.do(t, "set", "batching.off_mode=serial")
	t.Run("FixedLetsInAsManyAsSet", func(t *testing.T) {
		if peak := burst(t, 64); peak != limit {
			t.Errorf("the engine had %d at once, the limit is %d", peak, limit)
		}
	})
	t.Run("OffLetsInOne", func(t *testing.T) {
		shared.do(t, "off")
		defer shared.do(t, "on")
		if peak := burst(t, 64); peak != 1 {
			t.Errorf("the engine had %d at once", peak)
		}
	})
	t.Run("OnAgainLetsInAsManyAsBefore", func(t *testing.T) {
		if peak := burst(t, 32); peak != limit {
			t.Errorf("the engine had %d at once, the limit is %d", peak, limit)
		}
	})
	t.Run("StaticLetsInOneBatchAfterAnother", func(t *testing.T) {
		before, err := shared.health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		shared.do(t, "set", "batching.mode=static")
		defer shared.do(t, "set", "batching.mode=fixed")
		if peak := burst(t, 64); peak != limit {
			t.Errorf("the engine had %d at once, a batch is %d", peak, limit)
		}
		after, err := shared.idle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// The first to arrive may not fill a batch; it need not wait for one.
		batches := after.Batching.Batches - before.Batching.Batches
		if batches < 64/limit || batches > 2*64/limit {
			t.Errorf("64 requests went in %d batches of %d", batches, limit)
		}
		t.Logf("in %d batches", batches)
	})
	t.Run("ALowerLimitHoldsAtOnce", func(t *testing.T) {
		shared.do(t, "set", "batching.max_batch_size=3")
		defer shared.do(t, "set", fmt.Sprintf("batching.max_batch_size=%d", limit))
		if peak := burst(t, 32); peak != 3 {
			t.Errorf("the engine had %d at once, the limit is 3", peak)
		}
	})
}
