package batching_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"carpool/batching"
)

// served lets everything that waits run one by one, each generating n tokens, and
// returns the ids in their order.
func served(t *testing.T, c *batching.Core, now time.Time, n int) string {
	t.Helper()
	var order []string
	for {
		e := c.Step(now)
		if len(e.Released) == 0 {
			return strings.Join(order, " ")
		}
		for _, r := range e.Released {
			order = append(order, r.Request.ID)
			now = now.Add(100 * time.Millisecond)
			c.FirstToken(now, r)
			r.Generated(n)
			c.End(now, r, batching.Served, batching.Untold())
		}
	}
}

// from queues n requests of an app, named after it.
func from(t *testing.T, c *batching.Core, app string, n int, r batching.Request) []*batching.Ticket {
	t.Helper()
	var all []*batching.Ticket
	if r.Key == (batching.Key{}) {
		r.Key = key
	}
	for i := range n {
		r.App, r.ID = app, fmt.Sprint(app, i+1)
		all = append(all, arrive(t, c, at(0), 1, r)...)
	}
	return all
}

func TestFairOrder(t *testing.T) {
	t.Run("ServesOneAppByArrival", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		from(t, c, "a", 5, batching.Request{PromptTokens: 9})
		if got := served(t, c, at(0), 7); got != "a1 a2 a3 a4 a5" {
			t.Fatal(got)
		}
	})
	t.Run("LetsALightAppPassAFlood", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		from(t, c, "flood", 5, batching.Request{PromptTokens: 100})
		from(t, c, "light", 2, batching.Request{PromptTokens: 10})
		c.Step(at(0))
		st := c.Snapshot(at(0))[0].Waiting
		if st[0].ID != "light1" || st[0].Why != "next: 1 place is taken" || st[1].ID != "flood2" || st[1].Why != "its app has had more" {
			t.Fatalf("%+v", st)
		}
	})
	t.Run("ChargesTwoUnitsForEachGeneratedToken", func(t *testing.T) {
		c := batching.NewCore(fixed(2), batching.Options{})
		all := from(t, c, "a", 1, batching.Request{PromptTokens: 100})
		from(t, c, "b", 1, batching.Request{})
		c.Step(at(0))
		all[0].Generated(10)
		from(t, c, "b", 1, batching.Request{})
		c.Step(at(1))
		if got := c.Share("a"); got != 120 {
			t.Fatalf("share %v while it runs", got)
		}
		c.End(at(2), all[0], batching.Served, batching.Report{PromptTokens: 150, CachedTokens: 50, OutputTokens: 11})
		if got := c.Share("a"); got != 122 {
			t.Fatalf("share %v by what the engine told", got)
		}
	})
	t.Run("GivesShareByWeight", func(t *testing.T) {
		set := fixed(1)
		set.Weights = map[string]float64{"heavy": 2}
		c := batching.NewCore(set, batching.Options{})
		from(t, c, "heavy", 6, batching.Request{PromptTokens: 100})
		from(t, c, "plain", 3, batching.Request{PromptTokens: 100})
		if got := served(t, c, at(0), 0); got != "heavy1 plain1 heavy2 heavy3 plain2 heavy4 heavy5 plain3 heavy6" {
			t.Fatal(got)
		}
	})
	t.Run("LiftsAnAppThatWasAway", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		from(t, c, "a", 3, batching.Request{PromptTokens: 1000})
		served(t, c, at(0), 0)
		from(t, c, "b", 1, batching.Request{PromptTokens: 10})
		if got := c.Share("b"); got != 3000 {
			t.Fatalf("share %v, want that of the last one active", got)
		}
		from(t, c, "a", 2, batching.Request{PromptTokens: 10})
		if got := served(t, c, at(0), 0); got != "b1 a1 a2" {
			t.Fatal(got)
		}
		if got := c.Share("a"); got != 3020 {
			t.Fatalf("share %v of the one that came back", got)
		}
	})
	t.Run("ChargesUrgentWorkLikeAnyOther", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		from(t, c, "a", 1, batching.Request{PromptTokens: 500, Priority: batching.Urgent})
		from(t, c, "a", 1, batching.Request{PromptTokens: 5})
		from(t, c, "b", 1, batching.Request{PromptTokens: 5})
		if got := served(t, c, at(0), 0); got != "a1 b1 a1" {
			t.Fatal(got)
		}
	})
	t.Run("LearnsHowFarPromptEstimatesAreOff", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		for range 40 {
			r := from(t, c, "a", 1, batching.Request{PromptTokens: 100})[0]
			c.Step(at(0))
			c.End(at(1), r, batching.Served, batching.Report{PromptTokens: 200, CachedTokens: 0, OutputTokens: 0})
		}
		before := c.Share("a")
		from(t, c, "a", 1, batching.Request{PromptTokens: 100})
		c.Step(at(2))
		if got := c.Share("a") - before; got < 195 || got > 200 {
			t.Fatalf("charged %v for an estimate of 100 that stands for 200", got)
		}
	})
	t.Run("TakesTheShortestOfAnAppFirstIfAsked", func(t *testing.T) {
		set := fixed(1)
		set.ShortestFirst = true
		c := batching.NewCore(set, batching.Options{})
		for _, n := range []int{300, 20, 500, 40} {
			arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a", ID: fmt.Sprint(n), MaxTokens: n})
		}
		if st := c.Snapshot(at(0))[0].Waiting; st[0].ID != "20" || st[3].ID != "500" || st[2].Why != "a shorter one of its app goes first" {
			t.Fatalf("%+v", st)
		}
		if got := served(t, c, at(0), 0); got != "20 40 300 500" {
			t.Fatal(got)
		}
		for _, n := range []int{300, 20} {
			arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a", ID: fmt.Sprint(n), MaxTokens: n})
		}
		if got := served(t, c, at(60_001), 0); got != "300 20" {
			t.Fatalf("%s: a request over a minute old was passed", got)
		}
	})
	t.Run("ForgetsAppsThatWereLongIdle", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		for i := range 1000 {
			from(t, c, fmt.Sprint("app", i), 1, batching.Request{PromptTokens: 5})
			served(t, c, at(i), 1)
		}
		if n := c.Accounts(); n > 300 {
			t.Fatalf("%d accounts are kept", n)
		}
	})
}

