package adaptive_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"carpool/batching/adaptive"
)

func TestGrowth(t *testing.T) {
	t.Run("BeginsAtTheStart", func(t *testing.T) {
		for _, c := range []struct {
			config adaptive.Config
			want   int
		}{
			{adaptive.Config{}, 4},
			{adaptive.Config{Start: 9}, 9},
			{adaptive.Config{Start: 9, Max: 6}, 6},
			{adaptive.Config{Min: 5}, 5},
			{adaptive.Config{Min: 5, Max: 2}, 5},
			{adaptive.Config{Fixed: 100}, 100},
		} {
			g := adaptive.New(start, c.config)
			g.Tell(start, adaptive.Facts{Preallocated: true})
			d := g.Tick(start, 0, 0)
			if d.Limit != c.want || !d.Changed || d.Reason == "" {
				t.Errorf("%+v: %+v, want limit %d and a first change with a reason", c.config, d, c.want)
			}
			if d = g.Tick(start.Add(time.Second), 0, 0); d.Changed {
				t.Errorf("%+v: nothing new, but Changed", c.config)
			}
		}
	})

	t.Run("StepsOnlyAfterThatManyStreamsWereSeen", func(t *testing.T) {
		e := newEngine(adaptive.Config{Start: 1}, 100)
		var limits []int
		for range 3000 {
			before := e.decision.Limit
			e.run(10 * time.Millisecond)
			if n := e.decision.Limit; n > before && before > 0 {
				if e.State().Peak < before {
					t.Fatalf("limit %d after %d, with at most %d streams seen", n, before, e.State().Peak)
				}
				limits = append(limits, n)
			}
		}
		want := []int{2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 27, 30, 32}
		if !slices.Equal(limits, want) {
			t.Errorf("limits %v, want %v", limits, want)
		}
		if s := e.State(); s.Cap != adaptive.ByMax {
			t.Errorf("cap %q at the maximum", s.Cap)
		}
	})

	t.Run("FillsTheEngineOfAServerInAMinute", func(t *testing.T) {
		e := newEngine(adaptive.Config{Max: 1024}, 2000)
		e.constantGap(40 * time.Millisecond)
		e.spread = 9 // some always end, so that no number of many streams lasts
		if !e.until(75*time.Second, func() bool { return e.highest >= 900 }) {
			t.Fatalf("limit %d after %v", e.decision.Limit, e.now.Sub(start))
		}
		var limits []int
		for _, d := range e.history {
			if d.Limit >= 64 && (len(limits) == 0 || d.Limit != limits[len(limits)-1]) {
				limits = append(limits, d.Limit)
			}
		}
		for i, n := range limits[1:] {
			if before := limits[i]; n > before+before/8 {
				t.Errorf("limit %d after %d", n, before)
			}
		}
		for _, landing := range []int{64, 128, 256, 512} {
			if !slices.Contains(limits, landing) {
				t.Errorf("never stopped at %d: %v", landing, limits)
			}
		}
	})

	t.Run("CountsACrowdOfWhichSomeComeAndGoWithEveryStep", func(t *testing.T) {
		e := newEngine(adaptive.Config{Max: 1024}, 2000)
		e.constantGap(40 * time.Millisecond)
		e.spread, e.endsFirst = 9, true
		if !e.until(75*time.Second, func() bool { return e.highest >= 900 }) {
			t.Errorf("limit %d, %d streams seen: %s", e.decision.Limit, e.State().Peak, e.decision.Reason)
		}
		e = newEngine(adaptive.Config{Max: 1024}, 250)
		e.constantGap(40 * time.Millisecond)
		e.spread, e.endsFirst = 9, true
		e.run(75 * time.Second)
		if n := e.decision.Limit; n < 240 || n > 251 || e.highest > 250+256/8 {
			t.Errorf("limit %d, up to %d, before 250 slots: %s", n, e.highest, e.decision.Reason)
		}
	})

	t.Run("WaitsForDemand", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 100)
		e.demand = 4
		e.run(time.Minute)
		if e.highest != 4 {
			t.Errorf("limit rose to %d though nothing waited", e.highest)
		}
	})

	t.Run("StopsWhereStreamsBecomeTooSlow", func(t *testing.T) {
		e := newEngine(adaptive.Config{Latency: 50 * time.Millisecond}, 100)
		e.gap = func(d int) time.Duration { return time.Duration(10+4*d) * time.Millisecond }
		e.run(30 * time.Second)
		// Three times the gap of four streams is 78 ms; one and a half times that is 27 streams.
		if e.highest < 16 || e.highest > 27 {
			t.Errorf("limit rose to %d, want about 26", e.highest)
		}
		e.run(5 * time.Minute)
		if n := e.decision.Limit; n > 18 {
			t.Errorf("limit %d with %d ms per token, want about 17", n, 10+4*n)
		}
	})

	t.Run("LeavesTheGPUToAnotherProgram", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 100)
		e.Memory(e.now, adaptive.Memory{Used: 100, Total: 1000, Utilization: .9, Others: .45})
		e.run(20 * time.Second)
		if e.highest != 4 || !strings.Contains(e.decision.Reason, "another program uses 45 % of the GPU") || e.State().Cap != adaptive.ByOthers {
			t.Fatalf("limit up to %d, cap %q, reason %q", e.highest, e.State().Cap, e.decision.Reason)
		}
		for range 20 {
			e.Memory(e.now, adaptive.Memory{Used: 100, Total: 1000, Utilization: .9, Others: 0})
		}
		e.run(5 * time.Second)
		if e.highest == 4 {
			t.Error("limit did not grow when the other program had ended")
		}
	})
}

func TestFixed(t *testing.T) {
	e := newEngine(adaptive.Config{Fixed: 8, Max: 4}, 3)
	e.run(2 * time.Minute)
	for _, d := range e.history {
		if d.Limit != 8 {
			t.Fatalf("limit %d, want 8 always", d.Limit)
		}
	}
	if s := e.State(); s.Slots != 3 || s.Cap != adaptive.ByFixed || s.Phase != adaptive.Constant {
		t.Errorf("state %+v, want 3 slots reported", s)
	}
	if got := e.decision.Reason; got != "engine runs 3 at once, limit 8" {
		t.Errorf("reason %q", got)
	}
	e.Tell(e.now, adaptive.Facts{KVTokens: 1000})
	e.tick()
	if e.decision.Tokens != 950 {
		t.Errorf("token budget %d, want 950", e.decision.Tokens)
	}
}

func TestConfigure(t *testing.T) {
	e := newEngine(adaptive.Config{}, 100)
	e.run(10 * time.Second)
	before := e.decision.Limit
	e.Configure(e.now, adaptive.Config{Max: 6})
	e.tick()
	if before <= 6 || e.decision.Limit != 6 {
		t.Errorf("limit %d became %d under a maximum of 6", before, e.decision.Limit)
	}
	e = newEngine(adaptive.Config{}, 4)
	if !e.until(time.Minute, func() bool { return e.State().Phase == adaptive.Probing }) {
		t.Fatal("no probe")
	}
	e.Configure(e.now, adaptive.Config{Max: 4})
	e.tick()
	if e.decision.Limit > 4 {
		t.Errorf("limit %d under a maximum of 4 while it probes", e.decision.Limit)
	}
	e.Configure(e.now, adaptive.Config{Min: 7})
	e.tick()
	if e.decision.Limit < 7 {
		t.Errorf("limit %d under a minimum of 7", e.decision.Limit)
	}
}
