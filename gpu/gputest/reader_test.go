package gputest

import (
	"testing"
	"testing/synctest"
)

func TestReader(t *testing.T) {
	t.Run("FollowsItsScript", func(t *testing.T) {
		r := NewReader()
		if got := r.Read(t.Context())[0]; got.Available || got.Reason != "no NVIDIA GPU" || got.At.IsZero() {
			t.Errorf("without a script: %+v", got)
		}
		r.Then(Busy(1, 10, 0.5), Busy(2, 10, 1))
		for i, want := range []uint64{1, 2, 2} {
			if got := r.Read(t.Context())[0]; !got.Available || *got.MemoryUsed != want || got.At.IsZero() {
				t.Errorf("reading %d: %+v", i, got)
			}
		}
		if err := r.Close(); err != nil || r.Reads() != 4 || r.Closes() != 1 {
			t.Errorf("%d reads, %d closes, %v", r.Reads(), r.Closes(), err)
		}
	})

	t.Run("PlaysAMachine", func(t *testing.T) {
		r := Machine(Busy(1, 10, 0), Holding(Busy(2, 10, 0), Process(7, "game", 2, 0.5)))
		r.ThenAll(Holding(Busy(3, 10, 0)))
		got := r.Read(t.Context())
		if len(got) != 2 || got[1].Index != 1 || got[0].Processes != nil || len(got[1].Processes) != 1 || got[1].Processes[0].PID != 7 {
			t.Errorf("readings %+v", got)
		}
		if got := r.Read(t.Context()); len(got) != 1 || got[0].Processes == nil || len(got[0].Processes) != 0 {
			t.Errorf("readings %+v", got)
		}
	})

	t.Run("HangsUntilReleased", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := NewReader(Busy(1, 10, 0.5))
			release := r.Hang()
			read := false
			go func() {
				r.Read(t.Context())
				read = true
			}()
			synctest.Wait()
			if read || r.Reads() != 1 {
				t.Error("the read does not hang")
			}
			release()
			release()
			synctest.Wait()
			if !read {
				t.Error("the read still hangs")
			}
		})
	})
}
