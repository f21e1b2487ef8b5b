package batching_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"carpool/batching"
)

// merging is fixed with n in flight, merging up to texts after 50 ms.
func merging(n, texts int) batching.Settings {
	s := fixed(n)
	s.Limits.Wait = 50 * time.Millisecond
	s.MergeTexts = texts
	return s
}

var embeds = batching.Request{Key: key, Merge: "w"}

func TestCoreMerge(t *testing.T) {
	t.Run("ReleasesALoneCallAtOnce", func(t *testing.T) {
		c := batching.NewCore(merging(4, 64), batching.Options{})
		arrive(t, c, at(0), 1, embeds)
		if e := c.Step(at(0)); len(e.Released) != 1 || e.Released[0].Ride() != nil || !e.Wake.IsZero() {
			t.Fatalf("%+v", e)
		}
	})
	t.Run("HoldsThoseThatComeWhileOneRunsAndReleasesThemAtItsEndAsOne", func(t *testing.T) {
		c := batching.NewCore(merging(4, 64), batching.Options{})
		first := arrive(t, c, at(0), 1, embeds)[0]
		c.Step(at(0))
		rest := arrive(t, c, at(1), 7, embeds)
		e := c.Step(at(1))
		if len(e.Released) != 0 || e.Wake != at(51) {
			t.Fatalf("released %d, wake %v", len(e.Released), e.Wake)
		}
		c.End(at(12), first, batching.Served, batching.Untold())
		e = c.Step(at(12))
		if len(e.Released) != 7 {
			t.Fatalf("released %d", len(e.Released))
		}
		ride := e.Released[0].Ride()
		for i, r := range e.Released {
			if r != rest[i] || r.Ride() != ride || ride == nil {
				t.Fatal("not one ride in the order of arrival")
			}
		}
		if ride.Requests() != 7 || c.Totals().InFlight != 1 || c.Totals().Requests != 8 || c.Totals().Batches != 2 {
			t.Fatalf("%d requests, totals %+v", ride.Requests(), c.Totals())
		}
		for i, r := range e.Released {
			c.End(at(20+i), r, batching.Served, batching.Untold())
			if left := c.Totals().InFlight; left != min(1, 6-i) {
				t.Fatalf("%d in flight after %d ends", left, i+1)
			}
		}
		b := c.Step(at(26)).Ended
		if len(b) != 1 || b[0].Released != 7 || b[0].Running != 7 || b[0].MaxWait != 11*time.Millisecond || b[0].Duration != 14*time.Millisecond {
			t.Fatalf("ended %+v", b)
		}
	})
	t.Run("HoldsNoLongerThanTheWait", func(t *testing.T) {
		c := batching.NewCore(merging(4, 64), batching.Options{})
		arrive(t, c, at(0), 1, embeds)
		c.Step(at(0))
		arrive(t, c, at(1), 2, embeds)
		c.Step(at(1))
		arrive(t, c, at(40), 1, embeds)
		if e := c.Step(at(50)); len(e.Released) != 0 {
			t.Fatalf("released %d early", len(e.Released))
		}
		if e := c.Step(at(51)); len(e.Released) != 3 || e.Released[0].Ride().Requests() != 3 || !e.Wake.IsZero() {
			t.Fatalf("%+v", e)
		}
	})
	t.Run("ReleasesThemWhenTheyAreEnough", func(t *testing.T) {
		c := batching.NewCore(merging(4, 4), batching.Options{})
		arrive(t, c, at(0), 1, embeds)
		c.Step(at(0))
		two := embeds
		two.Texts = 2
		arrive(t, c, at(1), 1, two)
		arrive(t, c, at(1), 1, embeds)
		if e := c.Step(at(1)); len(e.Released) != 0 {
			t.Fatal("three of four are not enough")
		}
		arrive(t, c, at(2), 1, embeds)
		if e := c.Step(at(2)); len(e.Released) != 3 || e.Released[2].Ride().Requests() != 3 {
			t.Fatalf("%+v", e)
		}
	})
	t.Run("TakesAlongWhatWaitsForAPlace", func(t *testing.T) {
		c := batching.NewCore(merging(1, 3), batching.Options{})
		other := batching.Request{Key: key}
		busy := arrive(t, c, at(0), 1, other)[0]
		c.Step(at(0))
		arrive(t, c, at(1), 5, embeds)
		if e := c.Step(at(90)); len(e.Released) != 0 {
			t.Fatal("released above the limit")
		}
		c.End(at(91), busy, batching.Served, batching.Untold())
		if e := c.Step(at(91)); len(e.Released) != 3 {
			t.Fatalf("released %d of at most 3", len(e.Released))
		}
	})
	t.Run("LetsUrgentOnesGoAtOnceAndNeverMixesClasses", func(t *testing.T) {
		c := batching.NewCore(merging(2, 64), batching.Options{})
		first := arrive(t, c, at(0), 1, embeds)[0]
		c.Step(at(0))
		urgent, background := embeds, embeds
		urgent.Priority, background.Priority = batching.Urgent, batching.Background
		arrive(t, c, at(1), 1, background)
		arrive(t, c, at(1), 2, embeds)
		u := arrive(t, c, at(2), 1, urgent)[0]
		if e := c.Step(at(2)); len(e.Released) != 1 || e.Released[0] != u {
			t.Fatalf("released %d", len(e.Released))
		}
		c.End(at(3), first, batching.Served, batching.Untold())
		c.End(at(3), u, batching.Served, batching.Untold())
		e := c.Step(at(3))
		if len(e.Released) != 3 || e.Released[0].Ride().Requests() != 2 || e.Released[2].Ride() != nil {
			t.Fatalf("released %d", len(e.Released))
		}
	})
	t.Run("NeverMergesOtherWordsOrKeys", func(t *testing.T) {
		c := roomy(merging(1, 64))
		busy := []*batching.Ticket{arrive(t, c, at(0), 1, batching.Request{Key: key})[0], arrive(t, c, at(0), 1, batching.Request{Key: other})[0]}
		c.Step(at(0))
		for i := range 4 {
			arrive(t, c, at(1), 1, batching.Request{Key: key, Merge: strconv.Itoa(i % 2)})
			arrive(t, c, at(1), 1, batching.Request{Key: other, Merge: strconv.Itoa(i % 2)})
			arrive(t, c, at(1), 1, batching.Request{Key: key})
		}
		for _, b := range busy {
			c.End(at(2), b, batching.Served, batching.Untold())
		}
		e := c.Step(at(2))
		if len(e.Released) != 4 || e.Released[0].Ride().Requests() != 2 || e.Released[0].Ride() == e.Released[2].Ride() {
			t.Fatalf("released %d", len(e.Released))
		}
	})
	t.Run("ForgetsWhoLeftWhileItWaited", func(t *testing.T) {
		c := batching.NewCore(merging(1, 64), batching.Options{})
		first := arrive(t, c, at(0), 1, embeds)[0]
		c.Step(at(0))
		rest := arrive(t, c, at(1), 3, embeds)
		if !c.Leave(rest[1]) || c.Leave(rest[1]) {
			t.Fatal("one that waits leaves once")
		}
		c.End(at(2), first, batching.Served, batching.Untold())
		if e := c.Step(at(2)); len(e.Released) != 2 || e.Released[0].Ride().Requests() != 2 {
			t.Fatalf("released %d", len(e.Released))
		}
		if left := c.LeaveAll(); len(left) != 0 || c.Totals().QueueDepth != 0 {
			t.Fatalf("%d left", len(left))
		}
	})
	t.Run("CountsAPlaceThatAllHaveLeftForTheGrace", func(t *testing.T) {
		for _, tt := range []struct {
			ends  []batching.Outcome
			after int
		}{
			{[]batching.Outcome{batching.Canceled, batching.Canceled}, 1},
			{[]batching.Outcome{batching.Canceled, batching.Served}, 0},
			{[]batching.Outcome{batching.Served, batching.Canceled}, 0},
		} {
			s := merging(1, 64)
			s.CancelGrace = 2 * time.Second
			c := batching.NewCore(s, batching.Options{})
			busy := arrive(t, c, at(0), 1, batching.Request{Key: key})[0]
			c.Step(at(0))
			pair := arrive(t, c, at(0), 2, embeds)
			c.End(at(1), busy, batching.Served, batching.Untold())
			c.Step(at(1))
			for i, o := range tt.ends {
				c.End(at(5), pair[i], o, batching.Untold())
			}
			c.Step(at(5))
			if got := c.Totals().InFlight; got != tt.after {
				t.Errorf("%v leave %d in flight", tt.ends, got)
			}
			if c.Step(at(2005)); c.Totals().InFlight != 0 {
				t.Errorf("%v: the grace is over", tt.ends)
			}
		}
	})
	t.Run("DoesNothingWhereMergingIsOff", func(t *testing.T) {
		for _, s := range []batching.Settings{
			merging(1, 0),
			{MergeTexts: 64, Limits: batching.Limits{Mode: batching.Static, Size: 1, Wait: 50 * time.Millisecond}},
			{MergeTexts: 64, Limits: batching.Limits{Mode: batching.Serial, Wait: 50 * time.Millisecond}},
		} {
			c := batching.NewCore(s, batching.Options{})
			first := arrive(t, c, at(0), 1, embeds)[0]
			c.Step(at(100))
			arrive(t, c, at(100), 2, embeds)
			c.End(at(101), first, batching.Served, batching.Untold())
			if e := c.Step(at(200)); len(e.Released) != 1 || e.Released[0].Ride() != nil {
				t.Errorf("%s: released %d", s.Mode, len(e.Released))
			}
		}
	})
	t.Run("OpensThePorchWhenMergingIsTurnedOff", func(t *testing.T) {
		c := batching.NewCore(merging(4, 64), batching.Options{})
		arrive(t, c, at(0), 1, embeds)
		c.Step(at(0))
		arrive(t, c, at(1), 2, embeds)
		c.Step(at(1))
		c.Configure(fixed(4))
		if e := c.Step(at(2)); len(e.Released) != 2 {
			t.Fatalf("released %d", len(e.Released))
		}
	})
}

