package adaptive_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/batching/adaptive"
)

// event is something that happens to an engine and its governor.
type event struct {
	kind  string
	value int
}

func (v event) String() string { return fmt.Sprintf("%s %d", v.kind, v.value) }

// told are the events after which a limit may be another one at once.
var told = map[string]bool{"tell": true, "reset": true, "configure": true}

func events(t *rapid.T, name string) []event {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event {
		kind := rapid.SampledFrom([]string{
			"run", "run", "run", "demand", "slots", "gap", "length", "cancel", "refuse", "fail", "stop", "card", "tell", "reset", "configure",
		}).Draw(t, "kind")
		return event{kind, rapid.IntRange(0, 100).Draw(t, "value")}
	}), 1, 40).Draw(t, name)
}

// happen lets an event happen and then half a second pass.
func (e *engine) happen(v event) {
	end := func(o adaptive.Outcome) {
		if n := len(e.flight); n > 0 {
			e.end(e.flight[v.value%n].id, o)
		}
	}
	switch v.kind {
	case "run":
		e.run(time.Duration(v.value) * 300 * time.Millisecond)
	case "demand":
		e.demand = v.value
	case "slots":
		e.slots = 1 + v.value%40
	case "gap": // from flat to none that depends on the streams
		each := time.Duration(v.value%11) * time.Millisecond
		e.gap = func(d int) time.Duration { return 5*time.Millisecond + time.Duration(d)*each }
	case "length":
		e.length = 1 + v.value*4
	case "cancel":
		end(adaptive.Canceled)
	case "refuse":
		end(adaptive.Overload)
	case "fail":
		end(adaptive.Failed)
	case "stop":
		e.stopped = v.value%3 == 0
	case "card":
		share := float64(v.value) / 100
		e.Memory(e.now, adaptive.Memory{Used: 1000, Total: 8000, Utilization: share, Others: share / 2})
	case "tell":
		e.Tell(e.now, adaptive.Facts{Slots: v.value % 20, Preallocated: true, KVTokens: v.value % 3 * 10000})
	case "configure":
		e.config.Max = 1 + v.value%50
		e.Configure(e.now, e.config)
	case "reset":
		e.Reset(e.now, "")
	}
	e.run(500 * time.Millisecond)
}

func config(t *rapid.T) adaptive.Config {
	return adaptive.Config{
		Min:   rapid.IntRange(0, 6).Draw(t, "min"),
		Max:   rapid.IntRange(1, 50).Draw(t, "max"),
		Start: rapid.IntRange(0, 20).Draw(t, "start"),
	}
}

// TestGovernorKeepsItsLaws lets random things happen to an engine and checks
// after every decision what doc.go promises.
func TestGovernorKeepsItsLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config(t)
		low := max(c.Min, 1)
		e := newEngine(c, rapid.IntRange(1, 40).Draw(t, "slots"))
		var (
			limit   = max(low, min(4, c.Max))
			was     = e.State().Phase
			trying  time.Time
			excused = true // by what was just told
		)
		e.after = func() {
			n, is := e.decision.Limit, e.State().Phase
			if high := max(e.config.Max, low); n < low || n > high {
				t.Fatalf("limit %d, want %d to %d", n, low, high)
			}
			step := max(1, limit/8)
			if limit < 4 {
				step = limit
			}
			switch {
			case n <= limit || excused || was == adaptive.HalfOpen:
			case was == adaptive.Trying && is != adaptive.Trying: // the cut is taken back
			case is == adaptive.Probing && n == limit+1:
			case was == adaptive.Probing: // it found a slot
			case e.seen >= n: // they run
			case e.seen < limit:
				t.Fatalf("limit rose from %d to %d though only %d streams were seen: %q", limit, n, e.seen, e.decision.Reason)
			case n > limit+step:
				t.Fatalf("limit rose from %d to %d at once: %q", limit, n, e.decision.Reason)
			}
			if n != limit {
				limit, e.seen = n, e.streams
			}
			if is == adaptive.Trying && was != is {
				trying = e.now
			}
			if is == adaptive.Trying && e.now.Sub(trying) > time.Minute {
				t.Fatalf("a trial goes on for %v", e.now.Sub(trying))
			}
			if d := e.decision; d.Reason == "" || d.Tokens < 0 {
				t.Fatalf("decision %+v", d)
			}
			was, excused = is, false
		}
		for _, v := range events(t, "events") {
			excused = excused || told[v.kind] || v.kind == "fail"
			e.happen(v)
		}
		if got := e.State().Streams; got > len(e.flight) {
			t.Fatalf("%d streams, %d in flight", got, len(e.flight))
		}

		// Nothing moves while nothing is generated. What was begun before ends first.
		e.stopped = true
		e.run(time.Minute + time.Second)
		before := e.decision.Limit
		e.run(5 * time.Minute)
		if e.decision.Limit != before {
			t.Fatalf("limit %d became %d without a token: %q", before, e.decision.Limit, e.decision.Reason)
		}
		e.drain()
		before = e.decision.Limit
		e.run(5 * time.Minute)
		if e.decision.Limit != before {
			t.Fatalf("limit %d became %d without work: %q", before, e.decision.Limit, e.decision.Reason)
		}
	})
}

func TestMinimumEqualToMaximumIsFixed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		e := newEngine(adaptive.Config{Min: n, Max: n}, rapid.IntRange(1, 40).Draw(t, "slots"))
		e.after = func() {
			if e.decision.Limit != n {
				t.Fatalf("limit %d, want %d", e.decision.Limit, n)
			}
		}
		for _, v := range events(t, "events") {
			if v.kind != "configure" {
				e.happen(v)
			}
		}
	})
}

// record returns all decisions that an engine's governor makes from now on.
func record(e *engine, all []event) []adaptive.Decision {
	var made []adaptive.Decision
	e.after = func() { made = append(made, e.decision) }
	for _, v := range all {
		e.happen(v)
	}
	return made
}

func same(t *rapid.T, a, b []adaptive.Decision) {
	if len(a) != len(b) {
		t.Fatalf("%d and %d decisions", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("decision %d is %+v and %+v", i, a[i], b[i])
		}
	}
}

func TestEqualCallsGiveEqualDecisions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, all := config(t), events(t, "events")
		slots := rapid.IntRange(1, 40).Draw(t, "slots")
		same(t, record(newEngine(c, slots), all), record(newEngine(c, slots), all))
	})
}

func TestResetMakesAFreshGovernor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config(t)
		used := newEngine(c, rapid.IntRange(1, 40).Draw(t, "slots"))
		for _, v := range events(t, "before") {
			used.happen(v)
		}
		used.drain()
		used.Tell(used.now, adaptive.Facts{Preallocated: true})
		used.Reset(used.now, "")

		fresh := newEngineAt(used.now, used.config, used.slots)
		for _, e := range []*engine{used, fresh} {
			e.nextStep, e.nextTick, e.demand = e.now, e.now, 1000
			e.gap, e.length, e.stopped = used.gap, used.length, false
		}
		all := events(t, "after")
		same(t, record(used, all), record(fresh, all))
	})
}
