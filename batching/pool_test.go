package batching_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/batching"
)

// shared are settings under which Ollama and LM Studio share a GPU.
func shared(n int) batching.Settings {
	set := fixed(n)
	set.Groups = map[string]string{key.Engine: "gpu", studio.Engine: "gpu"}
	return set
}

// limit gives k a size of its own.
func limit(c *batching.Core, k batching.Key, n int) {
	c.SetLimits(k, batching.Limits{Mode: batching.Fixed, Size: n})
}

func end(c *batching.Core, now time.Time, tickets ...*batching.Ticket) []*batching.Ticket {
	for _, ticket := range tickets {
		c.End(now, ticket, batching.Served, batching.Untold())
	}
	return c.Step(now).Released
}

func TestGroup(t *testing.T) {
	a, b := batching.Request{Key: key, App: "a"}, batching.Request{Key: studio, App: "b"}
	t.Run("CountsWhatRunsOnTheOtherEngines", func(t *testing.T) {
		c := batching.NewCore(shared(3), batching.Options{})
		limit(c, studio, 2)
		first := arrive(t, c, at(0), 2, a)
		c.Step(at(0))
		arrive(t, c, at(1), 1, b)
		if got := c.Step(at(1)).Released; len(got) != 0 {
			t.Fatal("let in one more than its own limit has on the GPU")
		}
		if got := end(c, at(2), first[0]); len(got) != 1 || got[0].Request.Key != studio {
			t.Fatalf("released %v", got)
		}
	})
	t.Run("HoldsForModelsOfOneEngineToo", func(t *testing.T) {
		set := fixed(2)
		set.Groups = map[string]string{key.Engine: "gpu"}
		c := roomy(set)
		arrive(t, c, at(0), 2, batching.Request{Key: key})
		arrive(t, c, at(0), 2, batching.Request{Key: other})
		if got := c.Step(at(0)).Released; len(got) != 2 {
			t.Fatalf("released %d", len(got))
		}
	})
	t.Run("LeavesEnginesWithoutOneAlone", func(t *testing.T) {
		set := shared(1)
		set.Groups = map[string]string{key.Engine: "gpu", studio.Engine: "gpu", cluster.Engine: ""}
		c := batching.NewCore(set, batching.Options{})
		for _, k := range []batching.Key{key, studio, cluster, {Engine: "far", Model: "m"}} {
			arrive(t, c, at(0), 1, batching.Request{Key: k})
		}
		if got := c.Step(at(0)).Released; len(got) != 3 {
			t.Fatalf("released %d, want one of the group and two beside it", len(got))
		}
	})
	t.Run("TakesTurnsByShareAcrossEngines", func(t *testing.T) {
		a, b := a, b
		c := batching.NewCore(shared(1), batching.Options{})
		var got string
		a.PromptTokens, b.PromptTokens = 100, 50
		for i := range 4 {
			a.ID, b.ID = fmt.Sprint("a", i), fmt.Sprint("b", i)
			arrive(t, c, at(0), 1, a)
			arrive(t, c, at(0), 1, b)
		}
		for next := c.Step(at(0)).Released; len(next) > 0; next = end(c, at(1), next...) {
			got += ids(next)
		}
		if got != "a0b0b1a1b2b3a2a3" {
			t.Fatalf("order %s", got)
		}
	})
	t.Run("LetsClassGoFirstAcrossEngines", func(t *testing.T) {
		a, b := a, b
		c := batching.NewCore(shared(1), batching.Options{})
		running := arrive(t, c, at(0), 1, a)
		c.Step(at(0))
		arrive(t, c, at(1), 2, a)
		b.Priority = batching.Urgent
		urgent := arrive(t, c, at(2), 1, b)
		if got := end(c, at(3), running...); len(got) != 1 || got[0] != urgent[0] {
			t.Fatalf("released %v", got)
		}
	})
	t.Run("KeepsOthersBehindOneWhoseLimitIsLower", func(t *testing.T) {
		c := batching.NewCore(shared(4), batching.Options{})
		limit(c, studio, 1)
		running := arrive(t, c, at(0), 4, a)
		c.Step(at(0))
		low := arrive(t, c, at(1), 1, b)
		arrive(t, c, at(2), 8, a)
		for i, r := range running {
			got := end(c, at(10+i), r)
			if i < 3 && len(got) != 0 {
				t.Fatalf("refilled place %d, so the GPU never gets as empty as the other engine needs it", i)
			}
			if i == 3 && (len(got) != 4 || got[0] != low[0]) {
				t.Fatalf("released %v", got)
			}
		}
	})
	t.Run("CountsTokensOfTheOtherEngines", func(t *testing.T) {
		a, b := a, b
		set := shared(4)
		set.Tokens = 1000
		c := batching.NewCore(set, batching.Options{})
		a.PromptTokens, a.MaxTokens = 500, 100
		b.PromptTokens, b.MaxTokens = 450, 100
		running := arrive(t, c, at(0), 1, a)
		arrive(t, c, at(0), 1, b)
		if got := c.Step(at(0)).Released; len(got) != 1 {
			t.Fatalf("released %d beyond the budget", len(got))
		}
		w := c.Snapshot(at(0))[1].Waiting[0]
		if w.Why != "memory: needs 550 tokens, 400 are free" {
			t.Fatal(w.Why)
		}
		if got := end(c, at(1), running...); len(got) != 1 {
			t.Fatal("a lone one waits")
		}
	})
	t.Run("KeepsTheUrgentPlaceOverEngines", func(t *testing.T) {
		set := shared(2)
		set.ReservedUrgent = 1
		c := batching.NewCore(set, batching.Options{})
		arrive(t, c, at(0), 1, a)
		arrive(t, c, at(0), 1, b)
		if got := c.Step(at(0)).Released; len(got) != 1 {
			t.Fatal("took the kept place")
		}
		if why := c.Snapshot(at(0))[1].Waiting[0].Why; why != "next: the free place is kept for urgent requests" {
			t.Fatal(why)
		}
		urgent := b
		urgent.Priority = batching.Urgent
		arrive(t, c, at(0), 1, urgent)
		if got := c.Step(at(0)).Released; len(got) != 1 || got[0].Request.Priority != batching.Urgent {
			t.Fatalf("released %v", got)
		}
	})
	t.Run("CountsALeavingRequestForTheGrace", func(t *testing.T) {
		set := shared(1)
		set.CancelGrace = time.Second
		c := batching.NewCore(set, batching.Options{})
		running := arrive(t, c, at(0), 1, a)
		c.Step(at(0))
		arrive(t, c, at(0), 1, b)
		c.End(at(0), running[0], batching.Canceled, batching.Untold())
		if e := c.Step(at(999)); len(e.Released) != 0 || e.Wake != at(1000) {
			t.Fatalf("released %d, wake %v", len(e.Released), e.Wake)
		}
		if got := c.Step(at(1000)).Released; len(got) != 1 {
			t.Fatal("still waits")
		}
	})
	t.Run("RunsStaticBatchesInTurn", func(t *testing.T) {
		set := static(2, 50, 1)
		set.Groups = shared(1).Groups
		c := batching.NewCore(set, batching.Options{})
		first := arrive(t, c, at(0), 2, a)
		arrive(t, c, at(0), 2, b)
		if got := c.Step(at(0)).Released; len(got) != 2 || got[0].Request.Key != key {
			t.Fatalf("released %v", got)
		}
		arrive(t, c, at(1), 2, a)
		if got := end(c, at(2), first...); len(got) != 2 || got[0].Request.Key != studio || got[1].Request.Key != studio {
			t.Fatalf("released %v", got)
		}
		c = batching.NewCore(set, batching.Options{})
		arrive(t, c, at(0), 1, a)
		if got := c.Step(at(50)).Released; len(got) != 1 {
			t.Fatalf("released %d", len(got))
		}
		arrive(t, c, at(60), 2, b)
		if got := c.Step(at(60)).Released; len(got) != 0 {
			t.Fatal("sent a batch beside a small one")
		}
	})
	t.Run("DoesNotAsPassthroughOrSerial", func(t *testing.T) {
		set := shared(1)
		set.Mode = batching.Passthrough
		c := batching.NewCore(set, batching.Options{})
		arrive(t, c, at(0), 3, a)
		arrive(t, c, at(0), 3, b)
		if got := c.Step(at(0)).Released; len(got) != 6 {
			t.Fatalf("released %d", len(got))
		}
		set.Mode = batching.Serial
		c = batching.NewCore(set, batching.Options{})
		arrive(t, c, at(0), 1, batching.Request{Key: cluster})
		arrive(t, c, at(0), 1, a)
		arrive(t, c, at(0), 1, b)
		if got := c.Step(at(0)).Released; len(got) != 1 {
			t.Fatalf("released %d", len(got))
		}
	})
	t.Run("ChangesUnderLoadAndKillsNothing", func(t *testing.T) {
		c := batching.NewCore(fixed(2), batching.Options{})
		one, two := arrive(t, c, at(0), 3, a), arrive(t, c, at(0), 3, b)
		if got := c.Step(at(0)).Released; len(got) != 4 {
			t.Fatalf("released %d", len(got))
		}
		c.Configure(shared(2))
		for i, r := range []*batching.Ticket{one[0], two[0]} {
			if got := end(c, at(i), r); len(got) != 0 {
				t.Fatalf("released above the shared limit after end %d", i)
			}
		}
		if got := end(c, at(2), one[1]); len(got) != 1 {
			t.Fatalf("released %d into the first free place", len(got))
		}
		c.Configure(fixed(2))
		if got := c.Step(at(3)).Released; len(got) != 1 {
			t.Fatal("a group that is no more still holds")
		}
	})
	t.Run("GivesAModelsTurnBeforeClass", func(t *testing.T) {
		c := batching.NewCore(shared(2), batching.Options{})
		c.SetEngine(at(0), key.Engine, batching.EngineState{Loaded: []string{key.Model}})
		loaded, flood := arrive(t, c, at(0), 1, a), arrive(t, c, at(0), 1, b)
		c.Step(at(0))
		c.FirstToken(at(0), loaded[0])
		quiet := arrive(t, c, at(0), 1, batching.Request{Key: other, App: "b", Priority: batching.Background})
		arrive(t, c, at(1), 1, a)
		arrive(t, c, at(1), 9, b)
		c.Step(at(30_000))
		if got := end(c, at(31_000), loaded...); len(got) != 1 || got[0] != quiet[0] {
			t.Fatalf("released %v: the engine is kept clear for nothing", got)
		}
		if got := end(c, at(32_000), flood...); len(got) != 1 || got[0].Request.Key != studio {
			t.Fatalf("released %v", got)
		}
	})
	t.Run("DoesNotMakeModelsOfTwoEnginesTakeTurns", func(t *testing.T) {
		c := batching.NewCore(shared(2), batching.Options{})
		arrive(t, c, at(0), 1, a)
		arrive(t, c, at(0), 1, b)
		if e := c.Step(at(0)); len(e.Released) != 2 || len(e.Switched) != 0 {
			t.Fatalf("%+v", e)
		}
	})
	t.Run("LeavesEverySecondTurnToUrgentRequestsOfAnyEngine", func(t *testing.T) {
		set := shared(1)
		set.Guard = 10 * time.Second
		c := batching.NewCore(set, batching.Options{})
		running := arrive(t, c, at(0), 1, b)
		c.Step(at(0))
		for i := range 4 {
			arrive(t, c, at(0), 1, batching.Request{Key: studio, App: fmt.Sprint("app", i), ID: "o", Priority: batching.Background})
			arrive(t, c, at(0), 1, batching.Request{Key: key, App: "urgent", ID: "u", Priority: batching.Urgent})
		}
		got := ""
		for next := running; len(next) > 0; got += ids(next) {
			next = end(c, at(20_000), next...)
		}
		if got != "ouououou" {
			t.Fatalf("order %s", got)
		}
	})
	t.Run("WakesWhenAnAppBecomesOverdueBesideOneThatWaitsForRoom", func(t *testing.T) {
		set := shared(4)
		set.Guard = 10 * time.Second
		c := batching.NewCore(set, batching.Options{})
		limit(c, studio, 1)
		arrive(t, c, at(0), 1, a)
		c.Step(at(0))
		late := arrive(t, c, at(0), 1, batching.Request{Key: key, App: "late", Priority: batching.Background})
		arrive(t, c, at(1), 1, b)
		e := c.Step(at(1))
		if len(e.Released) != 0 || e.Wake != at(10_000) {
			t.Fatalf("released %d, wake %v", len(e.Released), e.Wake)
		}
		if got := c.Step(at(10_000)).Released; len(got) != 1 || got[0] != late[0] {
			t.Fatalf("released %v", got)
		}
	})
}

