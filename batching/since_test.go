package batching_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"carpool/batching"
)

// moved is a request that is queued again, as of then.
func moved(r batching.Request, since time.Time) batching.Request {
	r.Since = since
	return r
}

func TestRequestThatIsQueuedAgain(t *testing.T) {
	a := batching.Request{Key: key, App: "a"}
	inArrival := fixed(1)
	inArrival.Order = batching.Arrival
	t.Run("GoesBeforeThoseThatCameLater", func(t *testing.T) {
		for name, set := range map[string]batching.Settings{"arrival": inArrival, "fair": fixed(1)} {
			c := batching.NewCore(set, batching.Options{})
			running := arrive(t, c, at(0), 1, a)
			c.Step(at(0))
			for i, id := range []string{"1", "3", "5"} {
				r := a
				r.ID = id
				arrive(t, c, at(10*(1+2*i)), 1, r)
			}
			for _, r := range []struct {
				id    string
				since int
			}{{"4", 40}, {"2", 20}, {"0", 5}, {"6", 900}} {
				again := moved(a, at(r.since))
				again.ID = r.id
				arrive(t, c, at(60), 1, again)
			}
			c.End(at(100), running[0], batching.Served, batching.Untold())
			if got := served(t, c, at(100), 0); got != "0 1 2 3 4 5 6" {
				t.Fatalf("%s: order %s", name, got)
			}
		}
	})
	t.Run("StaysInItsClass", func(t *testing.T) {
		c := batching.NewCore(inArrival, batching.Options{})
		running := arrive(t, c, at(0), 1, a)
		c.Step(at(0))
		again := moved(a, at(0))
		again.Priority = batching.Background
		first := arrive(t, c, at(10), 1, a)
		arrive(t, c, at(20), 1, again)
		if got := end(c, at(30), running...); len(got) != 1 || got[0] != first[0] {
			t.Fatalf("released %v", got)
		}
	})
	t.Run("NeverCountsFromTheFuture", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		ticket := arrive(t, c, at(10), 1, moved(a, at(900)))[0]
		c.Step(at(10))
		if !ticket.Queued.Equal(at(10)) {
			t.Fatalf("queued at %v", ticket.Queued)
		}
	})
	t.Run("ExpiresByItsWholeWait", func(t *testing.T) {
		set := fixed(1)
		set.MaxWait = time.Second
		c := batching.NewCore(set, batching.Options{})
		arrive(t, c, at(0), 1, a)
		c.Step(at(0))
		again := arrive(t, c, at(900), 1, moved(a, at(100)))
		if e := c.Step(at(900)); e.Wake != at(1100) {
			t.Fatalf("wake %v", e.Wake)
		}
		if e := c.Step(at(1100)); len(e.Expired) != 1 || e.Expired[0] != again[0] {
			t.Fatalf("expired %v", e.Expired)
		}
	})
	t.Run("IsOverdueByItsWholeWait", func(t *testing.T) {
		set := fixed(1)
		set.Guard = 10 * time.Second
		c := batching.NewCore(set, batching.Options{})
		running := arrive(t, c, at(0), 1, batching.Request{Key: key, App: "b"})
		c.Step(at(0))
		arrive(t, c, at(0), 3, batching.Request{Key: key, App: "b"})
		again := moved(batching.Request{Key: key, App: "quiet", Priority: batching.Background}, at(-5000))
		quiet := arrive(t, c, at(1000), 1, again)
		if got := end(c, at(5000), running...); len(got) != 1 || got[0] != quiet[0] {
			t.Fatalf("released %v", got)
		}
	})
	t.Run("IsOverdueAlthoughItsFirstEngineFailed", func(t *testing.T) {
		for outcome, want := range map[batching.Outcome]string{batching.Failed: "quiet", batching.Served: "b"} {
			set := fixed(1)
			set.Guard = 10 * time.Second
			c := batching.NewCore(set, batching.Options{})
			running := arrive(t, c, at(0), 1, batching.Request{Key: key, App: "b"})
			quiet := batching.Request{Key: cluster, App: "quiet", Priority: batching.Background}
			gone := arrive(t, c, at(0), 1, quiet)
			c.Step(at(0))
			arrive(t, c, at(0), 3, batching.Request{Key: key, App: "b"})
			c.End(at(9000), gone[0], outcome, batching.Untold())
			again := moved(quiet, at(-2000))
			again.Key = key
			arrive(t, c, at(9000), 1, again)
			if got := end(c, at(9500), running...); len(got) != 1 || got[0].Request.App != want {
				t.Fatalf("outcome %v: released %v", outcome, got)
			}
		}
	})
	t.Run("DoesNotMakeAFloodOverdueEachTime", func(t *testing.T) {
		set := fixed(1)
		set.Guard = 10 * time.Second
		c := batching.NewCore(set, batching.Options{})
		flood := batching.Request{Key: key, App: "flood", Priority: batching.Background}
		running := arrive(t, c, at(0), 1, flood)
		c.Step(at(0))
		arrive(t, c, at(0), 9, batching.Request{Key: key, App: "b"})
		c.FirstToken(at(100), running[0])
		arrive(t, c, at(200), 5, moved(flood, at(-60_000)))
		if got := end(c, at(300), running...); len(got) != 1 || got[0].Request.App != "b" {
			t.Fatalf("released %v", got)
		}
	})
	t.Run("MeetsItsModelsTurnByItsWholeWait", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})
		again := arrive(t, c, at(500), 1, moved(batching.Request{Key: other, App: "b"}, at(-9000)))
		if got := end(c, at(501), running); len(got) != 1 || got[0] != again[0] {
			t.Fatalf("released %v", got)
		}
	})
	t.Run("WaitsForNoCompany", func(t *testing.T) {
		set := fixed(2)
		set.Wait, set.MergeTexts = time.Second, 8
		c := batching.NewCore(set, batching.Options{})
		a := a
		a.Merge = "word"
		arrive(t, c, at(0), 1, a)
		c.Step(at(0))
		arrive(t, c, at(100), 1, moved(a, at(50)))
		if got := c.Step(at(100)).Released; len(got) != 1 {
			t.Fatalf("released %d", len(got))
		}
	})
	t.Run("DoesNotTakeTheNewerOnesPlace", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key})
		c.Step(at(0))
		a := a
		a.Supersede = "line 7"
		arrive(t, c, at(20), 1, a)
		if _, err := c.Arrive(at(30), moved(a, at(10))); !errors.Is(err, batching.ErrSuperseded) {
			t.Fatalf("error %v", err)
		}
		arrive(t, c, at(40), 1, moved(a, at(20)))
		if e := c.Step(at(40)); len(e.Superseded) != 1 {
			t.Fatalf("superseded %v", e.Superseded)
		}
	})
	t.Run("TellsItsWholeWait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := batching.New(fixed(1), batching.Options{})
			began := time.Now()
			time.Sleep(3 * time.Second)
			l, err := s.Acquire(context.Background(), moved(a, began))
			if err != nil {
				t.Fatal(err)
			}
			if l.Waited() != 3*time.Second || l.Batch().MaxWait != 3*time.Second {
				t.Fatalf("waited %v, batch %+v", l.Waited(), l.Batch())
			}
			l.Release(batching.Served)
			if err := s.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
		})
	})
}
