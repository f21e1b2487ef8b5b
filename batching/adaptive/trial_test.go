package adaptive_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"carpool/batching/adaptive"
)

// table makes a gap function of the rates of 1, 2, … streams together, in tokens
// per second; beyond its end it stays at the last one.
func table(rates ...float64) func(int) time.Duration {
	return func(d int) time.Duration {
		return seconds(float64(d) / rates[min(d, len(rates))-1])
	}
}

func hasReason(e *engine, part string) bool {
	return slices.ContainsFunc(e.reasons(), func(r string) bool { return strings.Contains(r, part) })
}

func TestTrial(t *testing.T) {
	t.Run("KeepsACutThatMakesAllFaster", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 100)
		e.gap = table(100, 190, 270, 340, 400, 450, 480, 500, 460, 420, 380)
		if !e.until(time.Minute, func() bool { return hasReason(e, "faster together with 8 at once") }) {
			t.Fatalf("reasons %q", e.reasons())
		}
		if s := e.State(); s.Cap != adaptive.ByKnee || e.decision.Limit != 8 {
			t.Errorf("limit %d, cap %q", e.decision.Limit, s.Cap)
		}
		if !hasReason(e, "slower together beyond 8: trial of 8") {
			t.Errorf("reasons %q", e.reasons())
		}
	})

	t.Run("LooksUpAgainAfterACut", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 100)
		e.gap = table(100, 190, 270, 340, 400, 450, 480, 500, 460, 420, 380)
		e.until(time.Minute, func() bool { return e.State().Cap == adaptive.ByKnee })
		e.gap = table(100, 190, 270, 340, 400, 450, 480, 500, 560, 620, 680, 740, 800)
		if !e.until(3*time.Minute, func() bool { return e.decision.Limit >= 10 }) {
			t.Errorf("limit %d although more became faster: %q", e.decision.Limit, e.reasons())
		}
	})

	t.Run("UndoesACutThatDoesNotHelp", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 8)
		e.gap = table(100, 190, 270, 340, 400, 450, 480, 500)
		var tried []time.Duration
		was := adaptive.Starting
		for range 6000 {
			e.run(100 * time.Millisecond)
			is := e.State().Phase
			if is == adaptive.Trying && was != is {
				tried = append(tried, e.now.Sub(start))
			}
			was = is
		}
		if len(tried) < 3 || len(tried) > 5 || tried[2]-tried[1] < 110*time.Second {
			t.Errorf("trials at %v, want after about 60 s and rarer then", tried)
		}
		if e.decision.Limit != 8 || !hasReason(e, "6 at once no better than 8") {
			t.Errorf("limit %d: %q", e.decision.Limit, e.reasons())
		}
	})

	t.Run("EndsWithoutAnythingToMeasure", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 8)
		if !e.until(2*time.Minute, func() bool { return e.State().Phase == adaptive.Trying }) {
			t.Fatal("no trial")
		}
		e.drain()
		e.run(time.Minute)
		if s := e.State(); s.Phase == adaptive.Trying || e.decision.Limit != 8 {
			t.Errorf("phase %q, limit %d a minute after all work ended", s.Phase, e.decision.Limit)
		}
	})

	t.Run("CutsWhereEachStreamIsTooSlow", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 12)
		e.Tell(e.now, adaptive.Facts{Slots: 12, Preallocated: true})
		e.gap = func(d int) time.Duration { return time.Duration(10+10*d) * time.Millisecond }
		e.run(3 * time.Minute)
		if !hasReason(e, "ms per token with 12 at once: trial of 11") || e.decision.Limit > 10 {
			t.Errorf("limit %d with %d ms per token: %q", e.decision.Limit, 10+10*e.decision.Limit, e.reasons())
		}
	})

	t.Run("NeverGoesBelowTheMinimum", func(t *testing.T) {
		e := newEngine(adaptive.Config{Min: 10}, 12)
		e.Tell(e.now, adaptive.Facts{Slots: 12, Preallocated: true})
		e.gap = func(d int) time.Duration { return time.Duration(10+30*d) * time.Millisecond }
		e.run(3 * time.Minute)
		if e.decision.Limit != 10 {
			t.Errorf("limit %d, want 10", e.decision.Limit)
		}
	})
}

func TestSpeed(t *testing.T) {
	told := func() *engine {
		e := newEngine(adaptive.Config{}, 8)
		e.Tell(e.now, adaptive.Facts{Slots: 8, Preallocated: true})
		e.run(20 * time.Second)
		return e
	}

	t.Run("OfTheMachineMovesNothing", func(t *testing.T) {
		for _, gap := range []time.Duration{5, 15, 18, 20} {
			e := told()
			e.constantGap(gap * time.Millisecond)
			e.run(30 * time.Second)
			for _, d := range e.history {
				if d.Limit != 8 {
					t.Errorf("limit %d when tokens take %d ms instead of 10: %q", d.Limit, gap, d.Reason)
				}
			}
			levels := e.State().Levels
			got := levels[len(levels)-1].Gap
			if want := gap * time.Millisecond; got < want*9/10 || got > want*11/10 {
				t.Errorf("gap %v, want %v", got, want)
			}
		}
	})

	t.Run("ThatBreaksDownIsTriedWithHalf", func(t *testing.T) {
		e := told()
		e.gap = func(d int) time.Duration {
			if d > 4 {
				return 80 * time.Millisecond
			}
			return 10 * time.Millisecond
		}
		e.run(10 * time.Second)
		if e.decision.Limit != 4 || !hasReason(e, "suddenly much slower: trial of 4") {
			t.Errorf("limit %d, want 4: %q", e.decision.Limit, e.reasons())
		}
	})

	t.Run("ThatBreaksDownAtAnyLimitIsLeftAlone", func(t *testing.T) {
		e := told()
		e.constantGap(80 * time.Millisecond)
		e.run(40 * time.Second)
		if e.decision.Limit != 8 || !hasReason(e, "4 at once no better than 8") {
			t.Errorf("limit %d, want 8 again: %q", e.decision.Limit, e.reasons())
		}
	})

	t.Run("IsNotLearnedFromPromptsBeingRead", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 8)
		e.Tell(e.now, adaptive.Facts{Slots: 8, Preallocated: true})
		e.length, e.spread, e.read = 40, 13, 500*time.Millisecond
		e.gap = func(d int) time.Duration {
			if d < 8 { // beside it a prompt is read
				return 110 * time.Millisecond
			}
			return 10 * time.Millisecond
		}
		e.run(time.Minute)
		for _, l := range e.State().Levels {
			if l.Gap > 50*time.Millisecond {
				t.Errorf("%d streams: %v per token", l.Streams, l.Gap)
			}
		}
	})
}