func TestGroupSaysWhyEachOneWaits(t *testing.T) {
	c := batching.NewCore(shared(2), batching.Options{})
	c.SetEngine(start, key.Engine, batching.EngineState{Loaded: []string{key.Model, other.Model}})
	limit(c, studio, 3)
	arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a", PromptTokens: 10})
	arrive(t, c, at(0), 1, batching.Request{Key: studio, App: "b", PromptTokens: 10})
	c.Step(at(0))
	arrive(t, c, at(1), 1, batching.Request{Key: other, App: "c", ID: "n"})
	arrive(t, c, at(2), 2, batching.Request{Key: studio, App: "b", ID: "s"})
	arrive(t, c, at(3), 1, batching.Request{Key: key, App: "a", ID: "m"})
	c.Step(at(3))
	got := map[batching.Key][]string{}
	for _, st := range c.Snapshot(at(3)) {
		for _, w := range st.Waiting {
			got[st.Key] = append(got[st.Key], fmt.Sprint(w.Position, " ", w.Why))
		}
	}
	want := map[batching.Key][]string{
		other:  {"1 next: shares the GPU with m and lmstudio, 2 places are taken"},
		studio: {"2 shares the GPU with ollama, whose turn it is", "4 after 3 others"},
		key:    {"3 shares the GPU with n, whose turn it is"},
	}
	for k, all := range want {
		if !slices.Equal(got[k], all) {
			t.Errorf("%v: %q, want %q", k, got[k], all)
		}
	}
}

