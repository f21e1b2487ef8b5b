package batching_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/batching"
)

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	key   = batching.Key{Engine: "ollama", Model: "m"}
	other = batching.Key{Engine: "ollama", Model: "n"}
)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

func fixed(n int) batching.Settings {
	return batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: n}}
}

func static(n, waitMS, parallel int) batching.Settings {
	return batching.Settings{Limits: batching.Limits{Mode: batching.Static, Size: n,
		Wait: time.Duration(waitMS) * time.Millisecond, Parallel: parallel}}
}

func mode(m batching.Mode) batching.Settings {
	return batching.Settings{Limits: batching.Limits{Mode: m}}
}

// roomy is a core whose engine has room for both models at once.
func roomy(s batching.Settings) *batching.Core {
	c := batching.NewCore(s, batching.Options{})
	c.SetEngine(start, key.Engine, batching.EngineState{Loaded: []string{key.Model, other.Model}})
	return c
}

// arrive queues n requests like r and fails the test if one is refused.
func arrive(t rapid.TB, c *batching.Core, now time.Time, n int, r batching.Request) []*batching.Ticket {
	t.Helper()
	var all []*batching.Ticket
	for range n {
		ticket, err := c.Arrive(now, r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ticket)
	}
	return all
}

func ids(released []*batching.Ticket) string {
	s := ""
	for _, t := range released {
		s += t.Request.ID
	}
	return s
}

func TestCoreFixed(t *testing.T) {
	t.Run("ReleasesALoneRequestAtOnce", func(t *testing.T) {
		c := batching.NewCore(fixed(8), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key})
		e := c.Step(at(0))
		if len(e.Released) != 1 || !e.Wake.IsZero() {
			t.Fatalf("released %d, wake %v", len(e.Released), e.Wake)
		}
	})
	t.Run("RefillsAPlaceAsSoonAsItIsFree", func(t *testing.T) {
		c := batching.NewCore(fixed(2), batching.Options{})
		all := arrive(t, c, at(0), 3, batching.Request{Key: key})
		if e := c.Step(at(0)); len(e.Released) != 2 {
			t.Fatalf("released %d of 3 with a limit of 2", len(e.Released))
		}
		c.End(at(5), all[0], batching.Served, batching.Untold())
		e := c.Step(at(5))
		if len(e.Released) != 1 || e.Released[0] != all[2] {
			t.Fatalf("released %v", e.Released)
		}
		c.End(at(9), all[2], batching.Served, batching.Untold())
		if b := c.Step(at(9)).Ended; len(b) != 1 || b[0].Released != 1 || b[0].Running != 2 || b[0].Why != batching.FreeSlot || b[0].Duration != 4*time.Millisecond || b[0].MaxWait != 5*time.Millisecond {
			t.Fatalf("ended %+v", b)
		}
	})
	t.Run("GivesEachModelItsOwnLimit", func(t *testing.T) {
		c := roomy(fixed(1))
		arrive(t, c, at(0), 2, batching.Request{Key: key})
		arrive(t, c, at(0), 2, batching.Request{Key: other})
		if e := c.Step(at(0)); len(e.Released) != 2 {
			t.Fatalf("released %d", len(e.Released))
		}
		c.SetLimits(other, batching.Limits{Mode: batching.Fixed, Size: 2})
		if e := c.Step(at(0)); len(e.Released) != 1 || e.Released[0].Request.Key != other {
			t.Fatalf("released %d after the other model's limit rose", len(e.Released))
		}
	})
	t.Run("LetsClassGoBeforeArrival", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		running := arrive(t, c, at(0), 1, batching.Request{Key: key, ID: "r"})
		c.Step(at(0))
		for i, p := range []batching.Priority{batching.Background, batching.Normal, batching.Urgent, batching.Urgent} {
			arrive(t, c, at(i), 1, batching.Request{Key: key, ID: fmt.Sprint(i), Priority: p})
		}
		got := ""
		for next := running[0]; next != nil; {
			c.End(at(10), next, batching.Served, batching.Untold())
			e := c.Step(at(10))
			got += ids(e.Released)
			next = nil
			if len(e.Released) > 0 {
				next = e.Released[0]
			}
		}
		if got != "2310" {
			t.Fatalf("order %s, want 2310", got)
		}
	})
	t.Run("KeepsACanceledPlaceForTheGrace", func(t *testing.T) {
		s := fixed(1)
		s.CancelGrace = 2 * time.Second
		c := batching.NewCore(s, batching.Options{})
		all := arrive(t, c, at(0), 2, batching.Request{Key: key})
		c.Step(at(0))
		c.End(at(100), all[0], batching.Canceled, batching.Untold())
		e := c.Step(at(100))
		if len(e.Released) != 0 || len(e.Ended) != 1 || e.Wake != at(2100) {
			t.Fatalf("released %d, ended %d, wake %v", len(e.Released), len(e.Ended), e.Wake)
		}
		if st := c.Snapshot(at(0)); !st[0].Running[0].Leaving {
			t.Fatal("the snapshot does not show the request as leaving")
		}
		if e := c.Step(at(2100)); len(e.Released) != 1 {
			t.Fatal("the place is still taken after the grace")
		}
	})
	t.Run("NeverTouchesRequestsInFlightWhenTheLimitFalls", func(t *testing.T) {
		c := batching.NewCore(fixed(4), batching.Options{})
		all := arrive(t, c, at(0), 6, batching.Request{Key: key})
		c.Step(at(0))
		c.Configure(fixed(1))
		for i := range 3 {
			c.End(at(i), all[i], batching.Served, batching.Untold())
			if e := c.Step(at(i)); len(e.Released) != 0 {
				t.Fatalf("released above the new limit after end %d", i)
			}
		}
		c.End(at(4), all[3], batching.Served, batching.Untold())
		if e := c.Step(at(4)); len(e.Released) != 1 {
			t.Fatal("released nothing below the new limit")
		}
		c.Configure(fixed(8))
		if e := c.Step(at(5)); len(e.Released) != 1 {
			t.Fatal("a raised limit did not act on waiters at once")
		}
	})
}