// TestMergingKeepsTheLaws drives a core with requests that may be merged and
// checks that rides are what they say, that calls in flight stay within the
// limit, and that nobody is lost or waits for company without need.
func TestMergingKeepsTheLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size, most := rapid.IntRange(1, 4).Draw(t, "size"), rapid.IntRange(2, 6).Draw(t, "texts")
		wait := 50 * time.Millisecond
		s := merging(size, most)
		if rapid.Bool().Draw(t, "grace") {
			s.CancelGrace = 30 * time.Millisecond
		}
		s.ShortestFirst = rapid.Bool().Draw(t, "shortest")
		c := roomy(s)
		now := start
		var waits, runs []*batching.Ticket
		released, ended, arrived, batches := 0, 0, 0, 0
		var held holds
		step := func() {
			e := c.Step(now)
			rides := map[*batching.Ride][]*batching.Ticket{}
			for _, r := range e.Released {
				i := indexOf(waits, r)
				if i < 0 {
					t.Fatal("released one that does not wait")
				}
				if held.keep(r) {
					t.Fatalf("released %+v, which is held", r.Request)
				}
				waits = append(waits[:i], waits[i+1:]...)
				runs = append(runs, r)
				if r.Ride() != nil {
					rides[r.Ride()] = append(rides[r.Ride()], r)
				}
			}
			released += len(e.Released)
			for ride, members := range rides {
				texts := 0
				for _, m := range members {
					a, b := m.Request, members[0].Request
					if a.Key != b.Key || a.Merge != b.Merge || a.Merge == "" || a.Priority != b.Priority {
						t.Fatalf("%+v rides with %+v", a, b)
					}
					texts += max(a.Texts, 1)
				}
				if len(members) != ride.Requests() || len(members) < 2 || texts > most {
					t.Fatalf("%d of %d requests with %d texts", len(members), ride.Requests(), texts)
				}
			}
			for _, b := range e.Ended {
				batches++
				if b.Released < 1 || b.Running < b.Released {
					t.Fatalf("ended %+v", b)
				}
			}
			tot := c.Totals()
			if tot.InFlight > 2*size || tot.QueueDepth != len(waits) || tot.Requests != uint64(released) {
				t.Fatalf("totals %+v, %d wait, %d released", tot, len(waits), released)
			}
			calls := map[batching.Key]map[any]bool{}
			for _, r := range runs {
				var call any = r
				if r.Ride() != nil {
					call = r.Ride()
				}
				if calls[r.Request.Key] == nil {
					calls[r.Request.Key] = map[any]bool{}
				}
				calls[r.Request.Key][call] = true
			}
			for _, l := range c.Loads() {
				if l.InFlight > size || l.InFlight < len(calls[l.Key]) {
					t.Fatalf("%d calls in flight, at most %d, %d are not over", l.InFlight, size, len(calls[l.Key]))
				}
				for _, w := range waits {
					if w.Request.Key != l.Key || l.InFlight == size || held.keep(w) {
						continue
					}
					// There is room, so only company is waited for, and not for long.
					if w.Request.Merge == "" || w.Request.Priority > 0 || now.Sub(w.Queued) >= wait {
						t.Fatalf("%+v waits since %v with room", w.Request, now.Sub(w.Queued))
					}
					if e.Wake.IsZero() || e.Wake.After(w.Queued.Add(wait)) {
						t.Fatal("not woken for one that waits for company")
					}
				}
			}
			if tot.InFlight == 0 && slices.ContainsFunc(waits, func(w *batching.Ticket) bool { return !held.keep(w) }) {
				t.Fatal("requests wait before an idle engine")
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				for range rapid.IntRange(1, 4).Draw(t, "n") {
					ticket, err := c.Arrive(now, batching.Request{
						Key:      rapid.SampledFrom([]batching.Key{key, other}).Draw(t, "key"),
						App:      rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "app"),
						Merge:    rapid.SampledFrom([]string{"", "v", "w", "w"}).Draw(t, "word"),
						Texts:    rapid.IntRange(0, 3).Draw(t, "texts"),
						Priority: rapid.SampledFrom([]batching.Priority{-1, 0, 0, 1}).Draw(t, "priority"),
					})
					if err == nil {
						waits = append(waits, ticket)
						arrived++
					}
				}
				step()
			},
			"end": func(t *rapid.T) {
				if len(runs) > 0 {
					i := rapid.IntRange(0, len(runs)-1).Draw(t, "which")
					o := rapid.SampledFrom([]batching.Outcome{batching.Served, batching.Canceled}).Draw(t, "outcome")
					c.End(now, runs[i], o, batching.Untold())
					c.End(now, runs[i], o, batching.Untold())
					runs = append(runs[:i], runs[i+1:]...)
					ended++
				}
				step()
			},
			"leave": func(t *rapid.T) {
				if len(waits) > 0 {
					i := rapid.IntRange(0, len(waits)-1).Draw(t, "which")
					if !c.Leave(waits[i]) {
						t.Fatal("one that waits can leave")
					}
					waits = append(waits[:i], waits[i+1:]...)
					arrived--
				}
				step()
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.SampledFrom([]int{1, 5, 30, 50, 80, 70_000}).Draw(t, "ms")) * time.Millisecond)
				step()
			},
			"hold": func(t *rapid.T) {
				held = drawHolds(t)
				c.Hold(now, held)
				step()
			},
			"look": func(t *rapid.T) {
				listed := 0
				for _, q := range c.Snapshot(now) {
					listed += len(q.Waiting)
				}
				if listed != len(waits) {
					t.Fatalf("%d listed, %d wait", listed, len(waits))
				}
			},
		})
		held = nil
		c.Hold(now, nil)
		for len(waits)+len(runs) > 0 {
			for _, r := range runs {
				c.End(now, r, batching.Served, batching.Untold())
				ended++
			}
			runs = nil
			now = now.Add(time.Second)
			step()
		}
		now = now.Add(time.Second)
		step()
		if arrived != released || released != ended || uint64(batches) != c.Totals().Batches || len(c.Snapshot(now)) != 0 {
			t.Fatalf("%d arrived, %d released, %d ended, %d batches, totals %+v", arrived, released, ended, batches, c.Totals())
		}
	})
}