// grouped is what the laws say of a core whose engines share GPUs.
type grouped struct {
	t       *rapid.T
	core    *batching.Core
	now     time.Time
	set     batching.Settings
	own     map[batching.Key]batching.Limits
	waits   map[*batching.Ticket]bool
	taken   map[*batching.Ticket]time.Time // hosts of places; when they are free, zero while they run
	members map[*batching.Ticket]bool      // released, not ended
	holds   holds
	rides   map[*batching.Ride]*trip
}

// trip is what is known of a merged call.
type trip struct {
	host   *batching.Ticket
	open   int
	served bool
}

// pool names whose places k shares.
func (g *grouped) pool(k batching.Key) string {
	if name := g.set.Groups[k.Engine]; name != "" {
		return name
	}
	return k.Engine + "/" + k.Model
}

func (g *grouped) places(pool string) int {
	n := 0
	for ticket := range g.taken {
		if g.pool(ticket.Request.Key) == pool {
			n++
		}
	}
	return n
}

func (g *grouped) limits(k batching.Key) batching.Limits {
	if l, ok := g.own[k]; ok && g.set.Mode != batching.Serial && g.set.Mode != batching.Passthrough {
		return l
	}
	return g.set.Limits
}

func (g *grouped) step() {
	for ticket, free := range g.taken {
		if !free.IsZero() && !g.now.Before(free) {
			delete(g.taken, ticket)
		}
	}
	e := g.core.Step(g.now)
	for _, ticket := range e.Expired {
		g.t.Fatalf("%v expired without a bound", ticket.Request)
	}
	for _, ticket := range e.Released {
		if !g.waits[ticket] {
			g.t.Fatal("released a ticket that does not wait")
		}
		if g.holds.keep(ticket) {
			g.t.Fatalf("released %v, which is held", ticket.Request)
		}
		delete(g.waits, ticket)
		g.members[ticket] = true
		if ride := ticket.Ride(); ride != nil {
			if g.rides[ride] != nil {
				continue
			}
			g.rides[ride] = &trip{host: ticket, open: ride.Requests()}
		}
		g.taken[ticket] = time.Time{}
		k := ticket.Request.Key
		n, most := g.places(g.pool(k)), g.limits(k).InFlight()
		if g.set.Mode == batching.Serial {
			n = len(g.taken)
		}
		if most > 0 && n > most {
			g.t.Fatalf("%d in flight with %v, which may have %d beside it", n, k, most)
		}
	}
	if got := g.core.Totals(); got.InFlight != len(g.taken) || got.QueueDepth != len(g.waits) {
		g.t.Fatalf("%+v, want %d in flight, %d waiting", got, len(g.taken), len(g.waits))
	}
	if !e.Wake.IsZero() && !e.Wake.After(g.now) {
		g.t.Fatal("wants to be woken in the past")
	}
}

