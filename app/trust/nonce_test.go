package trust

import (
	"fmt"
	"testing"
	"time"

	"carpool/app/control"
	"carpool/app/trust/ledger"
)

// Test17_EachClientSeesItsOwn has many clients ask at once in all dialects while the
// size of batches changes, and looks at every token that any of them sees.
func Test17_EachClientSeesItsOwn(t *testing.T) {
	const grace, most = 10 * time.Millisecond, 16
	clients, each := 40, 10
	if isFull() {
		clients, each = 200, 50
	}
	engine := unsteady(t)
	c := begin(t, engine, "batching.mode=fixed", "batching.max_batch_size=16", "queue.prefix_credit=0",
		fmt.Sprint("batching.cancel_grace_ms=", grace.Milliseconds()))
	b := newBook(t, ledger.Rules{Order: ledger.Fair, Grace: grace})
	b.watch(engine, "ollama")
	b.limit(most, 0, func() error { return nil })
	seed := seeded(t)
	d, set := diceOf(seed, -1), control.Dial(c.stateDir())
	stop := flips(100*time.Millisecond, func(int) {
		n := 1 + d.IntN(most)
		b.limit(n, 0, func() error { return set.Set(t.Context(), "max_batch_size", fmt.Sprint(n)) })
	})
	f := &crowd{t: t, c: c, book: b, clients: clients, each: each, name: "r", apps: []string{"chat", "editor", "agent"},
		models: []string{"tiny", "other"}, vary: func(d *dice, o *order) { o.cold = d.IntN(2) == 0 }, leaves: func(d *dice) leaving {
			const leaves = 0.2
			if d.Float64() < leaves {
				return anyLeaving(d)
			}
			return leaving{}
		}}
	f.run(seed)
	sizes := stop()
	h := b.check(c)
	tokens := 0
	for _, a := range h.Asked {
		tokens += a.Own
	}
	if tokens < len(h.Asked) {
		t.Errorf("only %d tokens were seen", tokens)
	}
	figure(t, 17, fmt.Sprintf("%d clients with %d requests each, in all dialects, half of them with temperature 0, a fifth of which leave, while the size of batches changes between 1 and %d (%d times)", clients, each, most, sizes),
		fmt.Sprintf("%s; %d tokens seen, each one its own client's", b.summary(), tokens))
}
