package batching_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/batching"
)

// holds are those of a Core, by engine.
type holds map[string]batching.Hold

// keep tells whether a waiting ticket is held.
func (h holds) keep(t *batching.Ticket) bool {
	hold, ok := h[t.Request.Engine]
	return ok && (hold.All || t.Request.Priority == batching.Background)
}

func drawHolds(t *rapid.T) holds {
	return rapid.SampledFrom([]holds{
		nil, nil, {key.Engine: {Reason: "game"}}, {key.Engine: {All: true, Reason: "game"}}, {studio.Engine: {All: true, Reason: "game"}},
		{key.Engine: {Reason: "game"}, studio.Engine: {All: true, Reason: "game"}},
	}).Draw(t, "holds")
}

// all holds everything of an engine.
func all(engine string) holds { return holds{engine: {All: true, Reason: "blender uses the GPU"}} }

func TestHold(t *testing.T) {
	for _, m := range []batching.Settings{fixed(4), static(4, 50, 1), mode(batching.Serial), mode(batching.Passthrough)} {
		t.Run("KeepsALoneRequestAndLetsItGoAtTheEnd/"+string(m.Mode), func(t *testing.T) {
			c := batching.NewCore(m, batching.Options{})
			c.Hold(at(0), all(key.Engine))
			arrive(t, c, at(0), 1, batching.Request{Key: key})
			for _, ms := range []int{0, 50, 100_000} {
				if e := c.Step(at(ms)); len(e.Released) != 0 || !e.Wake.IsZero() {
					t.Fatalf("released %d, wake %v", len(e.Released), e.Wake)
				}
			}
			c.Hold(at(100_001), nil)
			if e := c.Step(at(100_001)); len(e.Released) != 1 {
				t.Fatal("still held")
			}
		})
	}
	t.Run("OfBackgroundLetsTheOthersGo", func(t *testing.T) {
		c := batching.NewCore(fixed(4), batching.Options{})
		c.Hold(at(0), holds{key.Engine: {Reason: "game"}})
		for _, p := range []batching.Priority{batching.Background, batching.Normal, batching.Urgent} {
			arrive(t, c, at(0), 1, batching.Request{Key: key, Priority: p, ID: p.String()})
		}
		arrive(t, c, at(0), 1, batching.Request{Key: studio, Priority: batching.Background, ID: "studio"})
		if got := ids(c.Step(at(0)).Released); got != "urgentnormalstudio" {
			t.Fatalf("released %s", got)
		}
		c.Hold(at(1), all(key.Engine))
		arrive(t, c, at(1), 1, batching.Request{Key: key, ID: "late"})
		if got := c.Step(at(1)).Released; len(got) != 0 {
			t.Fatalf("released %s", ids(got))
		}
		c.Hold(at(2), holds{key.Engine: {Reason: "game"}})
		if got := ids(c.Step(at(2)).Released); got != "late" {
			t.Fatalf("released %q when the hold let go of all but background", got)
		}
	})
	t.Run("TouchesNothingInFlight", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		running := arrive(t, c, at(0), 1, batching.Request{Key: key})
		c.Step(at(0))
		c.Hold(at(1), all(key.Engine))
		arrive(t, c, at(1), 1, batching.Request{Key: key})
		if got := end(c, at(2), running...); len(got) != 0 {
			t.Fatal("released a held one into the free place")
		}
	})
	t.Run("KeepsTheOrder", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		running := arrive(t, c, at(0), 1, batching.Request{Key: key})[0]
		c.Step(at(0))
		arrive(t, c, at(1), 1, batching.Request{Key: key, ID: "1"})
		c.Hold(at(2), all(key.Engine))
		arrive(t, c, at(3), 1, batching.Request{Key: key, ID: "3", Priority: batching.Urgent})
		arrive(t, c, at(4), 1, batching.Request{Key: key, ID: "4"})
		c.Hold(at(5), nil)
		arrive(t, c, at(6), 1, batching.Request{Key: key, ID: "6"})
		order := ""
		for ms := 7; running != nil; ms++ {
			got := end(c, at(ms), running)
			running = nil
			if len(got) > 0 {
				running = got[0]
				order += running.Request.ID
			}
		}
		if order != "3146" {
			t.Fatalf("order %s", order)
		}
	})
	t.Run("TellsWhyAndNoTime", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		first := arrive(t, c, at(0), 3, batching.Request{Key: key, App: "a"})[0]
		c.Step(at(0))
		end(c, at(1000), first) // so that a pace is known
		c.Hold(at(1000), all(key.Engine))
		c.Step(at(1000))
		st := c.Snapshot(at(1000))
		if len(st) != 1 || st[0].Depth != 1 || len(st[0].Waiting) != 1 {
			t.Fatalf("%+v", st)
		}
		if w := st[0].Waiting[0]; w.Why != "blender uses the GPU" || w.Expected != 0 || w.Position != 1 {
			t.Errorf("%+v", w)
		}
		if l := c.Loads(); l[0].Waiting != 1 || l[0].Held != 1 {
			t.Errorf("%+v", l)
		}
	})
	t.Run("DoesNotStopTheLongestWait", func(t *testing.T) {
		set := fixed(1)
		set.MaxWait = 5 * time.Second
		c := batching.NewCore(set, batching.Options{})
		c.Hold(at(0), all(key.Engine))
		arrive(t, c, at(0), 1, batching.Request{Key: key})
		if e := c.Step(at(0)); e.Wake != at(5000) {
			t.Fatalf("wake %v", e.Wake)
		}
		if e := c.Step(at(5000)); len(e.Expired) != 1 {
			t.Fatal("waits beyond the longest wait")
		}
	})
	t.Run("LetsAHeldOneLeaveAndBeSuperseded", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		c.Hold(at(0), all(key.Engine))
		r := batching.Request{Key: key, Supersede: "line 5"}
		old := arrive(t, c, at(0), 1, r)[0]
		young := arrive(t, c, at(1), 1, r)[0]
		if e := c.Step(at(1)); len(e.Superseded) != 1 || e.Superseded[0] != old {
			t.Fatalf("%+v", e)
		}
		if !c.Leave(young) || c.Leave(young) {
			t.Fatal("leaves exactly once")
		}
		c.Step(at(2))
		if st := c.Snapshot(at(2)); len(st) != 0 {
			t.Fatalf("%+v", st)
		}
	})
	t.Run("TakesThoseThatWaitForCompany", func(t *testing.T) {
		c := batching.NewCore(merging(2, 64), batching.Options{})
		word := batching.Request{Key: key, Merge: "w"}
		running := arrive(t, c, at(0), 1, word)[0]
		c.Step(at(0))
		arrive(t, c, at(1), 2, word)
		c.Hold(at(1), all(key.Engine))
		if got := end(c, at(2), running); len(got) != 0 {
			t.Fatal("opened the porch in spite of the hold")
		}
		c.Hold(at(3), nil)
		if got := c.Step(at(3)).Released; len(got) != 2 || got[0].Ride() == nil {
			t.Fatalf("released %d, not as one call", len(got))
		}
	})
	t.Run("DoesNotMergeAHeldOneIntoACall", func(t *testing.T) {
		c := batching.NewCore(merging(1, 64), batching.Options{})
		c.Hold(at(0), holds{key.Engine: {Reason: "game"}})
		arrive(t, c, at(0), 1, batching.Request{Key: key, Merge: "w", Priority: batching.Background})
		arrive(t, c, at(0), 1, batching.Request{Key: key, Merge: "w"})
		if got := c.Step(at(0)).Released; len(got) != 1 || got[0].Ride() != nil {
			t.Fatalf("released %d", len(got))
		}
	})
	t.Run("IsNoReasonToChangeModels", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		c.Hold(at(0), holds{key.Engine: {Reason: "game"}})
		arrive(t, c, at(0), 1, batching.Request{Key: other, App: "b", Priority: batching.Background})
		if got := loop(t, c, running, 0, 120_000); got != -1 {
			t.Fatalf("gave the model up after %d ms for a held one", got)
		}
	})
	t.Run("KeepsNoModelLoaded", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a", Priority: batching.Background})
		c.Hold(at(0), holds{key.Engine: {Reason: "game"}})
		arrive(t, c, at(10), 1, batching.Request{Key: other, App: "b"})
		c.Step(at(10))
		if got := end(c, at(100), running); len(got) != 1 || got[0].Request.Key != other {
			t.Fatal("a held request kept another model waiting")
		}
	})
	t.Run("IsNoAppsTurn", func(t *testing.T) {
		set := fixed(1)
		set.Guard = 10 * time.Second
		c := batching.NewCore(set, batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key, App: "held", Priority: batching.Background})
		c.Hold(at(0), holds{key.Engine: {Reason: "game"}})
		running := arrive(t, c, at(1), 1, batching.Request{Key: key, App: "a"})[0]
		c.Step(at(1))
		for ms := 1000; ms < 60_000; ms += 1000 {
			arrive(t, c, at(ms), 1, batching.Request{Key: key, App: "a"})
			got := end(c, at(ms), running)
			if len(got) != 1 || got[0].Request.App != "a" {
				t.Fatalf("released %v", got)
			}
			running = got[0]
		}
		// The time before the hold counts, the minute in it does not.
		c.Hold(at(60_000), nil)
		arrive(t, c, at(60_000), 2, batching.Request{Key: key, App: "b", Priority: batching.Urgent})
		if got := end(c, at(60_000), running); len(got) != 1 || got[0].Request.App != "b" {
			t.Fatalf("the time held made the app overdue: released %v", ids(got))
		}
	})
	t.Run("GivesNoClaimForTheTimeHeld", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		running := arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a", PromptTokens: 100})[0]
		c.Step(at(0))
		c.Hold(at(0), all(studio.Engine))
		arrive(t, c, at(0), 20, batching.Request{Key: studio, App: "b", PromptTokens: 100})
		for ms := 1; ms <= 20; ms++ {
			arrive(t, c, at(ms), 1, batching.Request{Key: key, App: "a", PromptTokens: 100})
			running = end(c, at(ms), running)[0]
		}
		c.Hold(at(30), nil)
		c.Step(at(30))
		if gap := c.Share("a") - c.Share("b"); gap > 200 {
			t.Fatalf("the app that was held is %.0f units behind", gap)
		}
	})
	t.Run("LeavesTheGPUToOtherEngines", func(t *testing.T) {
		c := batching.NewCore(shared(1), batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: key, Priority: batching.Urgent})
		c.Hold(at(0), all(key.Engine))
		arrive(t, c, at(1), 2, batching.Request{Key: studio})
		got := c.Step(at(1)).Released
		if len(got) != 1 || got[0].Request.Key != studio {
			t.Fatalf("released %v", got)
		}
		if w := c.Snapshot(at(1))[1].Waiting; len(w) != 1 || w[0].Why != "next: 1 place is taken" {
			t.Fatalf("%+v", w)
		}
	})
}

