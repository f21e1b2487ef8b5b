package trust

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/app/control"
	"carpool/app/trust/ledger"
	"carpool/backends/backendstest"
)

// flipEvery is the time between two changes of the settings.
const flipEvery = 20 * time.Millisecond

// flipping is how long a run of changes lasts.
func flipping() time.Duration {
	if isFull() {
		return 30 * time.Second
	}
	return time.Second
}

// Test18_Flips turns switches under load.
func Test18_Flips(t *testing.T) {
	const clients = 64
	underLoad := func(t *testing.T, c *carpool, b *book, seed uint64, set func(n int)) (flipped int) {
		done := make(chan struct{})
		time.AfterFunc(flipping(), func() { close(done) })
		stop := flips(flipEvery, set)
		f := &crowd{t: t, c: c, book: b, clients: clients, done: done, name: "r", apps: []string{"chat", "editor"}}
		f.run(seed)
		return stop()
	}

	t.Run("BatchingItsSizeAndThePreferredEngine", func(t *testing.T) {
		a, o := unsteady(t), unsteady(t)
		c := prepare(t, "engines.discover=false", "engines.list=a=ollama "+a.URL+",b=ollama "+o.URL, "batching.mode=fixed", "batching.max_batch_size=16", "queue.prefix_credit=0")
		c.start()
		c.await("both engines are up", func() error { return c.engines("up", "up") })
		b := newBook(t, ledger.Rules{Order: ledger.Fair, Grace: 2 * time.Second})
		b.watch(a, "a")
		b.watch(o, "b")
		b.limit(16, 0, func() error { return nil })
		seed := seeded(t)
		on, size, order := true, 16, false
		d, set := diceOf(seed, -1), control.Dial(c.stateDir())
		put := func(key string, value any) {
			each, overall := size, 0
			if !on {
				each, overall = 1, 1 // one at a time over all engines
			}
			b.limit(each, overall, func() error { return set.Set(t.Context(), key, fmt.Sprint(value)) })
		}
		flipped := underLoad(t, c, b, seed, func(int) {
			switch d.IntN(3) {
			case 0:
				on = !on
				put("enable_batching", on)
			case 1:
				size = 17 - size
				put("max_batch_size", size)
			default:
				order = !order
				if put("engines.order", "a,b"); order {
					put("engines.order", "b,a")
				}
			}
		})
		h := b.check(c)
		at := map[string]int{}
		for _, v := range h.Visits {
			at[v.Engine]++
		}
		for _, a := range h.Asked {
			if a.Marks != 1 {
				t.Errorf("%s failed: status %d, %s", a.ID, a.Status, a.Error)
			}
		}
		if at["a"] == 0 || at["b"] == 0 || flipped < 4 {
			t.Errorf("%d changes, and engines were asked %v", flipped, at)
		}
		figure(t, 18, fmt.Sprintf("batching on and off, 1 and 16 at once, one engine and the other preferred: %d changes in %v under %d clients", flipped, flipping(), clients),
			fmt.Sprintf("%s (%d and %d at the two engines), each by one engine; at no moment more in flight than the limit of its time", b.summary(), at["a"], at["b"]))
	})

	t.Run("TheAddressOfTheEngine", func(t *testing.T) {
		a, o := unsteady(t), unsteady(t)
		c := begin(t, a, "batching.mode=fixed", "batching.max_batch_size=8", "queue.prefix_credit=0")
		b := newBook(t, ledger.Rules{Grace: 2 * time.Second})
		b.watch(a, "ollama")
		b.watch(o, "ollama") // one name, so one limit
		b.limit(8, 0, func() error { return nil })
		seed := seeded(t)
		set := control.Dial(c.stateDir())
		flipped := underLoad(t, c, b, seed, func(n int) {
			url := []string{o.URL, a.URL}[n%2]
			if err := set.Set(t.Context(), "engine.url", url); err != nil {
				t.Error(err)
			}
		})
		h := b.check(c)
		reasons := map[string]int{}
		for _, a := range h.Asked {
			if a.Marks != 1 {
				reasons[fmt.Sprintf("%d %s", a.Status, a.Error)]++
			}
		}
		for r, n := range reasons {
			t.Errorf("%d failed: %s", n, r)
		}
		figure(t, 18, fmt.Sprintf("the engine's address changed %d times in %v under %d clients", flipped, flipping(), clients),
			fmt.Sprintf("%s (%d and %d at the two engines), each by one engine", b.summary(), a.Hits(), o.Hits()))
	})
}

// Test18_WhoWaitsForAnEngineThatIsReplaced has the user give another address while the
// engine that all wait for hangs, and then dies: not a byte had come, so all go on at
// the new one.
func Test18_WhoWaitsForAnEngineThatIsReplaced(t *testing.T) {
	const waiting = 5
	old, next := backendstest.New(t), backendstest.New(t)
	old.Hold()
	c := begin(t, old, "batching.mode=fixed", "batching.max_batch_size=1")
	b := newBook(t, ledger.Rules{Faults: true})
	b.watch(old, "old")
	b.watch(next, "new")
	var all sync.WaitGroup
	ask := func(id string) {
		all.Go(func() {
			o := &order{spoken: dialects[0], Asked: ledger.Asked{ID: id, App: "app", Model: "tiny", Priority: "normal", Tokens: 3}}
			o.send(b, c.addr, nil).close()
			b.note(o.Asked)
		})
	}
	ask("running")
	old.Next()
	for n := range waiting {
		ask(fmt.Sprint("waiting-", n))
	}
	c.await("all wait", func() error { return c.queued(waiting) })
	if err := control.Dial(c.stateDir()).Set(t.Context(), "engine.url", next.URL); err != nil {
		t.Fatal(err)
	}
	b.broke("old", time.Now())
	old.Stop()
	all.Wait()
	for _, a := range b.check(c).Asked {
		if a.Marks != 1 {
			t.Errorf("%s: status %d, %s", a.ID, a.Status, a.Error)
		}
	}
}

// queued fails unless so many requests wait.
func (c *carpool) queued(want int) error {
	var h struct {
		Batching struct {
			Waiting int `json:"queue_depth"`
		} `json:"batching"`
	}
	if err := c.health(&h); err != nil {
		return err
	}
	if h.Batching.Waiting != want {
		return fmt.Errorf("%d wait", h.Batching.Waiting)
	}
	return nil
}

// engines fails unless so many are known, of this health.
func (c *carpool) engines(want ...string) error {
	var h struct {
		Engines []struct {
			Health string `json:"health"`
		} `json:"engines"`
	}
	if err := c.health(&h); err != nil {
		return err
	}
	var is []string
	for _, e := range h.Engines {
		is = append(is, e.Health)
	}
	if strings.Join(is, " ") != strings.Join(want, " ") {
		return fmt.Errorf("the engines are %v", is)
	}
	return nil
}