func (g *grouped) end(ticket *batching.Ticket, o batching.Outcome) {
	g.core.End(g.now, ticket, o, batching.Untold())
	delete(g.members, ticket)
	host := ticket
	canceled := o == batching.Canceled
	if trip := g.rides[ticket.Ride()]; trip != nil {
		trip.open--
		trip.served = trip.served || !canceled
		if trip.open > 0 {
			return
		}
		host, canceled = trip.host, !trip.served
	}
	if canceled && g.set.CancelGrace > 0 {
		g.taken[host] = g.now.Add(g.set.CancelGrace)
		return
	}
	delete(g.taken, host)
}

// TestGroupsKeepTheirLimits drives a core with random work on engines that share
// GPUs, merged calls, ends, cancels, and changes of settings, limits and groups: at
// every release what runs on the GPU, what its clients have left included, is
// within the limit of the key that goes; and in the end nobody is left behind.
func TestGroupsKeepTheirLimits(t *testing.T) {
	keys := []batching.Key{key, other, studio, studioToo, cluster}
	rapid.Check(t, func(t *rapid.T) {
		g := &grouped{t: t, now: start, own: map[batching.Key]batching.Limits{}, waits: map[*batching.Ticket]bool{},
			taken: map[*batching.Ticket]time.Time{}, members: map[*batching.Ticket]bool{},
			rides: map[*batching.Ride]*trip{}}
		draw := func(t *rapid.T) {
			g.set = settings(t)
			g.set.MaxWait, g.set.MaxWaiting, g.set.ReservedOthers = 0, 1000, 0
			g.set.MergeTexts = rapid.SampledFrom([]int{0, 3}).Draw(t, "merge")
			g.set.ReservedUrgent = rapid.IntRange(0, 1).Draw(t, "kept")
			g.set.Groups = rapid.SampledFrom(append(groupings, nil)).Draw(t, "groups")
		}
		draw(t)
		g.core = batching.NewCore(g.set, batching.Options{})
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				for range rapid.IntRange(1, 4).Draw(t, "n") {
					ticket, err := g.core.Arrive(g.now, batching.Request{
						Key:      rapid.SampledFrom(keys).Draw(t, "key"),
						App:      rapid.SampledFrom([]string{"a", "b"}).Draw(t, "app"),
						Priority: rapid.SampledFrom([]batching.Priority{-1, 0, 1}).Draw(t, "priority"),
						Merge:    rapid.SampledFrom([]string{"", "", "word"}).Draw(t, "merge"),
					})
					if err != nil {
						t.Fatal(err)
					}
					g.waits[ticket] = true
				}
				g.step()
			},
			"end": func(t *rapid.T) {
				if ticket := pick(t, g.members); ticket != nil {
					g.end(ticket, rapid.SampledFrom([]batching.Outcome{batching.Served, batching.Canceled}).Draw(t, "outcome"))
				}
				g.step()
			},
			"configure": func(t *rapid.T) {
				draw(t)
				g.core.Configure(g.set)
				g.step()
			},
			"limit": func(t *rapid.T) {
				k := rapid.SampledFrom(keys).Draw(t, "key")
				g.own[k] = batching.Limits{Mode: rapid.SampledFrom([]batching.Mode{batching.Fixed, batching.Fixed, batching.Static}).Draw(t, "mode"),
					Size: rapid.IntRange(1, 5).Draw(t, "size"), Parallel: rapid.IntRange(1, 2).Draw(t, "parallel")}
				g.core.SetLimits(k, g.own[k])
				g.step()
			},
			"hold": func(t *rapid.T) {
				g.holds = drawHolds(t)
				g.core.Hold(g.now, g.holds)
				g.step()
			},
			"look": func(*rapid.T) {
				for _, st := range g.core.Snapshot(g.now) {
					for _, w := range st.Waiting {
						if w.Why == "" || w.Position < 1 {
							t.Fatalf("%+v", w)
						}
					}
				}
			},
			"wait": func(t *rapid.T) {
				g.now = g.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
				g.step()
			},
		})
		g.holds = nil
		g.core.Hold(g.now, nil)
		for rounds := 0; len(g.waits)+len(g.taken) > 0; rounds++ {
			if rounds > 1000 {
				t.Fatalf("%d wait for ever", len(g.waits))
			}
			for ticket := range g.members {
				g.end(ticket, batching.Served)
			}
			g.now = g.now.Add(time.Second)
			g.step()
		}
	})
}

