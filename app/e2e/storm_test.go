//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// TestEmbeddingStorm has 256 clients ask for the vectors of one text after the other,
// none twice, of an engine and through Carpool in turn. An engine that is on its knees
// gains from calls that are merged; at the least it must not lose.
func TestEmbeddingStorm(t *testing.T) {
	const clients, rounds, each = 256, 7, 4
	for _, slots := range []int{1, 4} {
		t.Run(fmt.Sprintf("Of%dSlots", slots), func(t *testing.T) {
			p := opened(t, "storm", slots)
			engine, through := ollamaClient(p.engine.url, newStormLedger(clients)), ollamaClient(p.url, p.ledger)
			p.ledger.transport.MaxIdleConnsPerHost = clients
			var number atomic.Int64
			// Both find the model loaded and the connections open.
			storm(t, engine, clients, 1, &number)
			storm(t, through, clients, 1, &number)
			var ratios []float64
			for round := range rounds {
				var direct, merged time.Duration
				calls := p.embedCalls()
				ways := []func(){
					func() { direct = storm(t, engine, clients, each, &number) },
					func() { merged = storm(t, through, clients, each, &number) },
				}
				if round%2 == 1 {
					slices.Reverse(ways)
				}
				for _, way := range ways {
					way()
				}
				ratio := direct.Seconds() / merged.Seconds()
				ratios = append(ratios, ratio)
				t.Logf("round %d: %d texts directly in %v, through Carpool in %v and %d calls: %.2f times as fast",
					round, clients*each, direct.Round(time.Millisecond), merged.Round(time.Millisecond), p.embedCalls()-calls, ratio)
			}
			slices.Sort(ratios)
			median := ratios[len(ratios)/2]
			t.Logf("%d clients, %d slots: through Carpool %.2f times as fast (median of %d rounds, %.2f–%.2f)",
				clients, slots, median, rounds, ratios[0], ratios[len(ratios)-1])
			if median < .8 { // with room for what else the machine does
				t.Errorf("through Carpool %.2f times as fast", median)
			}
		})
	}
}

// newStormLedger keeps a connection for each client.
func newStormLedger(clients int) *ledger {
	l := newLedger()
	l.transport.MaxIdleConnsPerHost = clients
	return l
}

// storm is how long so many clients take for so many texts each.
func storm(t *testing.T, c *api.Client, clients, each int, number *atomic.Int64) time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := time.Now()
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range each {
				text := fmt.Sprintf("text number %d says that people need words", number.Add(1))
				r, err := c.Embed(ctx, &api.EmbedRequest{Model: embed, Input: text})
				if err == nil && len(r.Embeddings) != 1 {
					err = fmt.Errorf("%d vectors", len(r.Embeddings))
				}
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("%q: %v", text, err)
					}
					cancel()
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(begun)
}
