//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"carpool/app/fit"
)

// TestMemory compares what a slot is said to take with what it takes: the sizes
// that Ollama reports of a model loaded with ever more slots.
func TestMemory(t *testing.T) {
	const context = 2048 // as createModels sets it
	var sizes, estimates []float64
	var each fit.Need
	for _, slots := range []int{1, 2, 4} {
		p := opened(t, fmt.Sprintf("memory-%d", slots), slots)
		var before fit.Table
		err := poll(t.Context(), 20*time.Second, func() (err error) {
			before, err = memoryOf(t, p, medium, "--slots", fmt.Sprint(slots))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if before.Now.Context != context || before.Now.Loaded || before.Now.Weights == 0 {
			t.Errorf("before it is loaded: %+v", before.Now)
		}
		each = before.Now.Need
		if _, err := ask(t.Context(), p.ollama(), medium, "one is a number", 4); err != nil {
			t.Fatal(err)
		}
		running, err := p.engine.client().ListRunning(t.Context())
		if err != nil || len(running.Models) != 1 {
			t.Fatalf("%+v, %v", running, err)
		}
		sizes = append(sizes, float64(running.Models[0].Size))
		said := before.Now.KV
		if before.Now.Judged { // there is a GPU, where Ollama sets aside what it works in
			said += uint64(slots) * before.Now.WorkPerSlot
		}
		estimates = append(estimates, float64(said))
		t.Logf("%d slots: Ollama says %.1f MB in all; %s", slots, sizes[len(sizes)-1]/1e6, before.Now.Words)
	}
	// 12 layers × 8 heads × (64 + 64) × 2 bytes × 2048 tokens.
	if want := uint64(12 * 8 * 128 * 2 * context); each.KVPerSlot != want {
		t.Errorf("a slot is said to take %d bytes, want %d", each.KVPerSlot, want)
	}
	// Beside the cache only the buffers grow, which have a mask over all of it.
	for i := 1; i < len(sizes); i++ {
		grown, said := sizes[i]-sizes[0], estimates[i]-estimates[0]
		if math.Abs(grown-said) > said/10 {
			t.Errorf("Ollama takes %.1f MB more than with 1 slot, %.1f were said", grown/1e6, said/1e6)
		}
	}
}

// memoryOf asks Carpool what a model would take. It fails while that is not known.
func memoryOf(t *testing.T, p *pool, model string, more ...string) (fit.Table, error) {
	out, err := p.command(t.Context(), append([]string{"engine", "check", "--model", model, "--json"}, more...)...)
	if err != nil {
		return fit.Table{}, err
	}
	var all []fit.Table
	if err := json.Unmarshal(out, &all); err != nil {
		return fit.Table{}, giveUp{err}
	}
	if len(all) != 1 || !all[0].Now.Known {
		return fit.Table{}, errors.New("it is not known what it takes")
	}
	return all[0], nil
}
