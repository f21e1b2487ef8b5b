package batching_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"carpool/batching"
)

func TestCancel(t *testing.T) {
	t.Run("TakesAWaitingOneOutOfTheQueue", func(t *testing.T) {
		bubble(t, fixed(1), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			l, err := s.Acquire(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			failed := make(chan error)
			go func() {
				_, err := s.Acquire(t.Context(), request)
				failed <- err
			}()
			synctest.Wait()
			ticket := s.Snapshot()[0].Waiting[0].Ticket
			if err := s.Cancel(ticket); err != nil {
				t.Fatal(err)
			}
			if err := <-failed; !errors.Is(err, batching.ErrCancelled) {
				t.Errorf("got %v", err)
			}
			if err := s.Cancel(ticket); !errors.Is(err, batching.ErrGone) {
				t.Errorf("the second time: %v", err)
			}
			l.Release(batching.Served)
		})
	})
	t.Run("TellsTheHolderOfARunningOneOnce", func(t *testing.T) {
		bubble(t, fixed(1), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			l, err := s.Acquire(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			told := 0
			l.OnCancel(func() { told++ })
			ticket := s.Snapshot()[0].Running[0].Ticket
			for range 2 {
				if err := s.Cancel(ticket); err != nil {
					t.Fatal(err)
				}
			}
			if told != 1 || s.Totals().InFlight != 1 {
				t.Errorf("told %d times, %d in flight", told, s.Totals().InFlight)
			}
			l.Release(batching.Canceled)
			if err := s.Cancel(ticket); !errors.Is(err, batching.ErrGone) {
				t.Errorf("after its release: %v", err)
			}
		})
	})
	t.Run("TellsAHolderThatListensLate", func(t *testing.T) {
		bubble(t, fixed(1), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			l, err := s.Acquire(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release(batching.Canceled)
			if err := s.Cancel(s.Snapshot()[0].Running[0].Ticket); err != nil {
				t.Fatal(err)
			}
			told := false
			if l.OnCancel(func() { told = true }); !told {
				t.Error("not told")
			}
		})
	})
	t.Run("LeavesTheOthersOfARide", func(t *testing.T) {
		c := batching.NewCore(merging(1, 8), batching.Options{})
		running := arrive(t, c, at(0), 1, batching.Request{Key: key})
		c.Step(at(0))
		ride := arrive(t, c, at(1), 3, batching.Request{Key: key, Merge: "w"})
		if got := end(c, at(2), running...); len(got) != 3 {
			t.Fatalf("%d ride", len(got))
		}
		if err := c.Cancel(ride[1].Number()); err != nil {
			t.Fatal(err)
		}
		if e := c.Step(at(3)); len(e.Cancelled) != 1 || e.Cancelled[0] != ride[1] {
			t.Fatalf("told of %d", len(e.Cancelled))
		}
		c.End(at(3), ride[1], batching.Canceled, batching.Untold())
		if n := c.Totals().InFlight; n != 1 {
			t.Fatalf("%d places are taken", n)
		}
		end(c, at(4), ride[0], ride[2])
		if n := c.Totals().InFlight; n != 0 {
			t.Fatalf("%d places are taken at the end", n)
		}
	})
	t.Run("ReachesAHeldOneAndOneThatWaitsForCompany", func(t *testing.T) {
		c := batching.NewCore(merging(2, 8), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key, Merge: "w"})
		c.Step(at(0))
		porch := arrive(t, c, at(1), 1, batching.Request{Key: key, Merge: "w"})[0]
		c.Hold(at(2), all(studio.Engine))
		held := arrive(t, c, at(2), 1, batching.Request{Key: studio})[0]
		for _, ticket := range []*batching.Ticket{porch, held} {
			if err := c.Cancel(ticket.Number()); err != nil {
				t.Error(err)
			}
		}
		if e := c.Step(at(3)); len(e.Cancelled) != 2 || c.Totals().QueueDepth != 0 {
			t.Errorf("told of %d, %d wait", len(e.Cancelled), c.Totals().QueueDepth)
		}
	})
}