func TestReservedUrgentPlaces(t *testing.T) {
	set := fixed(2)
	set.ReservedUrgent = 1
	c := batching.NewCore(set, batching.Options{})
	from(t, c, "a", 3, batching.Request{})
	if e := c.Step(at(0)); len(e.Released) != 1 {
		t.Fatalf("released %d with one of two places reserved", len(e.Released))
	}
	if why := c.Snapshot(at(0))[0].Waiting[0].Why; why != "next: the free place is kept for urgent requests" {
		t.Fatal(why)
	}
	from(t, c, "u", 2, batching.Request{Priority: batching.Urgent})
	if e := c.Step(at(1)); len(e.Released) != 1 || e.Released[0].Request.ID != "u1" {
		t.Fatalf("released %v", e.Released)
	}
	set.ReservedUrgent = 64
	c = batching.NewCore(set, batching.Options{})
	from(t, c, "a", 1, batching.Request{})
	if e := c.Step(at(2)); len(e.Released) != 1 {
		t.Fatal("the reserve left normal requests no place at all")
	}
}

func TestPrefixStillInTheEngine(t *testing.T) {
	shared := batching.Request{PromptTokens: 100, Prefix: 7, PrefixTokens: 80}
	begin := func(credit float64) *batching.Core {
		set := fixed(1)
		set.PrefixCredit = credit
		c := batching.NewCore(set, batching.Options{})
		from(t, c, "a", 3, shared)
		from(t, c, "b", 3, batching.Request{PromptTokens: 100, Prefix: 8})
		return c
	}
	t.Run("GoesFirstWithinTheCredit", func(t *testing.T) {
		c := begin(150)
		if got := served(t, c, at(0), 0); got != "a1 a2 a3 b1 b2 b3" {
			t.Fatal(got)
		}
		if got := c.Share("a"); got != 100+20+20 {
			t.Fatalf("share %v, want what the engine had to read", got)
		}
	})
	t.Run("WaitsBeyondTheCredit", func(t *testing.T) {
		if got := served(t, begin(110), at(0), 0); got != "a1 a2 b1 b2 b3 a3" {
			t.Fatal(got)
		}
	})
	t.Run("IsNoReasonWithoutCredit", func(t *testing.T) {
		if got := served(t, begin(0), at(0), 0); got != "a1 b1 a2 b2 a3 b3" {
			t.Fatal(got)
		}
	})
	t.Run("IsGoneOnceTheModelWasLoadedAnew", func(t *testing.T) {
		c := begin(1000)
		first := c.Step(at(0)).Released[0]
		c.End(at(1), first, batching.Served, batching.Untold())
		c.SetEngine(at(1), key.Engine, batching.EngineState{Loaded: []string{}})
		if got := served(t, c, at(1), 0); !strings.HasPrefix(got, "b1") {
			t.Fatalf("%s: took a prefix for cached that went with its model", got)
		}
	})
}

