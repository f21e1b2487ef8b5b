//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// TestEmbeddingsMerge sends single embedding calls all at once, to the engine
// and through Carpool, which has the engine do many in one call.
func TestEmbeddingsMerge(t *testing.T) {
	p := opened(t, "merge", 1)
	texts := func(round int) []string {
		all := make([]string, 64)
		for i := range all {
			// Each is new: Carpool keeps embeddings that were computed before.
			all[i] = fmt.Sprintf("text %d of round %d says that people need %d words", i, round, i*7+round)
		}
		return all
	}
	engine, through := ollamaClient(p.engine.url, newLedger()), p.ollama()
	// Both find the model loaded and the connections open.
	embedded(t, engine, texts(100))
	embedded(t, through, texts(101))

	t.Run("GivesTheSameVectorsNotSlower", func(t *testing.T) {
		var direct, merged []time.Duration
		for round := range 5 {
			all := texts(round)
			var want, got embeddings
			ways := []func(){
				func() { want = embedded(t, engine, all) },
				func() {
					calls := p.embedCalls()
					got = embedded(t, through, all)
					if calls = p.embedCalls() - calls; calls > 12 {
						t.Errorf("64 calls were %d for the engine", calls)
					}
					t.Logf("round %d: 64 calls were %d for the engine", round, calls)
				},
			}
			if round%2 == 1 {
				slices.Reverse(ways)
			}
			for _, way := range ways {
				way()
			}
			direct, merged = append(direct, want.took), append(merged, got.took)
			compare(t, all, got.vectors, want.vectors)
			if got.tokens != want.tokens {
				t.Errorf("%d tokens in all, directly %d", got.tokens, want.tokens)
			}
		}
		t.Logf("64 at once: directly %v, through Carpool %v", rounded(direct), rounded(merged))
		slices.Sort(direct)
		slices.Sort(merged)
		if ratio := float64(merged[2]) / float64(direct[2]); ratio > 1.05 {
			t.Errorf("through Carpool it takes %.2f times as long", ratio)
		}
	})
	t.Run("OneBadTextFailsAlone", func(t *testing.T) {
		whole := false
		ask := func(c *api.Client, text string) (*api.EmbedResponse, error) {
			return c.Embed(t.Context(), &api.EmbedRequest{Model: embed, Input: text, Truncate: &whole})
		}
		all := texts(200)[:24]
		all[13] = strings.Repeat("the ", 2000)
		_, want := ask(engine, all[13])
		calls := p.embedCalls()
		vectors, errs := make([][]float32, len(all)), make([]error, len(all))
		var wg sync.WaitGroup
		for i, text := range all {
			wg.Go(func() {
				r, err := ask(through, text)
				if errs[i] = err; err == nil && len(r.Embeddings) == 1 {
					vectors[i] = r.Embeddings[0]
				}
			})
		}
		wg.Wait()
		var said api.StatusError
		if !errors.As(errs[13], &said) || said.StatusCode != http.StatusBadRequest || errs[13].Error() != want.Error() {
			t.Errorf("the text that is too long: %v; directly %v", errs[13], want)
		}
		vectors, errs, all = slices.Delete(vectors, 13, 14), slices.Delete(errs, 13, 14), slices.Delete(all, 13, 14)
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		compare(t, all, vectors, embedded(t, engine, all).vectors)
		t.Logf("24 texts, one of them bad, in %d calls", p.embedCalls()-calls)
	})
}

// embedCalls is how many embedding calls the engine has had from Carpool.
func (p *pool) embedCalls() (n int) {
	for path, calls := range p.meter.routes() {
		if strings.Contains(path, "embed") {
			n += calls
		}
	}
	return n
}

// embeddings are the answers to texts that were all asked for at once, each in a
// call of its own.
type embeddings struct {
	vectors [][]float32
	tokens  int // of all texts, as told
	took    time.Duration
}

func embedded(t *testing.T, c *api.Client, texts []string) embeddings {
	t.Helper()
	answers, errs := make([]*api.EmbedResponse, len(texts)), make([]error, len(texts))
	begun := time.Now()
	var wg sync.WaitGroup
	for i, text := range texts {
		wg.Go(func() { answers[i], errs[i] = c.Embed(t.Context(), &api.EmbedRequest{Model: embed, Input: text}) })
	}
	wg.Wait()
	all := embeddings{took: time.Since(begun)}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for i, a := range answers {
		if len(a.Embeddings) != 1 || a.PromptEvalCount == 0 {
			t.Fatalf("%q: %d vectors, %d tokens", texts[i], len(a.Embeddings), a.PromptEvalCount)
		}
		all.vectors = append(all.vectors, a.Embeddings[0])
		all.tokens += a.PromptEvalCount
	}
	return all
}

// compare holds vectors against those that the engine gave directly.
func compare(t *testing.T, texts []string, got, want [][]float32) {
	t.Helper()
	for i := range want {
		if c := cosine(got[i], want[i]); c < 1-1e-6 {
			t.Errorf("%.40q: cosine %v", texts[i], c)
		}
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
