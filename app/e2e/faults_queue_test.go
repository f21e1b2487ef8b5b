//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// TestFaultsOfAFullQueue meets the limit of Ollama's own queue, which holds while a
// model is being loaded. Carpool keeps what waits to itself, so that its clients never
// see it.
func TestFaultsOfAFullQueue(t *testing.T) {
	const crowd = 40
	p := facing(t, "crowded", 1, "OLLAMA_MAX_QUEUE=4")
	p.closeAfter(t)

	directly := p.flood(t, p.engine.url, http.DefaultTransport, crowd)
	if directly.served+directly.busy != crowd || directly.busy == 0 {
		t.Fatalf("directly %d were served, %d refused, others: %v", directly.served, directly.busy, directly.others)
	}
	t.Run("StaysShortBehindCarpool", func(t *testing.T) {
		if got := p.flood(t, p.url, p.ledger, crowd); got.served != crowd {
			t.Errorf("%d were served, %d refused by the engine, others: %v", got.served, got.busy, got.others)
		}
		t.Logf("of %d requests at once the engine refused %d directly, none through Carpool", crowd, directly.busy)
	})
	t.Run("IsToldAsItIsInPassthrough", func(t *testing.T) {
		p.do(t, "set", "batching.off_mode=passthrough")
		p.do(t, "off")
		got := p.flood(t, p.url, p.ledger, crowd)
		if got.served+got.busy != crowd || got.busy == 0 || !slices.Equal(got.words, directly.words) {
			t.Errorf("%d were served, %d refused with %q, others: %v; directly with %q", got.served, got.busy, got.words, got.others, directly.words)
		}
		t.Logf("in passthrough mode it refused %d, with %q", got.busy, got.words)
	})
}

// flooded is how a crowd fared.
type flooded struct {
	served, busy int
	words        []string // of the engine's refusals, each once
	others       []string
}

// flood has n clients ask at base at once for a model that is not loaded.
func (p *pool) flood(t *testing.T, base string, via http.RoundTripper, n int) (f flooded) {
	t.Helper()
	unload(t, p.engine, fast)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			body := fmt.Sprintf(`{"model":%q,"prompt":"number %d","stream":false,"options":{"num_predict":4}}`, fast, i)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/generate", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			status, text := 0, ""
			answer, err := via.RoundTrip(r)
			if err == nil {
				var b []byte
				b, err = io.ReadAll(answer.Body)
				_ = answer.Body.Close()
				status, text = answer.StatusCode, string(b)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && status == http.StatusOK:
				f.served++
			case err == nil && status == http.StatusServiceUnavailable && strings.Contains(text, "server busy"):
				f.busy++
				if !slices.Contains(f.words, text) {
					f.words = append(f.words, text)
				}
			default:
				f.others = append(f.others, fmt.Sprint(status, text, err))
			}
		})
	}
	wg.Wait()
	return f
}

// unload has an engine let a model go, and waits until it has.
func unload(t *testing.T, e *engine, model string) {
	t.Helper()
	err := e.client().Generate(t.Context(), &api.GenerateRequest{Model: model, KeepAlive: &api.Duration{}}, func(api.GenerateResponse) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	err = poll(t.Context(), time.Minute, func() error {
		running, err := e.client().ListRunning(t.Context())
		if err == nil && len(running.Models) > 0 {
			err = fmt.Errorf("%d models are loaded", len(running.Models))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFaultsOfADeletedModel deletes a model while one request for it runs and others
// wait for their turn.
func TestFaultsOfADeletedModel(t *testing.T) {
	const doomed = "doomed"
	p := facing(t, "deleted", 2)
	p.closeAfter(t)
	p.do(t, "set", "batching.mode=fixed")
	p.do(t, "set", "batching.max_batch_size=1")
	if err := p.ollama().Copy(t.Context(), &api.CopyRequest{Source: medium, Destination: doomed}); err != nil {
		t.Fatal(err)
	}
	native := goWitnesses(p.url, p.ledger)
	node, _ := nodeWitnesses(t, p.url)
	f := &faulty{pool: p, all: slices.Concat(native, node)}

	running := hear(t, native[:1], question{doomed, "tell a story", 1500})
	running.underWay(t)
	waiting := hear(t, f.all, question{doomed, "tell another", 4})
	if err := poll(t.Context(), time.Minute, f.holds(t, 1, len(f.all))); err != nil {
		t.Fatal(err)
	}
	if err := p.ollama().Delete(t.Context(), &api.DeleteRequest{Model: doomed}); err != nil {
		t.Fatal(err)
	}
	others := hear(t, native, question{fast, "tell yet another", 4})
	others.verdict(t, witness.served)
	running.verdict(t, witness.served)
	waiting.verdict(t, func(w witness, got fate) error { return w.refused(got, http.StatusNotFound) })
	hear(t, native, question{doomed, "and once more", 4}).verdict(t, func(w witness, got fate) error { return w.refused(got, http.StatusNotFound) })
}
