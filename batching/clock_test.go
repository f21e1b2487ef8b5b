package batching_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/batching"
)

// Test28_Clock sets the wall clock of a core again and again, by hours ahead and
// back, while another one has a clock that nobody sets: both must let the same go at
// the same moments, and tell the same durations.
func Test28_Clock(t *testing.T) {
	t.Run("NoChoiceHangsOnIt", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			set := drawn(t)
			set.MaxWait = 0
			s := newSideBySide(t, set, key, key, other)
			actions := s.actions()
			actions["clock"] = func(t *rapid.T) {
				s.set = time.Duration(rapid.IntRange(-3*3600, 3*3600).Draw(t, "seconds")) * time.Second
				s.step(t, false)
			}
			actions["first token"] = func(t *rapid.T) {
				if j := s.job(t, func(j *refJob) bool { return j.running }); j != nil {
					s.core.FirstToken(s.now, j.ticket)
					s.twin.FirstToken(s.twinNow(), s.twins[j.ticket])
					s.ref.answered(j)
				}
				s.step(t, false)
			}
			actions[""] = func(t *rapid.T) { s.requireSameTimes(t) }
			t.Repeat(actions)
		})
	})

	t.Run("NoWaitEndsEarly", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			set := fixed(1)
			set.MaxWaiting, set.MaxWait = 10, time.Duration(rapid.IntRange(1, 100).Draw(t, "max wait"))*time.Second
			s := newSideBySide(t, set, key)
			arrive(t, s.twin, s.twinNow(), 2, batching.Request{Key: key})
			if e := s.twin.Step(s.twinNow()); len(e.Released) != 1 {
				t.Fatalf("released %v", e.Released)
			}
			end := s.now.Add(set.MaxWait)
			for s.now.Before(end) {
				s.set = time.Duration(rapid.IntRange(-3*3600, 3*3600).Draw(t, "clock")) * time.Second
				s.now = s.now.Add(min(time.Duration(rapid.IntRange(1, 30_000).Draw(t, "ms"))*time.Millisecond, end.Sub(s.now)))
				e := s.twin.Step(s.twinNow())
				if over := !s.now.Before(end); (len(e.Expired) == 1) != over {
					t.Fatalf("%v before the end %d have expired", end.Sub(s.now), len(e.Expired))
				}
			}
		})
	})
}

// requireSameTimes holds what the two tell of their times against each other.
func (s *sideBySide) requireSameTimes(t *rapid.T) {
	own, twins := s.core.Snapshot(s.now), s.twin.Snapshot(s.twinNow())
	for i, q := range own {
		for j, r := range q.Running {
			u := twins[i].Running[j]
			ran, first := s.now.Sub(r.Released), r.FirstToken.Sub(r.Queued)
			if got := s.twinNow().Sub(u.Released); got != ran || got < 0 {
				t.Fatalf("has run for %v, and %v by a clock that was set", ran, got)
			}
			if got := u.FirstToken.Sub(u.Queued); !r.FirstToken.IsZero() && (got != first || got < 0) {
				t.Fatalf("first token after %v, and %v by a clock that was set", first, got)
			}
		}
		for j, w := range q.Waiting {
			u := twins[i].Waiting[j]
			if got, want := s.twinNow().Sub(u.Queued), s.now.Sub(w.Queued); got != want || u.Expected != w.Expected || u.Why != w.Why {
				t.Fatalf("waits for %v (%v more: %s), and %v (%v more: %s) by a clock that was set", want, w.Expected, w.Why, got, u.Expected, u.Why)
			}
		}
	}
}
