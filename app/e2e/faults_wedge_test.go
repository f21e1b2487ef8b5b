//go:build e2e

package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// TestFaultsOfALostSlot has clients leave an Ollama until it has lost its only slot:
// its scheduler then waits for ever for a reader who has gone, and whoever asks next
// waits with it.
func TestFaultsOfALostSlot(t *testing.T) {
	t.Run("UnloadingHeals", func(t *testing.T) {
		p := facing(t, "wedged", 1)
		p.closeAfter(t)
		t.Logf("lost its slot after %d clients had left", wedge(t, p.engine))
		begun := time.Now()
		unload(t, p.engine, fast)
		if _, err := ask(t.Context(), p.ollama(), fast, "are you there", 4); err != nil {
			t.Error(err)
		}
		t.Logf("served again after %v", time.Since(begun).Round(time.Millisecond))
	})
	t.Run("CarpoolNoticesAndHeals", func(t *testing.T) {
		p := facing(t, "healed", 1)
		p.closeAfter(t)
		p.do(t, "set", "gateway.first_token_timeout_s=10")
		p.do(t, "set", "gateway.stall_timeout_s=2")
		if _, err := ask(t.Context(), p.ollama(), fast, "load it", 4); err != nil { // so that a load's time is known
			t.Fatal(err)
		}
		wedge(t, p.engine)
		begun := time.Now()
		var told api.StatusError // to whoever asks before it is noticed
		err := poll(t.Context(), patience, func() error {
			_, err := ask(t.Context(), p.ollama(), fast, "are you there", 4)
			if err != nil && !errors.As(err, &told) {
				return giveUp{err}
			}
			return err
		})
		if err != nil {
			t.Fatalf("Carpool did not heal it: %v", err)
		}
		if told.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("whoever asked before was told %+v", told)
		}
		out, err := p.command(t.Context(), "history", "--decisions", "--json")
		if err != nil || !strings.Contains(string(out), "healed: the model was unloaded") {
			t.Errorf("it is not told: %.2000s, %v", out, err)
		}
		t.Logf("served again after %v; whoever came before was told %q", time.Since(begun).Round(time.Millisecond), told.ErrorMessage)
	})
}

// Clients that leave before a test gives up on losing a slot, and how long an engine
// that answers within a millisecond may be silent before it counts as lost.
const (
	mostLeavers = 400
	lostAfter   = 10 * time.Second
)

// wedge has clients leave the fast model's streams until the engine does not answer.
// It skips the test where the engine survives all of them.
func wedge(t *testing.T, e *engine) (left int) {
	t.Helper()
	for left < mostLeavers {
		if !leaves(t, e, left%8+1) {
			return left
		}
		left++
	}
	t.Skipf("this Ollama lost no slot although %d clients left", left)
	return left
}

// leaves goes away after so many pieces of an answer. It reports whether any came.
func leaves(t *testing.T, e *engine, pieces int) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lostAfter)
	defer cancel()
	n := 0
	err := e.client().Generate(ctx, &api.GenerateRequest{Model: fast, Prompt: "tell a story", Options: map[string]any{"num_predict": 500}},
		func(api.GenerateResponse) error {
			if n++; n == pieces {
				cancel()
			}
			return nil
		})
	if n == 0 && err == nil {
		t.Fatal("an answer without a piece")
	}
	return n > 0
}