func indexOf(list []*batching.Ticket, t *batching.Ticket) int {
	for i, other := range list {
		if other == t {
			return i
		}
	}
	return -1
}

// watcher is an Observer that notes what it hears.
type watcher struct {
	mu       sync.Mutex
	released []batching.Request
	ended    []batching.Report
	outcomes []batching.Outcome
}

func (w *watcher) Released(_ time.Time, r batching.Request) batching.Stream {
	w.released = append(w.released, r)
	return w
}

func (w *watcher) Tokens(time.Time, int) {}

func (w *watcher) Ended(_ time.Time, o batching.Outcome, r batching.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended, w.outcomes = append(w.ended, r), append(w.outcomes, o)
}

func TestSchedulerShowsARideAsOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{}
		s := batching.New(merging(4, 64), batching.Options{Observer: w})
		request := batching.Request{Key: key, Merge: "w", PromptTokens: 10, Texts: 2}
		first, err := s.Acquire(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		leases := make(chan *batching.Lease, 3)
		for range 3 {
			go func() {
				l, err := s.Acquire(t.Context(), request)
				if err != nil {
					t.Error(err)
				}
				leases <- l
			}()
		}
		synctest.Wait()
		if q := s.Snapshot(); len(q) != 1 || q[0].Depth != 3 || q[0].Waiting[2].Why != "waiting for company" || q[0].Waiting[2].Position != 3 {
			t.Fatalf("%+v", q)
		}
		first.Release(batching.Served)
		seats := map[int]bool{}
		for i := range 3 {
			l := <-leases
			ride, seat := l.Ride()
			if ride.Requests() != 3 || seats[seat] {
				t.Fatalf("seat %d of %d", seat, ride.Requests())
			}
			seats[seat] = true
			l.Report(batching.Report{PromptTokens: 7, CachedTokens: -1, OutputTokens: 0, Total: time.Second})
			l.Release([]batching.Outcome{batching.Canceled, batching.Overload, batching.Canceled}[i])
		}
		if len(w.released) != 2 || w.released[1].PromptTokens != 30 || w.released[1].Texts != 6 {
			t.Errorf("released %+v", w.released)
		}
		want := batching.Report{PromptTokens: 21, CachedTokens: -1, OutputTokens: 0, Total: time.Second}
		if len(w.ended) != 2 || w.ended[1] != want || w.outcomes[1] != batching.Overload {
			t.Errorf("ended %+v, %v", w.ended, w.outcomes)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
