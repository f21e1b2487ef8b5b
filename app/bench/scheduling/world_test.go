package scheduling

import (
	"math"
	"reflect"
	"testing"
	"time"

	"carpool/backends/sim"
)

const ms = time.Millisecond

// even is an engine of 100 tokens per second and stream that reads a prompt in
// one step of its own.
func even(slots int) sim.Config { return engine(sim.Profile{Name: "even", A: .010}, slots) }

// bursts is n requests at once of exactly the same size: 1 prompt token, whose
// step gives the first of output tokens.
func bursts(n int, every time.Duration) []Traffic {
	return []Traffic{{App: "app", Mix: Mix{ShortShare: 1, Short: 10, Prompt: 100, Prefix: 1}, Arrivals: Burst{n, every}}}
}

func TestRun(t *testing.T) {
	t.Run("CountsWhatCanBeCountedByHand", func(t *testing.T) {
		// Every answer is as long as its draw says; with one slot the engine works
		// without a break, so 10 s hold 1000 tokens.
		s := Scenario{Machine: even(1), Traffic: bursts(200, 0), Length: 10 * time.Second}
		r := Run(s, FixedAt(1), 1)
		if r.Tokens != 99.9 && r.Tokens != 100 {
			t.Errorf("tokens per second = %v, want 100", r.Tokens)
		}
		if got := r.Gap95; got < 9900*time.Microsecond || got > 10*ms {
			t.Errorf("gap p95 = %v, want 10 ms", got)
		}
		if r.Limit != 1 || r.LimitChanges != 0 {
			t.Errorf("limit %v, %v changes, want 1 and none", r.Limit, r.LimitChanges)
		}
		if r.Offered != 20 {
			t.Errorf("offered %v, want 20 per second", r.Offered)
		}
	})

	t.Run("SharesTheEngineAmongItsSlots", func(t *testing.T) {
		s := Scenario{Machine: even(4), Traffic: bursts(400, 0), Length: 10 * time.Second}
		// More than the slots, so that none is empty for the rest of a step when a request ends.
		serial, fixed := Run(s, Serial(), 1), Run(s, FixedAt(8), 1)
		if got := fixed.Tokens / serial.Tokens; math.Abs(got-4) > .05 {
			t.Errorf("four at once are %.2f times as fast, want 4", got)
		}
	})

	t.Run("LeavesTheWarmUpOut", func(t *testing.T) {
		s := Scenario{Machine: even(1), Traffic: bursts(1, 0), Length: 20 * time.Second, WarmUp: 10 * time.Second}
		if r := Run(s, FixedAt(1), 1); r.Tokens != 0 || r.Offered != 0 || len(r.Apps) != 0 || r.Requests != 1 {
			t.Errorf("counted %+v of a request before the warm-up's end", r)
		}
	})

	t.Run("CountsTheWaitOfTheUnanswered", func(t *testing.T) {
		s := Scenario{Machine: even(1), Traffic: bursts(500, 0), Length: 10 * time.Second}
		if got := Run(s, FixedAt(1), 1).App("app"); got.First95 != s.Length || got.Requests != 500 {
			t.Errorf("app saw %+v, want a first token p95 of the whole run", got)
		}
	})

	t.Run("GivesEqualSeedsEqualResults", func(t *testing.T) {
		for _, s := range controllerScenarios()[:3] {
			s.Length = 90 * time.Second
			for _, p := range contenders() {
				if a, b := Run(s, p, 7), Run(s, p, 7); !reflect.DeepEqual(a, b) {
					t.Errorf("%s under %s differs from run to run", s.Name, p.Name)
				}
			}
		}
	})

	t.Run("GivesEveryPolicyTheSameRequests", func(t *testing.T) {
		s := controllerScenarios()[7]
		if s.Name != "overload" {
			t.Fatalf("scenario is %s", s.Name)
		}
		if a, b := Run(s, Serial(), 3), Run(s, FixedAt(8), 3); a.Offered != b.Offered {
			t.Errorf("offered %v and %v", a.Offered, b.Offered)
		}
	})

	t.Run("AppliesChanges", func(t *testing.T) {
		s := Scenario{Machine: even(1), Traffic: bursts(2000, 0), Length: 20 * time.Second,
			Change: []Change{{At: 10 * time.Second, Machine: even(2)}}}
		r := Run(s, FixedAt(4), 1)
		if r.PerSecond[5] != 100 || r.PerSecond[15] != 200 {
			t.Errorf("%d tokens in second 5 and %d in second 15, want 100 and 200", r.PerSecond[5], r.PerSecond[15])
		}
	})
}
