package trust

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"carpool/app/trust/ledger"
	"carpool/backends/backendstest"
)

// unsteady is an engine whose requests take different times.
func unsteady(t testing.TB) *backendstest.Engine {
	engine := backendstest.New(t)
	engine.Choose(func(backendstest.Request) backendstest.Script { return anyPace() })
	return engine
}

// anyPace is a good answer that takes up to about 50 ms.
func anyPace() backendstest.Script {
	const longest, step = 8, 4 // milliseconds
	return backendstest.Script{Delay: time.Duration(rand.IntN(longest)) * time.Millisecond, Every: time.Duration(rand.IntN(step)) * time.Millisecond}
}

// Test14_Cancels has clients leave at any moment in any manner, and sees that the
// engine hears of it, that their places are kept for the grace and not longer, and
// that the history says so.
func Test14_Cancels(t *testing.T) {
	const places, grace = 4, 50 * time.Millisecond
	clients, each := 16, 10
	if isFull() {
		clients, each = 40, 50
	}
	engine := unsteady(t)
	c := begin(t, engine, "batching.mode=fixed", fmt.Sprint("batching.max_batch_size=", places), "queue.order=arrival",
		fmt.Sprint("batching.cancel_grace_ms=", grace.Milliseconds()))
	b := newBook(t, ledger.Rules{Order: ledger.Arrival, Grace: grace})
	b.watch(engine, "ollama")
	b.limit(places, 0, func() error { return nil })
	f := &crowd{t: t, c: c, book: b, clients: clients, each: each, name: "r", apps: []string{"chat", "editor", "agent"},
		classes: []string{"urgent", "normal", "background"}, leaves: func(d *dice) leaving {
			const stays = 0.3
			if d.Float64() < stays {
				return leaving{}
			}
			return anyLeaving(d)
		}}
	f.run(seeded(t))
	h := b.check(c)
	left, told := 0, b.farewells()
	for _, a := range h.Asked {
		if !a.Left.IsZero() {
			left++
		}
	}
	// Some leave before or after their turn, but not all.
	if len(told) < left/10 {
		t.Errorf("%d clients left, and the engine heard of %d", left, len(told))
	}
	const soon = 5 * time.Second // that a cancel takes at most on any machine
	if p := p99(told); p > soon {
		t.Errorf("one of a hundred cancels reaches the engine after %v", p)
	}
	figure(t, 14, fmt.Sprintf("%d requests, of which %d were left by their clients: half sent, waiting, before and after the first token, by closing, resetting, half-closing, with bytes unread; %d places", len(h.Asked), left, places),
		fmt.Sprintf("%d were at the engine, which heard of it within %s (p99); never more in flight than places, those of left ones counted for their grace; one row for each", len(told), p99(told).Round(100*time.Microsecond)))
}