// TestNoAppOfAGroupWaitsBeyondTheGuard floods every key of two engines that share
// a GPU, of which one holds one model at a time, with limits that differ. Each app
// still has its turn within the guard or its model's wait and stay, and a service
// for each one that is overdue with it or urgent between.
func TestNoAppOfAGroupWaitsBeyondTheGuard(t *testing.T) {
	keys := []batching.Key{key, other, studio, studioToo}
	rapid.Check(t, func(t *rapid.T) {
		set := shared(2)
		set.Guard = time.Duration(rapid.IntRange(10, 40).Draw(t, "guard")) * time.Second
		set.MaxWaiting = 100_000
		c := batching.NewCore(set, batching.Options{})
		c.SetEngine(start, key.Engine, batching.EngineState{Loaded: []string{}})
		c.SetEngine(start, studio.Engine, batching.EngineState{Loaded: []string{studio.Model, studioToo.Model}})
		var class [4]batching.Priority
		for i, k := range keys {
			limit(c, k, rapid.IntRange(1, 4).Draw(t, "places"))
			class[i] = rapid.SampledFrom([]batching.Priority{-1, 0, 1}).Draw(t, "class")
		}
		const service, load = 4 * time.Second, 2 * time.Second
		now := start
		var running []*batching.Ticket
		ends, since := map[*batching.Ticket]time.Time{}, map[string]time.Time{}
		waiting := map[string]int{}
		// Another model's turn takes its wait and a stay, of twice 4 loads as one is only
		// measured once it has been loaded; then each of four apps and as many urgent
		// ones between may have a service and a load first.
		bound := max(set.Guard, 30*time.Second) + 24*time.Second + 8*(service+load)
		for range 400 {
			for i, k := range keys {
				app := fmt.Sprint("app", i)
				for ; waiting[app] < 5; waiting[app]++ {
					if waiting[app] == 0 {
						since[app] = now
					}
					if _, err := c.Arrive(now, batching.Request{Key: k, App: app, Priority: class[i], PromptTokens: 10 * i}); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, r := range c.Step(now).Released {
				waiting[r.Request.App]--
				since[r.Request.App] = now
				running = append(running, r)
				ends[r] = now.Add(time.Duration(rapid.IntRange(1, int(service/time.Second)).Draw(t, "service")) * time.Second)
			}
			for app, at := range since {
				if waited := now.Sub(at); waited > bound {
					t.Fatalf("%s has waited %v for a turn, the bound is %v", app, waited, bound)
				}
			}
			now = now.Add(time.Second)
			running = slices.DeleteFunc(running, func(r *batching.Ticket) bool {
				c.FirstToken(now, r)
				over := !now.Before(ends[r])
				if over {
					c.End(now, r, batching.Served, batching.Untold())
				}
				return over
			})
		}
	})
}
