//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// flock asks for one vector of each text, all at once, and says how long it took.
func flock(t *testing.T, c *api.Client, texts []string) ([][]float32, time.Duration) {
	t.Helper()
	vectors := make([][]float32, len(texts))
	errs := make([]error, len(texts))
	var wg sync.WaitGroup
	begun := time.Now()
	for i, text := range texts {
		wg.Go(func() {
			answer, err := c.Embed(t.Context(), &api.EmbedRequest{Model: embed, Input: text})
			if err == nil && len(answer.Embeddings) != 1 {
				err = fmt.Errorf("%d vectors for one text", len(answer.Embeddings))
			}
			if errs[i] = err; err == nil {
				vectors[i] = answer.Embeddings[0]
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%q: %v", texts[i], err)
		}
	}
	return vectors, took
}

// TestMergedEmbeddings asks for 64 vectors at once, five times, through Carpool and
// directly in turn.
func TestMergedEmbeddings(t *testing.T) {
	const calls, runs, most = 64, 5, 12
	shared.do(t, "set", "embeddings.cache_mib=0")
	defer shared.do(t, "set", "embeddings.cache_mib=64")
	direct := ollamaClient(shared.engine.url, &http.Transport{MaxIdleConnsPerHost: calls})
	through := ollamaClient(shared.url, &ledger{transport: &http.Transport{MaxIdleConnsPerHost: calls}, batches: map[string]string{}})
	flock(t, direct, []string{"warm"})
	flock(t, through, []string{"warm"})
	var a, b []float64
	for run := range runs {
		var texts []string
		for i := range calls {
			texts = append(texts, fmt.Sprintf("people and water, run %d, text %d", run, i))
		}
		alone, took := flock(t, direct, texts)
		a = append(a, took.Seconds())
		if _, err := shared.idle(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		_, _, before := shared.meter.counts()
		together, took := flock(t, through, texts)
		b = append(b, took.Seconds())
		_, _, after := shared.meter.counts()
		if after-before > most {
			t.Errorf("%d calls were %d for the engine, at most %d", calls, after-before, most)
		}
		t.Logf("run %d: direct %.3f s, through Carpool %.3f s in %d calls", run+1, a[run], b[run], after-before)
		for i := range texts {
			if at := cosine(alone[i], together[i]); at < 1-1e-6 {
				t.Errorf("%q: the cosine is %.9f", texts[i], at)
			}
		}
	}
	slices.Sort(a)
	slices.Sort(b)
	if ratio := b[runs/2] / a[runs/2]; ratio > 1.05 {
		t.Errorf("through Carpool it takes %.3f times as long", ratio)
	} else {
		t.Logf("through Carpool it takes %.3f times as long", ratio)
	}
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range min(len(a), len(b)) {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if len(a) != len(b) || aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