func TestCoreStatic(t *testing.T) {
	t.Run("FlushesWhenFull", func(t *testing.T) {
		c := batching.NewCore(static(3, 50, 1), batching.Options{})
		arrive(t, c, at(0), 2, batching.Request{Key: key})
		if e := c.Step(at(0)); len(e.Released) != 0 || e.Wake != at(50) {
			t.Fatalf("released %d, wake %v", len(e.Released), e.Wake)
		}
		arrive(t, c, at(10), 1, batching.Request{Key: key})
		e := c.Step(at(10))
		if len(e.Released) != 3 {
			t.Fatalf("released %d", len(e.Released))
		}
		for _, r := range e.Released {
			c.End(at(20), r, batching.Served, batching.Untold())
		}
		if b := c.Step(at(20)).Ended; len(b) != 1 || b[0].Why != batching.Full || b[0].MeanWait != 20*time.Millisecond/3 {
			t.Fatalf("ended %+v", b)
		}
	})
	t.Run("FlushesOnTimeout", func(t *testing.T) {
		c := batching.NewCore(static(8, 50, 1), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key})
		arrive(t, c, at(40), 1, batching.Request{Key: key})
		c.Step(at(40))
		e := c.Step(at(50))
		if len(e.Released) != 2 {
			t.Fatalf("released %d at the oldest one's timeout", len(e.Released))
		}
	})
	t.Run("HoldsTheNextBatchUntilTheLastMemberEnds", func(t *testing.T) {
		c := batching.NewCore(static(2, 0, 1), batching.Options{})
		all := arrive(t, c, at(0), 4, batching.Request{Key: key})
		if e := c.Step(at(0)); len(e.Released) != 2 {
			t.Fatalf("released %d", len(e.Released))
		}
		c.End(at(10), all[0], batching.Served, batching.Untold())
		if e := c.Step(at(10)); len(e.Released) != 0 || !e.Wake.IsZero() {
			t.Fatalf("released %d behind the barrier, wake %v", len(e.Released), e.Wake)
		}
		c.End(at(20), all[1], batching.Served, batching.Untold())
		if e := c.Step(at(20)); len(e.Released) != 2 {
			t.Fatal("the barrier stayed")
		}
	})
	t.Run("RunsUpToMaxParallelBatches", func(t *testing.T) {
		c := batching.NewCore(static(8, 50, 8), batching.Options{})
		arrive(t, c, at(0), 100, batching.Request{Key: key})
		if e := c.Step(at(0)); len(e.Released) != 64 {
			t.Fatalf("released %d of 100 with 8 batches of 8", len(e.Released))
		}
	})
	t.Run("UrgentDoesNotWaitForCompany", func(t *testing.T) {
		c := batching.NewCore(static(8, 50, 1), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key, ID: "a"})
		arrive(t, c, at(1), 1, batching.Request{Key: key, ID: "u", Priority: batching.Urgent})
		if e := c.Step(at(1)); ids(e.Released) != "ua" {
			t.Fatalf("released %q", ids(e.Released))
		}
	})
}