func TestGuard(t *testing.T) {
	flood := func(set batching.Settings) *batching.Core {
		c := batching.NewCore(set, batching.Options{})
		from(t, c, "flood", 100, batching.Request{})
		from(t, c, "quiet", 2, batching.Request{Priority: batching.Background})
		return c
	}
	turns := func(c *batching.Core, n int) (order []string) {
		for i := range n {
			now := at(10_000 * i)
			for _, r := range c.Step(now).Released {
				order = append(order, fmt.Sprint(i, r.Request.App))
				c.End(now.Add(time.Second), r, batching.Served, batching.Untold())
			}
		}
		return order
	}
	t.Run("GivesAnAppItsTurnAfterAMinute", func(t *testing.T) {
		got := strings.Join(turns(flood(fixed(1)), 14), " ")
		if !strings.Contains(got, "5flood 6quiet 7flood") || !strings.Contains(got, "11flood 12quiet") || strings.Count(got, "quiet") != 2 {
			t.Fatal(got)
		}
	})
	t.Run("IsTheAppsAndNotTheRequests", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		from(t, c, "flood", 100, batching.Request{PromptTokens: 1000})
		turns(c, 20) // all that wait are old now
		arrive(t, c, at(200_000), 1, batching.Request{Key: key, App: "light", PromptTokens: 1})
		next := c.Step(at(200_000)).Released[0] // as both have had the same by now
		c.End(at(210_000), next, batching.Served, batching.Untold())
		if got := c.Step(at(210_000)).Released[0].Request.App; got != "light" {
			t.Fatalf("%s went: old requests aged past another app", got)
		}
	})
	t.Run("LeavesEverySecondTurnToUrgentRequests", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		for i := range 5 {
			from(t, c, fmt.Sprint("slow", i), 1, batching.Request{})
		}
		first := c.Step(at(0)).Released[0]
		c.End(at(90_000), first, batching.Served, batching.Untold())
		arrive(t, c, at(90_000), 1, batching.Request{Key: key, App: "chat", Priority: batching.Urgent})
		a := c.Step(at(90_000)).Released[0]
		c.End(at(91_000), a, batching.Served, batching.Untold())
		b := c.Step(at(91_000)).Released[0]
		if a.Request.App == "chat" || b.Request.App != "chat" {
			t.Fatalf("%s, then %s", a.Request.App, b.Request.App)
		}
	})
	t.Run("FollowsItsSetting", func(t *testing.T) {
		set := fixed(1)
		set.Guard = 20 * time.Second
		if got := strings.Join(turns(flood(set), 4), " "); !strings.Contains(got, "1flood 2quiet") {
			t.Fatal(got)
		}
	})
}

func TestSupersede(t *testing.T) {
	c := batching.NewCore(fixed(1), batching.Options{})
	from(t, c, "busy", 1, batching.Request{})
	c.Step(at(0))
	from(t, c, "editor", 1, batching.Request{Supersede: "main.go"})
	from(t, c, "editor", 1, batching.Request{Supersede: "other.go"})
	from(t, c, "other", 1, batching.Request{Supersede: "main.go"})
	from(t, c, "editor", 1, batching.Request{Supersede: "main.go", Key: other})
	if e := c.Step(at(0)); len(e.Superseded) != 0 {
		t.Fatalf("superseded %v", e.Superseded)
	}
	newer := from(t, c, "editor", 1, batching.Request{Supersede: "main.go"})
	e := c.Step(at(1))
	if len(e.Superseded) != 1 || e.Superseded[0].Request.Key != key || e.Superseded[0] == newer[0] || c.Totals().QueueDepth != 4 {
		t.Fatalf("superseded %v, depth %d", e.Superseded, c.Totals().QueueDepth)
	}
	if !c.Leave(newer[0]) || c.Leave(e.Superseded[0]) {
		t.Fatal("the wrong one waits")
	}
	from(t, c, "editor", 1, batching.Request{Supersede: "main.go"})
	if e := c.Step(at(2)); len(e.Superseded) != 0 {
		t.Fatal("superseded one that had left")
	}

	set := fixed(1)
	set.MaxWaiting = 1
	c = batching.NewCore(set, batching.Options{})
	from(t, c, "busy", 1, batching.Request{})
	c.Step(at(0))
	from(t, c, "editor", 2, batching.Request{Supersede: "main.go"}) // the second finds room in a full queue
}