func TestSchedulerHold(t *testing.T) {
	t.Run("WakesWhoWaitsWhenItEnds", func(t *testing.T) {
		bubble(t, fixed(2), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			s.Hold(all(key.Engine))
			time.AfterFunc(time.Minute, func() { s.Hold(nil) })
			l, err := s.Acquire(t.Context(), request)
			if err != nil || l.Waited() != time.Minute {
				t.Fatalf("err %v, waited %v", err, l.Waited())
			}
			l.Release(batching.Served)
		})
	})
	t.Run("IsEndedByShutdown", func(t *testing.T) {
		bubble(t, fixed(2), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			s.Hold(all(key.Engine))
			time.AfterFunc(time.Minute, func() {
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
			if _, err := s.Acquire(t.Context(), request); !errors.Is(err, batching.ErrClosed) {
				t.Fatalf("err %v", err)
			}
		})
	})
}

// TestHeldRequestsAreNotThere drives two cores with the same random work, of which
// one is also given requests of an engine that is held: whatever the settings, groups
// and models, it lets the others go as if the held ones had never come. When the hold
// ends they all go as well.
func TestHeldRequestsAreNotThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(t *rapid.T) batching.Settings {
			set := settings(t)
			set.MaxWait, set.MaxWaiting, set.ReservedOthers, set.Guard = 0, 1000, 0, time.Hour
			set.MergeTexts = rapid.SampledFrom([]int{0, 3}).Draw(t, "merge")
			set.ReservedUrgent = rapid.IntRange(0, 1).Draw(t, "kept")
			set.Groups = rapid.SampledFrom(append(groupings, nil)).Draw(t, "groups")
			return set
		}
		set := draw(t)
		whole, part := batching.NewCore(set, batching.Options{}), batching.NewCore(set, batching.Options{})
		now, n := start, 0
		twins := map[*batching.Ticket]*batching.Ticket{}
		var running []*batching.Ticket
		held := map[*batching.Ticket]bool{}
		whole.Hold(now, all(key.Engine))
		step := func() {
			got, want := whole.Step(now).Released, part.Step(now).Released
			names := func(all []*batching.Ticket) []string {
				var names []string
				for _, r := range all {
					names = append(names, r.Request.ID)
				}
				return slices.Sorted(slices.Values(names))
			}
			if !slices.Equal(names(got), names(want)) {
				t.Fatalf("released %v, without the held ones %v", names(got), names(want))
			}
			running = append(running, got...)
		}
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				for range rapid.IntRange(1, 4).Draw(t, "n") {
					n++
					now = now.Add(time.Millisecond)
					r := batching.Request{ID: fmt.Sprint(n),
						Key:      rapid.SampledFrom([]batching.Key{key, studio, studioToo, cluster}).Draw(t, "key"),
						App:      rapid.SampledFrom([]string{"a", "b"}).Draw(t, "app"),
						Priority: rapid.SampledFrom([]batching.Priority{-1, 0, 1}).Draw(t, "priority"),
						Merge:    rapid.SampledFrom([]string{"", "", "word"}).Draw(t, "merge"),
					}
					ticket, err := whole.Arrive(now, r)
					if err != nil {
						t.Fatal(err)
					}
					if r.Engine == key.Engine {
						held[ticket] = true
					} else if twins[ticket], err = part.Arrive(now, r); err != nil {
						t.Fatal(err)
					}
				}
				step()
			},
			"end": func(t *rapid.T) {
				if len(running) > 0 {
					i := rapid.IntRange(0, len(running)-1).Draw(t, "which")
					o := rapid.SampledFrom([]batching.Outcome{batching.Served, batching.Canceled}).Draw(t, "outcome")
					whole.End(now, running[i], o, batching.Untold())
					part.End(now, twins[running[i]], o, batching.Untold())
					running = slices.Delete(running, i, i+1)
				}
				step()
			},
			"configure": func(t *rapid.T) {
				set := draw(t)
				whole.Configure(set)
				part.Configure(set)
				step()
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
				step()
			},
		})
		whole.Hold(now, nil)
		for rounds := 0; whole.Totals().QueueDepth+whole.Totals().InFlight > 0; rounds++ {
			if rounds > 1000 {
				t.Fatalf("%d wait for ever", whole.Totals().QueueDepth)
			}
			for _, r := range whole.Step(now).Released {
				running = append(running, r)
				delete(held, r)
			}
			for _, r := range running {
				whole.End(now, r, batching.Served, batching.Untold())
			}
			running = nil
			now = now.Add(time.Second)
		}
		if len(held) != 0 {
			t.Fatalf("%d held ones were lost", len(held))
		}
	})
}