func TestCoreOff(t *testing.T) {
	t.Run("SerialRunsOneAtATimeOverAllModels", func(t *testing.T) {
		c := batching.NewCore(mode(batching.Serial), batching.Options{})
		a := arrive(t, c, at(0), 1, batching.Request{Key: other, ID: "a"})
		arrive(t, c, at(0), 1, batching.Request{Key: key, ID: "b"})
		if e := c.Step(at(0)); ids(e.Released) != "a" {
			t.Fatalf("released %q", ids(e.Released))
		}
		c.End(at(1), a[0], batching.Served, batching.Untold())
		if e := c.Step(at(1)); ids(e.Released) != "b" {
			t.Fatal("the next one did not follow")
		}
	})
	t.Run("SerialWaitsForAllThatRanBefore", func(t *testing.T) {
		c := batching.NewCore(fixed(4), batching.Options{})
		all := arrive(t, c, at(0), 5, batching.Request{Key: key})
		c.Step(at(0))
		c.Configure(mode(batching.Serial))
		for i := range 3 {
			c.End(at(i), all[i], batching.Served, batching.Untold())
		}
		if e := c.Step(at(3)); len(e.Released) != 0 {
			t.Fatal("released beside a running request")
		}
		c.End(at(4), all[3], batching.Served, batching.Untold())
		if e := c.Step(at(4)); len(e.Released) != 1 {
			t.Fatal("released nothing on an idle engine")
		}
	})
	t.Run("PassthroughQueuesNothing", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		arrive(t, c, at(0), 100, batching.Request{Key: key})
		c.Step(at(0))
		c.Configure(mode(batching.Passthrough))
		if e := c.Step(at(1)); len(e.Released) != 99 {
			t.Fatalf("released %d", len(e.Released))
		}
	})
}

func TestCoreBatchingOffGoesBeforeAKeysOwnLimits(t *testing.T) {
	c := batching.NewCore(mode(batching.Serial), batching.Options{})
	c.SetLimits(key, batching.Limits{Mode: batching.Fixed, Size: 4})
	arrive(t, c, at(0), 3, batching.Request{Key: key})
	if e := c.Step(at(0)); len(e.Released) != 1 {
		t.Fatalf("released %d while batching is off", len(e.Released))
	}
}

func TestCoreSerialLimitsOfOneKeyMeanOneInFlight(t *testing.T) {
	c := roomy(fixed(8))
	c.SetLimits(key, batching.Limits{Mode: batching.Serial})
	arrive(t, c, at(0), 3, batching.Request{Key: key})
	arrive(t, c, at(0), 3, batching.Request{Key: other})
	if e := c.Step(at(0)); len(e.Released) != 4 {
		t.Fatalf("released %d, want 1 and 3", len(e.Released))
	}
}

