package batching_test

import (
	"sync"
	"testing"
	"time"

	"carpool/batching"
)

// What is counted as it changes has to be what a count of all that runs would give.
func TestCrowd(t *testing.T) {
	t.Run("CountsThoseOfACallUntilItEnds", func(t *testing.T) {
		c := batching.NewCore(merging(4, 64), batching.Options{})
		lone := batching.Request{Key: key, App: "a"}
		arrive(t, c, at(0), 1, lone)
		first := arrive(t, c, at(0), 1, embeds)
		c.Step(at(0))
		arrive(t, c, at(1), 3, embeds)
		c.Step(at(1))
		ride := end(c, at(2), first...)
		if len(ride) != 3 || ride[0].Ride() == nil {
			t.Fatalf("released %d", len(ride))
		}
		during := arrive(t, c, at(3), 1, lone)
		c.Step(at(3))
		end(c, at(4), ride...)
		after := arrive(t, c, at(5), 1, lone)
		c.Step(at(5))
		var running []int
		for _, ticket := range append(during, after...) {
			c.End(at(6), ticket, batching.Served, batching.Untold())
			running = append(running, c.Step(at(6)).Ended[0].Running)
		}
		if running[0] != 5 || running[1] != 3 {
			t.Errorf("%d ran beside the call, %d after it", running[0], running[1])
		}
	})
	t.Run("FreesEachPlaceInItsTime", func(t *testing.T) {
		set := fixed(2)
		set.CancelGrace = time.Second
		c := batching.NewCore(set, batching.Options{})
		both := arrive(t, c, at(0), 2, request)
		c.Step(at(0))
		c.End(at(0), both[0], batching.Canceled, batching.Untold())
		set.CancelGrace = 100 * time.Millisecond
		c.Configure(set)
		c.End(at(1), both[1], batching.Canceled, batching.Untold())
		for _, want := range []struct{ now, left, wake int }{{1, 2, 101}, {100, 2, 101}, {101, 1, 1000}, {999, 1, 1000}, {1000, 0, -1}} {
			e := c.Step(at(want.now))
			if left := c.Totals().InFlight; left != want.left {
				t.Errorf("%d ms: %d places taken, want %d", want.now, left, want.left)
			}
			if wake := at(want.wake); want.wake >= 0 && !e.Wake.Equal(wake) || want.wake < 0 && !e.Wake.IsZero() {
				t.Errorf("%d ms: wake at %v", want.now, e.Wake)
			}
		}
	})
}

// Under the race detector: what is copied of those that run is copied while they go on.
func TestSnapshotBesideWhatGoesOn(t *testing.T) {
	set := fixed(4)
	set.CancelGrace = time.Microsecond
	s := batching.New(set, batching.Options{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 200 {
				l, err := s.Acquire(t.Context(), request)
				if err != nil {
					t.Error(err)
					return
				}
				l.FirstToken()
				l.Tokens(1)
				l.Release([]batching.Outcome{batching.Served, batching.Canceled}[i%2])
			}
		})
	}
	for range 200 {
		for _, q := range s.Snapshot() {
			if len(q.Running) > 4 {
				t.Errorf("%d run", len(q.Running))
			}
			for _, r := range q.Running {
				if r.Released.IsZero() || r.App != request.App || r.Batch == 0 {
					t.Errorf("%+v", r)
				}
			}
		}
	}
	all.Wait()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