func TestTokenBudget(t *testing.T) {
	limited := func(tokens int) *batching.Core {
		c := batching.NewCore(fixed(8), batching.Options{})
		c.SetLimits(key, batching.Limits{Mode: batching.Fixed, Size: 8, Tokens: tokens})
		return c
	}
	t.Run("ExpectsNoAnswerOfAnEmbedding", func(t *testing.T) {
		c := limited(500)
		from(t, c, "a", 3, batching.Request{PromptTokens: 100, Embedding: true})
		if e := c.Step(at(0)); len(e.Released) != 3 {
			t.Fatalf("released %d of 100 tokens each into 500", len(e.Released))
		}
	})
	t.Run("HoldsWhatWouldNotFitToItsEnd", func(t *testing.T) {
		c := limited(1000)
		all := from(t, c, "a", 3, batching.Request{PromptTokens: 300, MaxTokens: 100})
		from(t, c, "a", 1, batching.Request{PromptTokens: 10, MaxTokens: 10})
		if e := c.Step(at(0)); len(e.Released) != 2 {
			t.Fatalf("released %d of 400 tokens each into 1,000", len(e.Released))
		}
		w := c.Snapshot(at(0))[0].Waiting
		if w[0].Why != "memory: needs 400 tokens, 200 are free" || w[1].Why != "after 1 other" {
			t.Fatalf("%+v", w)
		}
		all[0].Generated(40)
		if e := c.Step(at(1)); len(e.Released) != 0 {
			t.Fatal("tokens that were expected made room by coming")
		}
		c.End(at(2), all[0], batching.Served, batching.Untold())
		if e := c.Step(at(2)); len(e.Released) != 2 {
			t.Fatalf("released %d into the room that is left", len(e.Released))
		}
	})
	t.Run("NeverHoldsALoneRequest", func(t *testing.T) {
		c := limited(100)
		from(t, c, "a", 1, batching.Request{PromptTokens: 5000})
		if e := c.Step(at(0)); len(e.Released) != 1 {
			t.Fatal("a request that fits nowhere waits for ever")
		}
	})
	t.Run("ExpectsWhatAnAppsAnswersWere", func(t *testing.T) {
		c := limited(0)
		for _, n := range []int{10, 20, 30, 40, 50, 60, 70, 80, 90, 100} {
			r := from(t, c, "a", 1, batching.Request{})[0]
			c.Step(at(0))
			c.End(at(1), r, batching.Served, batching.Report{PromptTokens: -1, CachedTokens: -1, OutputTokens: n})
		}
		c.SetLimits(key, batching.Limits{Mode: batching.Fixed, Size: 8, Tokens: 300})
		from(t, c, "a", 5, batching.Request{PromptTokens: 10})
		if e := c.Step(at(2)); len(e.Released) != 3 {
			t.Fatalf("released %d of 100 tokens each into 300", len(e.Released))
		}
		from(t, c, "new", 1, batching.Request{PromptTokens: 10, Priority: batching.Urgent})
		if why := c.Snapshot(at(2))[0].Waiting[0].Why; why != "memory: needs 522 tokens, 0 are free" {
			t.Fatal(why)
		}
	})
	t.Run("KeepsRoomForThoseThatWriteOn", func(t *testing.T) {
		c := limited(500)
		all := from(t, c, "a", 1, batching.Request{MaxTokens: 100})
		c.Step(at(0))
		all[0].Generated(400) // beyond what it was allowed
		from(t, c, "a", 1, batching.Request{PromptTokens: 60, MaxTokens: 20})
		if e := c.Step(at(1)); len(e.Released) != 0 {
			t.Fatal("left no room for what still comes")
		}
	})
}
