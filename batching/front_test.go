package batching_test

import (
	"errors"
	"testing"
	"time"

	"carpool/batching"
)

// front moves a ticket and fails the test if that is refused.
func front(t *testing.T, c *batching.Core, now time.Time, ticket *batching.Ticket) {
	t.Helper()
	if err := c.MoveToFront(now, ticket.Number()); err != nil {
		t.Fatal(err)
	}
}

// inTurn runs what waits one after the other and returns the order.
func inTurn(c *batching.Core, running *batching.Ticket) string {
	order := ""
	for ms := 100; running != nil; ms++ {
		next := end(c, at(ms), running)
		running = nil
		if len(next) > 0 {
			running = next[0]
			order += running.Request.ID
		}
	}
	return order
}

func TestMoveToFront(t *testing.T) {
	for name, set := range map[string]batching.Settings{"Fair": fixed(1), "Arrival": fixed(1), "Serial": mode(batching.Serial)} {
		if name == "Arrival" {
			set.Order = batching.Arrival
		}
		t.Run("GoesBeforeClassShareAndArrival/"+name, func(t *testing.T) {
			c := batching.NewCore(set, batching.Options{})
			running := arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})[0]
			c.Step(at(0))
			arrive(t, c, at(1), 1, batching.Request{Key: key, App: "b", ID: "1", Priority: batching.Urgent})
			arrive(t, c, at(2), 1, batching.Request{Key: key, App: "b", ID: "2"})
			third := arrive(t, c, at(3), 1, batching.Request{Key: key, App: "a", ID: "3", Priority: batching.Background})[0]
			fourth := arrive(t, c, at(4), 1, batching.Request{Key: key, App: "a", ID: "4", Priority: batching.Background})[0]
			front(t, c, at(5), third)
			front(t, c, at(5), fourth)
			if got := inTurn(c, running); got != "4312" {
				t.Fatalf("order %s", got)
			}
		})
	}
	t.Run("GoesBeforeAnOverdueApp", func(t *testing.T) {
		set := fixed(1)
		set.Guard = time.Second
		c := batching.NewCore(set, batching.Options{})
		running := arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})[0]
		c.Step(at(0))
		arrive(t, c, at(1), 1, batching.Request{Key: key, App: "b", ID: "overdue"})
		late := arrive(t, c, at(5000), 1, batching.Request{Key: key, App: "a", ID: "late"})[0]
		front(t, c, at(5000), late)
		if got := ids(end(c, at(5001), running)); got != "late" {
			t.Fatalf("released %q", got)
		}
		if got := ids(end(c, at(5002), late)); got != "overdue" {
			t.Fatalf("then released %q", got)
		}
	})
	t.Run("PaysAsEver", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		running := arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})[0]
		c.Step(at(0))
		second := arrive(t, c, at(1), 2, batching.Request{Key: key, App: "b", PromptTokens: 70})[1]
		front(t, c, at(1), second)
		if end(c, at(2), running); c.Share("b") != 70 {
			t.Fatalf("its app was charged %v", c.Share("b"))
		}
	})
	t.Run("HasItsModelLoadedNext", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		arrive(t, c, at(20_000), 1, batching.Request{Key: key, App: "a", ID: "stays"})
		first := arrive(t, c, at(20_000), 1, batching.Request{Key: other, App: "a", ID: "moved"})[0]
		front(t, c, at(20_000), first)
		if e := c.Step(at(20_000)); len(e.Released) != 0 {
			t.Fatal("sent it while another model answers")
		}
		st := c.Snapshot(at(20_000))
		if got := st[0].Waiting[0].Why; got != "n is next: a request for it was moved to the front" {
			t.Errorf("the other one waits because %q", got)
		}
		if got := st[1].Waiting[0]; got.Position != 1 || got.Why != "next: m is finishing" {
			t.Errorf("%+v", got)
		}
		c.End(at(20_001), running, batching.Served, batching.Untold())
		e := c.Step(at(20_001))
		if ids(e.Released) != "moved" || len(e.Switched) != 1 || e.Switched[0].Reason != "a request for it was moved to the front" {
			t.Fatalf("released %q, %+v", ids(e.Released), e.Switched)
		}
	})
	t.Run("LeavesAPinnedModelLoaded", func(t *testing.T) {
		set := fixed(1)
		set.Pinned = map[string]bool{key.Model: true}
		c, running := pair(t, set, 1000)
		arrive(t, c, at(20_000), 1, batching.Request{Key: key, App: "a", ID: "pinned"})
		front(t, c, at(20_000), arrive(t, c, at(20_000), 1, batching.Request{Key: other, App: "a", ID: "moved"})[0])
		if got := ids(end(c, at(20_001), running)); got != "pinned" {
			t.Fatalf("released %q", got)
		}
	})
	t.Run("IsNextOfAllThatShareAGPU", func(t *testing.T) {
		c := batching.NewCore(shared(1), batching.Options{})
		running := arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})[0]
		c.Step(at(0))
		arrive(t, c, at(1), 1, batching.Request{Key: key, App: "b", ID: "1", Priority: batching.Urgent})
		moved := arrive(t, c, at(2), 2, batching.Request{Key: studio, App: "a", ID: "2"})[1]
		front(t, c, at(2), moved)
		c.Step(at(2))
		for _, st := range c.Snapshot(at(2)) {
			if w := st.Waiting[0]; st.Key == studio && (w.Ticket != moved.Number() || w.Position != 1 || w.Why != "next: moved to the front") {
				t.Errorf("%+v", w)
			}
		}
		if got := end(c, at(3), running); len(got) != 1 || got[0] != moved {
			t.Fatalf("released %q", ids(got))
		}
	})
	t.Run("EndsTheWaitForCompany", func(t *testing.T) {
		c := batching.NewCore(merging(2, 8), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key, Merge: "w"})
		c.Step(at(0))
		waits := arrive(t, c, at(1), 1, batching.Request{Key: key, Merge: "w"})[0]
		if e := c.Step(at(1)); len(e.Released) != 0 {
			t.Fatal("it does not wait for company")
		}
		front(t, c, at(2), waits)
		if e := c.Step(at(2)); len(e.Released) != 1 {
			t.Fatal("it still waits for company")
		}
	})
	t.Run("OfAHeldOneWaitsForTheEndOfTheHold", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		c.Hold(at(0), all(key.Engine))
		two := arrive(t, c, at(0), 2, batching.Request{Key: key})
		front(t, c, at(1), two[1])
		if e := c.Step(at(1)); len(e.Released) != 0 {
			t.Fatal("released a held one")
		}
		c.Hold(at(2), nil)
		if e := c.Step(at(2)); len(e.Released) != 1 || e.Released[0] != two[1] {
			t.Fatal("it was not the first after the hold")
		}
	})
	t.Run("LeavesPlacesThatAreKeptForUrgentOnes", func(t *testing.T) {
		set := fixed(2)
		set.ReservedUrgent = 1
		c := batching.NewCore(set, batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key})
		c.Step(at(0))
		front(t, c, at(1), arrive(t, c, at(1), 1, batching.Request{Key: key})[0])
		if e := c.Step(at(1)); len(e.Released) != 0 {
			t.Fatal("took the kept place")
		}
		if got := c.Snapshot(at(1))[0].Waiting[0].Why; got != "next: the free place is kept for urgent requests" {
			t.Errorf("it waits because %q", got)
		}
	})
	t.Run("TellsWhy", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})
		c.Step(at(0))
		three := arrive(t, c, at(1), 3, batching.Request{Key: key, App: "a"})
		front(t, c, at(2), three[1])
		front(t, c, at(2), three[2])
		c.Step(at(2))
		var got []string
		for _, w := range c.Snapshot(at(2))[0].Waiting {
			got = append(got, w.Why)
		}
		want := []string{"next: moved to the front", "moved to the front, after 1 other", "one that was moved to the front goes first"}
		for i, why := range want {
			if len(got) != 3 || got[i] != why {
				t.Fatalf("%q", got)
			}
		}
	})
	t.Run("FailsForOneThatRunsOrIsOver", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		ticket := arrive(t, c, at(0), 1, batching.Request{Key: key})[0]
		c.Step(at(0))
		if err := c.MoveToFront(at(1), ticket.Number()); !errors.Is(err, batching.ErrRunning) {
			t.Errorf("running: %v", err)
		}
		end(c, at(2), ticket)
		if err := c.MoveToFront(at(3), ticket.Number()); !errors.Is(err, batching.ErrGone) {
			t.Errorf("over: %v", err)
		}
	})
}
