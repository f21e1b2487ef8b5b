package batching_test

import (
	"testing"
	"testing/synctest"
	"time"

	"carpool/batching"
)

const asked = "the engine asked to wait"

// Test13_Pause is about an engine that asks to be left alone for a while.
func Test13_Pause(t *testing.T) {
	// paused is a core whose engine of four places asked, at second 0, for three
	// seconds of peace, with that many requests waiting.
	paused := func(t *testing.T, waiting int) *batching.Core {
		t.Helper()
		c := batching.NewCore(fixed(4), batching.Options{})
		c.Pause(at(0), key.Engine, at(3000), asked)
		for range waiting {
			arrive(t, c, at(1), 1, batching.Request{Key: key})
		}
		if e := c.Step(at(2999)); len(e.Released) != 0 || !e.Wake.Equal(at(3000)) {
			t.Fatalf("released %d, wake %v", len(e.Released), e.Wake)
		}
		return c
	}
	step := func(t *testing.T, c *batching.Core, ms, want int) []*batching.Ticket {
		t.Helper()
		e := c.Step(at(ms))
		if len(e.Released) != want {
			t.Fatalf("at %d ms %d go, want %d", ms, len(e.Released), want)
		}
		return e.Released
	}

	t.Run("OneGoesFirstAndItsFirstTokenLetsTheOthersGo", func(t *testing.T) {
		c := paused(t, 9)
		scout := step(t, c, 3000, 1)[0]
		step(t, c, 60_000, 0)
		c.FirstToken(at(60_001), scout)
		step(t, c, 60_001, 3) // it has the fourth place
	})
	t.Run("AGoodEndDoesSo", func(t *testing.T) {
		c := paused(t, 9)
		scout := step(t, c, 3000, 1)[0]
		c.End(at(3500), scout, batching.Served, batching.Untold())
		step(t, c, 3500, 4)
	})
	t.Run("AskedAgainNobodyFollows", func(t *testing.T) {
		c := paused(t, 9)
		scout := step(t, c, 3000, 1)[0]
		c.Pause(at(3010), key.Engine, at(6000), asked)
		c.End(at(3011), scout, batching.Overload, batching.Untold())
		step(t, c, 5999, 0)
		step(t, c, 6000, 1)
	})
	t.Run("AnEarlierEndDoesNotCutALaterOneShort", func(t *testing.T) {
		c := paused(t, 2)
		c.Pause(at(2999), key.Engine, at(2999), asked)
		step(t, c, 2999, 0)
		step(t, c, 3000, 1)
	})
	t.Run("WhoGetsNothingIsFollowedByOne", func(t *testing.T) {
		c := paused(t, 9)
		scout := step(t, c, 3000, 1)[0]
		c.End(at(3100), scout, batching.Failed, batching.Untold())
		scout = step(t, c, 3100, 1)[0]
		c.End(at(3200), scout, batching.Canceled, batching.Untold())
		step(t, c, 3200, 1)
	})
	t.Run("WhoLeavesBeforeItsTurnIsFollowedByOne", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key})
		first := step(t, c, 0, 1)[0]
		c.Pause(at(0), key.Engine, at(1000), asked)
		scout := arrive(t, c, at(1), 1, batching.Request{Key: key})[0]
		arrive(t, c, at(2), 1, batching.Request{Key: key})
		step(t, c, 1000, 0) // the one place is taken
		c.Leave(scout)
		c.End(at(1100), first, batching.Served, batching.Untold())
		step(t, c, 1100, 1)
	})
	t.Run("WithNobodyWaitingTheNextOneGoesAlone", func(t *testing.T) {
		c := batching.NewCore(fixed(4), batching.Options{})
		c.Pause(at(0), key.Engine, at(3000), asked)
		arrive(t, c, at(5000), 5, batching.Request{Key: key})
		step(t, c, 5000, 1)
	})
	t.Run("OtherEnginesAndWhatRunsGoOn", func(t *testing.T) {
		c := batching.NewCore(fixed(4), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key})
		running := step(t, c, 0, 1)[0]
		c.Pause(at(1), key.Engine, at(3000), asked)
		c.FirstToken(at(2), running) // it was let in before: it shows nothing
		arrive(t, c, at(3), 2, batching.Request{Key: key})
		arrive(t, c, at(3), 2, batching.Request{Key: studio})
		step(t, c, 3, 2)
	})
	t.Run("TheUsersHoldGoesBeforeIt", func(t *testing.T) {
		c := paused(t, 3)
		c.Hold(at(2999), all(key.Engine))
		step(t, c, 3000, 0)
		c.Hold(at(4000), nil)
		step(t, c, 4000, 1)
		c.Hold(at(4001), nil) // told again: still one on its way
		step(t, c, 4001, 0)
	})
	t.Run("AHoldTakesTheOneBackThatHasNotGone", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key})
		first := step(t, c, 0, 1)[0]
		c.Pause(at(0), key.Engine, at(1000), asked)
		arrive(t, c, at(1), 2, batching.Request{Key: key})
		step(t, c, 1000, 0)
		c.Hold(at(1001), all(key.Engine))
		c.End(at(1002), first, batching.Served, batching.Untold())
		step(t, c, 1002, 0)
		c.Hold(at(1003), nil)
		step(t, c, 1003, 1)
	})
	t.Run("ItIsSaidWhyTheyWait", func(t *testing.T) {
		c := paused(t, 1)
		if w := c.Snapshot(at(2999))[0].Waiting; len(w) != 1 || w[0].Why != asked {
			t.Errorf("%+v", w)
		}
	})
	t.Run("InRealLeases", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := batching.New(fixed(4), batching.Options{})
			s.Pause(key.Engine, time.Now().Add(3*time.Second), asked)
			began := time.Now()
			leases := make(chan *batching.Lease)
			for range 5 {
				go func() {
					l, err := s.Acquire(t.Context(), batching.Request{Key: key})
					if err != nil {
						t.Error(err)
					}
					leases <- l
				}()
			}
			first := <-leases
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("one goes after %v", took)
			}
			synctest.Wait()
			if n := s.Totals().InFlight; n != 1 {
				t.Errorf("%d went", n)
			}
			first.Release(batching.Served)
			for range 4 {
				(<-leases).Release(batching.Served)
			}
		})
	})
}
