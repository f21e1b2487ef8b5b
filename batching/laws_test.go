package batching_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/batching"
)

// TestTwoBackloggedAppsStayTogether holds the bound of virtual token counters: of
// two apps that always have work waiting, neither is ahead of the other by more
// than what one prompt, or all tokens in flight, may cost. So over any stretch of
// time their service differs by twice that at the most.
func TestTwoBackloggedAppsStayTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := rapid.IntRange(1, 6).Draw(t, "places")
		weights := map[string]float64{"a": 1, "b": rapid.SampledFrom([]float64{.5, 1, 3}).Draw(t, "weight")}
		longest, most := rapid.IntRange(10, 2000).Draw(t, "longest prompt"), rapid.IntRange(10, 500).Draw(t, "longest answer")
		set := fixed(places)
		set.Weights, set.MaxWaiting = weights, 100
		c := batching.NewCore(set, batching.Options{})
		now := start
		waiting, had := map[string]int{}, map[string]float64{}
		left := map[*batching.Ticket]int{}
		bound := max(float64(longest), 2*float64(places*(longest+most))) / min(1, weights["b"])
		for range 300 {
			for _, app := range []string{"a", "b"} {
				for ; waiting[app] <= places; waiting[app]++ {
					r := batching.Request{Key: key, App: app, PromptTokens: rapid.IntRange(0, longest).Draw(t, "prompt")}
					if _, err := c.Arrive(now, r); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, ticket := range c.Step(now).Released {
				app := ticket.Request.App
				waiting[app]--
				had[app] += float64(ticket.Request.PromptTokens) / weights[app]
				left[ticket] = rapid.IntRange(1, most).Draw(t, "answer")
			}
			if gap := math.Abs(had["a"] - had["b"]); gap > bound {
				t.Fatalf("one app is ahead by %.0f units, the bound is %.0f", gap, bound)
			}
			// Whoever is done first ends; all write as much until then.
			n := slices.Min(values(left))
			now = now.Add(time.Duration(n) * time.Millisecond)
			for ticket := range left {
				ticket.Generated(n)
				had[ticket.Request.App] += float64(2*n) / weights[ticket.Request.App]
				if left[ticket] -= n; left[ticket] == 0 {
					c.End(now, ticket, batching.Served, batching.Untold())
					delete(left, ticket)
				}
			}
		}
	})
}

func values(m map[*batching.Ticket]int) (all []int) {
	for _, n := range m {
		all = append(all, n)
	}
	return all
}

// Test16_NoAppWaitsBeyondTheGuard sets a background app beside floods of all classes
// that never end: it has its turn within the guard and one service for each app
// that is overdue at the same time, or each urgent one between.
func Test16_NoAppWaitsBeyondTheGuard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := fixed(rapid.IntRange(1, 3).Draw(t, "places"))
		set.Guard = time.Duration(rapid.IntRange(10, 60).Draw(t, "guard")) * time.Second
		set.PrefixCredit = 1e6
		c := batching.NewCore(set, batching.Options{})
		flood := []batching.Request{
			{Key: key, App: "urgent", Priority: batching.Urgent},
			{Key: key, App: "warm", Prefix: 1, PrefixTokens: 10, PromptTokens: 10},
		}
		quiet := batching.Request{Key: key, App: "quiet", Priority: batching.Background, PromptTokens: 10000}
		const service = 5 * time.Second
		now := start
		var waits *batching.Ticket
		ends := map[*batching.Ticket]time.Time{}
		for range 200 {
			for _, r := range flood {
				if _, err := c.Arrive(now, r); err != nil {
					t.Fatal(err)
				}
			}
			if waits == nil && rapid.Bool().Draw(t, "asks") {
				waits, _ = c.Arrive(now, quiet)
			}
			for _, r := range c.Step(now).Released {
				ends[r] = now.Add(time.Duration(rapid.IntRange(1, int(service/time.Second)).Draw(t, "service")) * time.Second)
				if r == waits {
					waits = nil
				}
			}
			if waits != nil && now.Sub(waits.Queued) > set.Guard+3*service {
				t.Fatalf("waits for %v with a guard of %v", now.Sub(waits.Queued), set.Guard)
			}
			now = now.Add(time.Second)
			for r, at := range ends {
				if !now.Before(at) {
					c.End(now, r, batching.Served, batching.Untold())
					delete(ends, r)
				}
			}
		}
	})
}

// TestModelsTakeTurnsByTheRule runs three models of which an engine holds one. A
// model is never sent beside another one that answers, and another one's turn only
// comes when the loaded one has nothing to do, or when somebody has waited for
// what a load is worth and the loaded one has had its stay, or by the guard. And
// it does come then.
func TestModelsTakeTurnsByTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		load := time.Duration(rapid.SampledFrom([]int{300, 1000, 5000, 20000}).Draw(t, "load")) * time.Millisecond
		set := fixed(rapid.IntRange(1, 3).Draw(t, "places"))
		set.MaxWaiting = 100000
		set.Guard = time.Duration(rapid.SampledFrom([]int{20, 60, 3600}).Draw(t, "guard")) * time.Second
		c := batching.NewCore(set, batching.Options{})
		w := &turns{t: t, core: c, set: set, now: start, load: load, first: map[*batching.Ticket]time.Time{}, ends: map[*batching.Ticket]time.Time{}}
		c.SetEngine(start, key.Engine, batching.EngineState{Loaded: []string{}})
		for range 150 {
			for model, rate := range []int{9, 2, 1} {
				if rapid.IntRange(0, 9).Draw(t, "comes") >= rate {
					continue
				}
				ticket, err := c.Arrive(w.now, batching.Request{Key: model3(model), App: fmt.Sprint("app", rapid.IntRange(0, 1).Draw(t, "app")),
					Priority: rapid.SampledFrom([]batching.Priority{0, 0, 0, 1}).Draw(t, "priority")})
				if err != nil {
					t.Fatal(err)
				}
				w.waiting = append(w.waiting, ticket)
			}
			w.step()
			w.advance(time.Duration(rapid.IntRange(100, 2000).Draw(t, "ms")) * time.Millisecond)
		}
	})
}

