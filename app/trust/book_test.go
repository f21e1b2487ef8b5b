package trust

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"carpool/app/trust/ledger"
	"carpool/backends/backendstest"
)

// book is where the clients, the engines and the test itself note what happens in a
// run, by one clock, to be judged at its end.
type book struct {
	t testing.TB

	mu     sync.Mutex
	rules  ledger.Rules
	asked  []ledger.Asked
	visits []*ledger.Visit
	open   map[visitID]*ledger.Visit
	last   map[string]*ledger.Visit // by id
	came   map[string]chan struct{} // closed when an engine has it; by id
	left   map[string]time.Time     // when an engine saw its client leave; by id
	limits []ledger.Limit
}

// visitID names a visit.
type visitID struct {
	engine string
	id     string
	number uint64 // of the engine's own; one that was started again begins anew
}

func newBook(t testing.TB, r ledger.Rules) *book {
	return &book{t: t, rules: r, open: map[visitID]*ledger.Visit{}, last: map[string]*ledger.Visit{}, came: map[string]chan struct{}{}, left: map[string]time.Time{}}
}

// watch notes what comes to an engine that the gateway knows by a name.
func (b *book) watch(e *backendstest.Engine, name string) {
	e.Watch(func(v backendstest.Event) { b.event(name, v.Number, v.What, v.At, v.Nonce, v.Model) })
}

func (b *book) event(engine string, number uint64, what backendstest.What, at time.Time, id, model string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := visitID{engine, id, number}
	switch v := b.open[key]; {
	case what == backendstest.Came:
		v = &ledger.Visit{ID: id, Engine: engine, Model: model, Came: at}
		b.visits = append(b.visits, v)
		b.open[key], b.last[id] = v, v
		if waits := b.came[id]; waits != nil {
			close(waits)
			delete(b.came, id)
		}
	case v == nil: // it ended with its engine
	case what == backendstest.Left:
		b.left[id] = at
	default:
		v.Ended = at
		delete(b.open, key)
	}
}

// broke notes that an engine broke at a moment, and all its work with it.
func (b *book) broke(engine string, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, v := range b.open {
		if key.engine != engine {
			continue
		}
		if v.Ended = at; v.Came.After(at) {
			v.Ended = v.Came
		}
		delete(b.open, key)
	}
}

// arrival is closed when a request that is about to be sent comes to an engine.
func (b *book) arrival(id string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan struct{})
	b.came[id] = c
	return c
}

func (b *book) note(a ledger.Asked) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, a)
}

// limit notes a change of the limits, which set makes.
func (b *book) limit(each, overall int, set func() error) {
	b.t.Helper()
	l := ledger.Limit{From: time.Now(), Each: each, Overall: overall}
	if err := set(); err != nil {
		b.t.Error(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.limits); n > 0 {
		b.limits[n-1].Until = time.Now()
	}
	b.limits = append(b.limits, l)
}

// atEngines is how many requests are at an engine by the book.
func (b *book) atEngines() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.open)
}

// history is the book with what the program itself kept. The program has ended.
func (b *book) history(c *carpool, counted map[string]int) ledger.History {
	h := ledger.History{Rules: b.rules, Asked: b.asked, Limits: b.limits, Counted: counted}
	for _, v := range b.visits {
		h.Visits = append(h.Visits, *v)
	}
	for _, r := range c.rows() {
		h.Rows = append(h.Rows, ledger.Row{ID: r.ID, Outcome: r.Outcome, Status: r.Status, Released: r.Batch != nil,
			Started: r.Started, Waited: time.Duration(r.QueueMS * float64(time.Millisecond))})
	}
	return h
}

// check ends the program and judges the run.
func (b *book) check(c *carpool) ledger.History {
	b.t.Helper()
	var counted map[string]int
	if b.rules.Stopped.IsZero() {
		b.settled(c)
		counted = c.counted()
		c.stop()
	}
	h := b.history(c, counted)
	const most = 20
	for i, v := range h.Violations() {
		if i == most {
			b.t.Error("and more")
			break
		}
		b.t.Error(v)
	}
	if b.t.Failed() {
		b.t.Logf("the run: %s", b.summary())
	}
	return h
}

// settled waits until nothing waits or runs any more and every handler has ended.
func (b *book) settled(c *carpool) {
	b.t.Helper()
	c.await("nothing waits or runs", func() error {
		var h struct {
			Batching struct {
				Waiting int `json:"queue_depth"`
				Running int `json:"in_flight"`
			} `json:"batching"`
		}
		if err := c.health(&h); err != nil {
			return err
		}
		if n := b.atEngines(); h.Batching.Waiting+h.Batching.Running+n > 0 {
			return fmt.Errorf("%d wait, %d run, %d are at the engine", h.Batching.Waiting, h.Batching.Running, n)
		}
		if n := c.connections(); n > 0 {
			return fmt.Errorf("%d connections are open", n)
		}
		return nil
	})
}

// summary says how many requests came to which end.
func (b *book) summary() string {
	var good, failed, left int
	for _, a := range b.asked {
		switch {
		case a.Marks == 1:
			good++
		case !a.Left.IsZero():
			left++
		case a.Errors == 1:
			failed++
		}
	}
	return fmt.Sprintf("%d requests: %d answered, %d failed, %d left", len(b.asked), good, failed, left)
}

// flips calls set every so often, as far as it keeps up, until stop is called, which
// waits for the last one and says how many there were.
func flips(every time.Duration, set func(n int)) (stop func() int) {
	done, count := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-done:
				count <- n
				return
			case <-tick.C:
				set(n)
			}
		}
	}()
	return func() int {
		close(done)
		return <-count
	}
}

// farewells are how long after clients had left their requests were cancelled at the
// engine, the shortest first.
func (b *book) farewells() []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []time.Duration
	for _, a := range b.asked {
		at, seen := b.left[a.ID]
		if v := b.last[a.ID]; seen && !a.Left.IsZero() && a.Left.After(v.Came) {
			all = append(all, max(0, at.Sub(a.Left)))
		}
	}
	slices.SortFunc(all, func(x, y time.Duration) int { return cmp.Compare(x, y) })
	return all
}

// p99 of what is sorted; 0 = there is nothing.
func p99(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)*99/100]
}
