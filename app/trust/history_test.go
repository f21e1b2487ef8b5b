package trust

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carpool/app/control"
	"carpool/app/trust/ledger"
	"carpool/backends/backendstest"
)

// Test30_Ledger has everything happen in one run that the rows before it look at one
// by one, ends the program in the middle of it, and compares all accounts. Those of
// the other runs are compared at their ends.
func Test30_Ledger(t *testing.T) {
	const most, long, grace, endless = 8, 4, 50 * time.Millisecond, "other"
	clients := 40
	lasts := 800 * time.Millisecond
	if isFull() {
		clients, lasts = 120, 20*time.Second
	}
	engine := backendstest.New(t)
	engine.Choose(func(q backendstest.Request) backendstest.Script {
		s := anyPace()
		if q.Model == endless {
			s.End, s.At = backendstest.Stall, 1
		} else if kind := rand.IntN(20); kind < 3 {
			s.End, s.At = []backendstest.End{backendstest.Reset, backendstest.Error, backendstest.NoMark}[kind], rand.IntN(3)
		}
		return s
	})
	c := begin(t, engine, "batching.mode=fixed", fmt.Sprint("batching.max_batch_size=", most), "queue.order=arrival", "queue.max_waiting=32", "queue.reserved_others=8",
		fmt.Sprint("batching.cancel_grace_ms=", grace.Milliseconds()), "gateway.drain_timeout_s=1")
	b := newBook(t, ledger.Rules{Order: ledger.Arrival, Grace: grace, Faults: true})
	b.watch(engine, "ollama")
	b.limit(most, 0, func() error { return nil })

	seed, done := seeded(t), make(chan struct{})
	d, set := diceOf(seed, -1), control.Dial(c.stateDir())
	stop := flips(flipEvery, func(int) {
		n := long + 1 + d.IntN(most)
		b.limit(n, 0, func() error { return set.Set(t.Context(), "max_batch_size", fmt.Sprint(n)) })
	})
	var all sync.WaitGroup
	// These run when the program ends, until the drain's own end.
	running := &crowd{t: t, c: c, book: b, clients: long, each: 1, name: "long", models: []string{endless}, vary: func(_ *dice, o *order) {
		o.spoken, o.Tokens = dialects[0], 2
	}}
	all.Go(func() { running.run(seed) })
	c.await("the endless ones run", func() error {
		if n := engine.Running(); n < long {
			return fmt.Errorf("%d run", n)
		}
		return nil
	})
	coming := &crowd{t: t, c: c, book: b, clients: clients, done: done, name: "r", apps: []string{"chat", "editor"}, classes: []string{"urgent", "normal", "background"},
		idle: func(d *dice) { time.Sleep(d.duration(flipEvery)) }, // a refused one does not come back at once
		leaves: func(d *dice) leaving {
			const leaves = 0.2
			if d.Float64() < leaves {
				return anyLeaving(d)
			}
			return leaving{}
		}}
	all.Go(func() { coming.run(seed) })
	time.Sleep(lasts)
	stop()
	b.rules.Stopped = time.Now()
	c.signal(syscall.SIGTERM)
	if err := c.wait(patience); err != nil {
		t.Errorf("ended with %v", err)
	}
	close(done)
	all.Wait()
	for b.atEngines() > 0 { // the engine hears of it in a moment, or the test runs out of time
		time.Sleep(time.Millisecond)
	}

	h := b.check(c)
	outcomes := map[string]int{}
	for _, r := range h.Rows {
		outcomes[r.Outcome]++
	}
	for _, outcome := range []string{"ok", "error", "cancelled", "rejected", "interrupted"} {
		if outcomes[outcome] == 0 {
			t.Errorf("no request had the outcome %s: %v", outcome, outcomes)
		}
	}
	figure(t, 30, fmt.Sprintf("%d requests of %d clients, some of which leave, at an engine that fails now and then, with a queue that overflows and a limit that changes, ended by SIGTERM in the middle", len(h.Asked), clients+long),
		fmt.Sprintf("what clients saw, the %d visits at the engine and the %d rows agree in everything: %v", len(h.Visits), len(h.Rows), outcomes))

	for name, plant := range map[string]func(h *ledger.History) (says string){
		"AnAnswerThatTheHistoryCallsAFailure": func(h *ledger.History) string {
			i := slices.IndexFunc(h.Rows, func(r ledger.Row) bool { return r.Outcome == "ok" })
			h.Rows[i].Outcome = "error"
			return h.Rows[i].ID + " has the outcome error"
		},
		"ARowThatIsLost": func(h *ledger.History) string {
			i := slices.IndexFunc(h.Rows, func(r ledger.Row) bool { return r.Outcome == "ok" })
			id := h.Rows[i].ID
			h.Rows = slices.Delete(h.Rows, i, i+1)
			return id + " has 0 rows"
		},
		"AnothersToken": func(h *ledger.History) string {
			i := slices.IndexFunc(h.Asked, func(a ledger.Asked) bool { return a.Marks == 1 })
			h.Asked[i].Own, h.Asked[i].Foreign = h.Asked[i].Own-1, 1
			return h.Asked[i].ID + " saw 1 tokens that are not its own"
		},
		"ALimitThatDidNotHold": func(h *ledger.History) string {
			for i := range h.Limits {
				h.Limits[i].Each = 1
			}
			return "requests in flight when"
		},
		"AnAnswerWithoutAnEnd": func(h *ledger.History) string {
			i := slices.IndexFunc(h.Asked, func(a ledger.Asked) bool { return a.Errors == 1 && a.Left.IsZero() && a.Done.Before(h.Stopped) })
			h.Asked[i].Errors = 0
			return h.Asked[i].ID + " stayed and saw no end"
		},
	} {
		t.Run("Finds"+name, func(t *testing.T) {
			planted := h
			planted.Rows, planted.Asked, planted.Limits = slices.Clone(h.Rows), slices.Clone(h.Asked), slices.Clone(h.Limits)
			says := plant(&planted)
			if all := strings.Join(planted.Violations(), "\n"); !strings.Contains(all, says) {
				t.Errorf("it says %q, and not %q", all, says)
			}
		})
	}
}
