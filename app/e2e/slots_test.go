//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"carpool/app/tuner"
)

const (
	saturating = 14               // clients; more than any limit that a test may reach
	detecting  = 15 * time.Second // of saturated traffic until the slots are known
	watching   = 4 * time.Second  // for requests beyond the slots, after that
)

// TestSlots saturates engines of different parallelism with Carpool's default
// settings. No engine says how many requests it runs at once.
func TestSlots(t *testing.T) {
	for _, slots := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprintf("%dOfTheNativeRoute", slots), func(t *testing.T) {
			p := opened(t, fmt.Sprintf("slots-%d", slots), slots)
			saturate(t, p, slots, func(ctx context.Context, number int) error {
				_, err := ask(ctx, p.ollama(), medium, fmt.Sprintf("%d is a number", number), 64)
				return err
			})
		})
	}
	// The OpenAI routes do not tell how long the engine held a request back; what
	// is left is when first tokens come.
	t.Run("2OfTheOpenAIRoute", func(t *testing.T) {
		const slots = 2
		p := opened(t, "slots-openai", slots)
		openAI := streams(p)[2]
		saturate(t, p, slots, func(ctx context.Context, number int) error {
			return openAI.read(ctx, medium, fmt.Sprintf("%d is a number", number), 64, func(string) {})
		})
	})
}

// saturate keeps a new engine busy and sees that its slots are found in time and
// that no more than one request above them is let in from then on.
func saturate(t *testing.T, p *pool, slots int, one func(context.Context, int) error) {
	t.Helper()
	begun := time.Now()
	c := gather(t, saturating, one)
	var last tuner.State
	var exact time.Time // since when the number has been right
	for time.Since(begun) < detecting && (exact.IsZero() || time.Since(exact) < watching) {
		time.Sleep(250 * time.Millisecond)
		now, err := p.tuned(t.Context(), medium)
		if err != nil {
			t.Fatal(err)
		}
		if now.Slots != last.Slots || now.Limit != last.Limit {
			t.Logf("after %v: %d slots by %q, limit %d: %s", time.Since(begun).Round(100*time.Millisecond), now.Slots, now.SlotsBy, now.Limit, now.Reason)
		}
		if now.Slots != slots {
			exact = time.Time{}
		} else if exact.IsZero() {
			exact = time.Now()
		}
		last = now
	}
	if exact.IsZero() {
		t.Fatalf("after %v: %+v; the engine runs %d at once", detecting, last, slots)
	}
	if last.SlotsBy == "" || last.Reason == "" {
		t.Errorf("no reason: %+v", last)
	}
	p.meter.reset()
	time.Sleep(watching)
	_, peak, _ := p.meter.counts()
	if peak > slots+1 {
		t.Errorf("the engine had %d at once, %d slots are known", peak, slots)
	}
	now, err := p.tuned(t.Context(), medium)
	if err != nil || now.Slots != slots {
		t.Errorf("then %+v, %v", now, err)
	}
	t.Logf("%d requests in %v, at most %d at once: %s", c.served(), time.Since(begun).Round(time.Second), peak, now.Reason)
	c.disperse()
}