func model3(i int) batching.Key {
	return batching.Key{Engine: key.Engine, Model: fmt.Sprint("model", i)}
}

// turns is an engine with room for one model, and what the rule says of it.
type turns struct {
	t           *rapid.T
	core        *batching.Core
	set         batching.Settings
	now         time.Time
	load        time.Duration
	measured    bool
	loaded      string
	since       time.Time        // the loaded model's first token; zero before
	front       *batching.Ticket // the oldest of all, while it waits for its model
	frontSince  time.Time
	waiting     []*batching.Ticket
	first, ends map[*batching.Ticket]time.Time // of those in flight
}

// cost is what a load is taken to cost.
func (w *turns) cost() time.Duration {
	if w.measured {
		return w.load
	}
	return 6 * time.Second
}

func (w *turns) maxWait() time.Duration { return min(max(8*w.cost(), 2*time.Second), 30*time.Second) }
func (w *turns) stay() time.Duration    { return min(max(4*w.cost(), time.Second), 2*time.Minute) }

// mayLeave tells whether the loaded model may be given up for ticket's.
func (w *turns) mayLeave() bool {
	busy := false
	for _, other := range w.waiting {
		busy = busy || other.Request.Model == w.loaded
	}
	if !busy {
		return true
	}
	for _, other := range w.waiting {
		if other.Request.Model == w.loaded {
			continue
		}
		waited := w.now.Sub(other.Queued)
		if waited >= max(w.set.Guard, 4*w.cost()) {
			return true // at the latest: an app has no turn for as long as its request waits
		}
		if other.Request.Priority == batching.Urgent {
			waited += max(0, w.maxWait()-w.stay())
		}
		if waited >= w.maxWait() && !w.since.IsZero() && w.now.Sub(w.since) >= w.stay() {
			return true
		}
	}
	return false
}

func (w *turns) step() {
	e := w.core.Step(w.now)
	for _, ticket := range e.Released {
		for running := range w.ends {
			if running.Request.Model != ticket.Request.Model {
				w.t.Fatalf("sent %s while %s was answering", ticket.Request.Model, running.Request.Model)
			}
		}
		begins := w.now
		if ticket.Request.Model != w.loaded {
			if w.loaded != "" && !w.mayLeave() {
				w.t.Fatalf("gave up %s for %s too early", w.loaded, ticket.Request.Model)
			}
			w.loaded, w.since = ticket.Request.Model, time.Time{}
		}
		if w.since.IsZero() {
			begins = w.now.Add(w.load)
			for _, at := range w.first {
				begins = at // loading already
			}
		}
		w.first[ticket] = begins
		w.ends[ticket] = begins.Add(time.Duration(rapid.IntRange(1, 3000).Draw(w.t, "service")) * time.Millisecond)
		w.waiting = slices.DeleteFunc(w.waiting, func(other *batching.Ticket) bool { return other == ticket })
	}
	if len(w.ends) == 0 && len(w.waiting) > 0 {
		w.t.Fatal("requests wait before an idle engine")
	}
	if len(w.waiting) == 0 || w.waiting[0].Request.Model == w.loaded {
		w.front = nil
		return
	}
	if w.waiting[0] != w.front {
		w.front, w.frontSince = w.waiting[0], w.now
	}
	// Its own time to wait or the loaded model's stay, and once more where an urgent
	// request or an overdue app goes before; with what is loading and running then.
	if limit := 2 * (max(30*time.Second, w.stay()) + w.load + 3*time.Second); w.now.Sub(w.frontSince) > limit {
		w.t.Fatalf("%s has waited %v for its turn", w.front.Request.Model, w.now.Sub(w.frontSince))
	}
}

// advance lets d pass, with all first tokens and ends in it at their times.
func (w *turns) advance(d time.Duration) {
	until := w.now.Add(d)
	for {
		var next *batching.Ticket
		at := until
		for ticket, first := range w.first {
			if !first.After(at) && (next == nil || first.Before(at) || ticket.Queued.Before(next.Queued)) {
				next, at = ticket, first
			}
		}
		begins := next != nil
		for ticket, end := range w.ends {
			if _, before := w.first[ticket]; !before && (end.Before(at) || end.Equal(at) && next == nil) {
				next, at, begins = ticket, end, false
			}
		}
		if next == nil {
			w.now = until
			w.step()
			return
		}
		w.now = at
		if begins {
			delete(w.first, next)
			w.core.FirstToken(at, next)
			if w.since.IsZero() {
				w.since, w.measured = at, true
			}
		} else {
			delete(w.ends, next)
			w.core.End(at, next, batching.Served, batching.Untold())
		}
		w.step()
	}
}