func TestCoreReserveLeavesAnAppHalfOfASmallQueue(t *testing.T) {
	s := fixed(1)
	s.MaxWaiting, s.ReservedOthers = 16, 64
	c := batching.NewCore(s, batching.Options{})
	arrive(t, c, at(0), 8, batching.Request{Key: key, App: "a"})
	if _, err := c.Arrive(at(0), batching.Request{Key: key, App: "a"}); !errors.Is(err, batching.ErrAppQueueFull) {
		t.Fatalf("error %v", err)
	}
}

func Test16_QueueBounds(t *testing.T) {
	s := fixed(1)
	s.MaxWaiting, s.ReservedOthers, s.MaxWait = 4, 1, time.Second
	c := batching.NewCore(s, batching.Options{})
	arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})
	c.Step(at(0))
	arrive(t, c, at(0), 3, batching.Request{Key: key, App: "a"})
	if _, err := c.Arrive(at(0), batching.Request{Key: key, App: "a"}); !errors.Is(err, batching.ErrAppQueueFull) {
		t.Fatalf("one app took the places reserved for others: %v", err)
	}
	arrive(t, c, at(500), 1, batching.Request{Key: key, App: "b"})
	if _, err := c.Arrive(at(500), batching.Request{Key: key, App: "c"}); !errors.Is(err, batching.ErrQueueFull) {
		t.Fatalf("a full queue took one more: %v", err)
	}
	if e := c.Step(at(999)); len(e.Expired) != 0 || e.Wake != at(1000) {
		t.Fatalf("expired %d, wake %v", len(e.Expired), e.Wake)
	}
	if e := c.Step(at(1000)); len(e.Expired) != 3 {
		t.Fatalf("expired %d of 3", len(e.Expired))
	}
	if got := c.Totals().QueueDepth; got != 1 {
		t.Fatalf("queue depth %d", got)
	}
}

func TestCoreTotals(t *testing.T) {
	c := batching.NewCore(fixed(2), batching.Options{FirstBatch: 41})
	all := arrive(t, c, at(0), 3, batching.Request{Key: key})
	first := c.Step(at(0))
	c.End(at(10), all[0], batching.Served, batching.Untold())
	c.Step(at(10))
	c.End(at(30), all[1], batching.Served, batching.Untold())
	c.End(at(30), all[2], batching.Served, batching.Untold())
	e := c.Step(at(30))
	if len(first.Released) != 2 || len(e.Ended) != 2 || e.Ended[0].ID != 41 || e.Ended[1].ID != 42 {
		t.Fatalf("ended %+v", e.Ended)
	}
	got := c.Totals()
	want := batching.Totals{Batches: 2, Requests: 3, AvgBatchSize: 1.5,
		AvgBatchDuration: 25, AvgConcurrency: 2}
	if got != want {
		t.Fatalf("got %+v\nwant %+v", got, want)
	}
}

func TestCoreSnapshotSaysWhyEachOneWaits(t *testing.T) {
	c := batching.NewCore(fixed(1), batching.Options{})
	arrive(t, c, at(0), batching.MaxListed+3, batching.Request{Key: key})
	c.Step(at(0))
	st := c.Snapshot(at(0))[0]
	if st.Depth != batching.MaxListed+2 || len(st.Waiting) != batching.MaxListed {
		t.Fatalf("depth %d, listed %d", st.Depth, len(st.Waiting))
	}
	for i, want := range []string{"next: 1 place is taken", "after 1 other", "after 2 others"} {
		if got := st.Waiting[i].Why; got != want {
			t.Errorf("position %d: %q, want %q", i, got, want)
		}
	}
}

func TestPriorityCrossesAsText(t *testing.T) {
	for _, p := range []batching.Priority{batching.Background, batching.Normal, batching.Urgent} {
		text, err := p.MarshalText()
		var back batching.Priority
		if err != nil || back.UnmarshalText(text) != nil || back != p {
			t.Errorf("%v came back as %v", p, back)
		}
	}
	if new(batching.Priority).UnmarshalText([]byte("soon")) == nil {
		t.Error("an unknown class was taken")
	}
}
