package batching_test

import (
	"strings"
	"testing"
	"time"

	"carpool/batching"
)

// pair is a core with one place for each of two models that exclude each other,
// of which the first is loaded, and loads take loadMS.
func pair(t *testing.T, set batching.Settings, loadMS int) (*batching.Core, *batching.Ticket) {
	t.Helper()
	c := batching.NewCore(set, batching.Options{})
	c.SetEngine(at(-100_000), key.Engine, batching.EngineState{Loaded: []string{}})
	r := arrive(t, c, at(-100_000), 1, batching.Request{Key: key, App: "a"})[0]
	c.Step(at(-100_000))
	c.FirstToken(at(-100_000+loadMS), r)
	c.End(at(-99_900+loadMS), r, batching.Served, batching.Untold())
	r = arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})[0]
	c.Step(at(0))
	return c, r
}

// loop keeps one request of key running and one waiting, a second each, until
// something else is released or the time is over, and returns when that was.
func loop(t *testing.T, c *batching.Core, running *batching.Ticket, from, until int) int {
	t.Helper()
	for ms := from; ms < until; ms += 1000 {
		arrive(t, c, at(ms), 1, batching.Request{Key: key, App: "a"})
		c.Step(at(ms))
		if running != nil {
			c.End(at(ms+999), running, batching.Served, batching.Untold())
		}
		running = nil
		for _, r := range c.Step(at(ms + 999)).Released {
			if r.Request.Key != key {
				return ms + 999
			}
			running = r
		}
	}
	return -1
}

func TestResidency(t *testing.T) {
	b := batching.Request{Key: other, App: "b"}
	t.Run("StaysWithTheLoadedModelWhileItHasWork", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		arrive(t, c, at(0), 1, b)
		if got := loop(t, c, running, 0, 60_000); got != 8999 {
			t.Fatalf("switched after %d ms, want 8 loads' time and the last one's second", got)
		}
	})
	t.Run("WaitsNoLongerThanTheSetting", func(t *testing.T) {
		set := fixed(1)
		set.ModelMaxWait = 5 * time.Second
		c, running := pair(t, set, 1000)
		arrive(t, c, at(0), 1, b)
		if got := loop(t, c, running, 0, 60_000); got != 5999 {
			t.Fatalf("switched after %d ms", got)
		}
	})
	t.Run("TellsWhyAndWhen", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		arrive(t, c, at(0), 1, b)
		arrive(t, c, at(0), 2, batching.Request{Key: key, App: "a"})
		e := c.Step(at(500))
		if e.Wake != at(8000) {
			t.Fatalf("wake %v", e.Wake)
		}
		st := c.Snapshot(at(500))
		if w := st[1].Waiting[0]; w.Why != "m is loaded: switches in 8 s at the latest" || w.Position != 3 {
			t.Fatalf("%+v", w)
		}
		if e = c.Step(at(8000)); len(e.Released) != 0 {
			t.Fatal("sent another model beside one that answers")
		}
		st = c.Snapshot(at(8000))
		if w := st[1].Waiting[0]; w.Why != "next: m is finishing" || w.Position != 1 {
			t.Fatalf("%+v", w)
		}
		if w := st[0].Waiting[0]; w.Why != "n is next: it has waited 8 s" || w.Position != 2 {
			t.Fatalf("%+v", w)
		}
		c.End(at(9000), running, batching.Served, batching.Untold())
		e = c.Step(at(9000))
		want := batching.Switch{Engine: key.Engine, From: "m", To: "n", Reason: "it has waited 9 s"}
		if len(e.Released) != 1 || len(e.Switched) != 1 || e.Switched[0] != want {
			t.Fatalf("%+v", e)
		}
		if w := c.Snapshot(at(9000))[0].Waiting[0]; w.Why != "n is being loaded" {
			t.Fatalf("%+v", w)
		}
	})
	t.Run("SwitchesAtOnceWhenTheLoadedModelHasNothingToDo", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		arrive(t, c, at(0), 1, b)
		if e := c.Step(at(100)); len(e.Released) != 0 {
			t.Fatal("sent another model beside one that answers")
		}
		c.End(at(200), running, batching.Served, batching.Untold())
		e := c.Step(at(200))
		if len(e.Released) != 1 || len(e.Switched) != 1 || e.Switched[0].Reason != "m had nothing to do" {
			t.Fatalf("%+v", e)
		}
	})
	t.Run("CountsAModelsStayFromItsFirstToken", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		c.End(at(0), running, batching.Served, batching.Untold())
		first := arrive(t, c, at(0), 1, b)[0]
		c.Step(at(0)) // n is being loaded
		arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})
		arrive(t, c, at(0), 9, b)
		if e := c.Step(at(11_000)); !e.Wake.IsZero() && e.Wake.Before(at(60_000)) {
			t.Fatalf("wake %v while nothing was heard of the model", e.Wake)
		}
		c.FirstToken(at(11_000), first)
		if e := c.Step(at(11_000)); e.Wake != at(11_000+44_000) {
			t.Fatalf("wake %v, want 4 loads after the first token", e.Wake)
		}
	})
	t.Run("DoesNotGiveAModelUpWhileItIsBeingLoaded", func(t *testing.T) {
		c, running := pair(t, fixed(2), 1000)
		c.End(at(0), running, batching.Served, batching.Untold())
		arrive(t, c, at(0), 1, b)
		c.Step(at(0))
		arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})
		c.Step(at(1))
		arrive(t, c, at(9000), 1, b)
		if e := c.Step(at(9000)); len(e.Released) != 1 || e.Released[0].Request.Key != other {
			t.Fatalf("released %v: the model loads for nothing", e.Released)
		}
		if why := c.Snapshot(at(9000))[1].Waiting[0].Why; why != "n is being loaded" {
			t.Fatal(why)
		}
	})
	t.Run("CountsAnEndWhereNoFirstTokenComes", func(t *testing.T) {
		c, running := pair(t, fixed(2), 1000)
		c.End(at(0), running, batching.Served, batching.Untold())
		embeddings := arrive(t, c, at(0), 2, b)
		c.Step(at(0))
		arrive(t, c, at(0), 1, batching.Request{Key: key, App: "a"})
		c.End(at(1000), embeddings[0], batching.Served, batching.Untold())
		if e := c.Step(at(1000)); e.Wake != at(8000) {
			t.Fatalf("wake %v", e.Wake)
		}
	})
	t.Run("TakesTheEnginesWordOnLoads", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		c.End(at(0), running, batching.Served, batching.Untold())
		first := arrive(t, c, at(0), 1, b)[0]
		c.Step(at(0))
		c.FirstToken(at(9000), first)
		told := batching.Untold()
		told.Load = 3 * time.Second
		c.End(at(9500), first, batching.Served, told)
		if got := c.LoadTime(other); got != 3 {
			t.Fatalf("load time %v s", got)
		}
	})
	t.Run("TakesALoadAsLongAsOthersUntilItIsMeasured", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		if got := c.LoadTime(other); got != 6 {
			t.Fatalf("%v s where nothing is known", got)
		}
		c, _ = pair(t, fixed(1), 1000)
		if got := c.LoadTime(other); got != 1 {
			t.Fatalf("%v s where one model took 1 s", got)
		}
	})
	t.Run("LetsUrgentRequestsWaitShorterForTheirModel", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		urgent := b
		urgent.Priority = batching.Urgent
		arrive(t, c, at(0), 1, urgent)
		if got := loop(t, c, running, 0, 60_000); got != 4999 {
			t.Fatalf("switched after %d ms, want 8 − 4 loads' time and the last one's second", got)
		}
	})
	t.Run("RunsModelsTogetherThatWereSeenTogether", func(t *testing.T) {
		c, _ := pair(t, fixed(1), 1000)
		arrive(t, c, at(0), 1, b)
		c.SetEngine(at(0), key.Engine, batching.EngineState{Loaded: []string{"m", "n"}})
		if e := c.Step(at(0)); len(e.Released) != 1 {
			t.Fatal("held a model that is loaded beside the other")
		}
	})
	t.Run("BelievesTheEngineAboutWhatIsLoaded", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		c.End(at(0), running, batching.Served, batching.Untold())
		c.Step(at(0))
		c.SetEngine(at(0), key.Engine, batching.EngineState{Loaded: []string{"n"}})
		if e := c.Step(at(0)); len(e.Switched) != 0 {
			t.Fatalf("%+v", e)
		}
		arrive(t, c, at(1), 1, batching.Request{Key: key, App: "a"})
		arrive(t, c, at(1), 1, b)
		if e := c.Step(at(1)); len(e.Released) != 1 || e.Released[0].Request.Key != other {
			t.Fatalf("released %v: the loaded model has work", e.Released)
		}
		if e := c.Step(at(2)); e.Wake != at(8001) {
			t.Fatalf("wake %v", e.Wake)
		}
	})
	t.Run("DoesNotBelieveWhatTheEngineSaidBeforeTheLastLoad", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		said := batching.EngineState{Loaded: []string{"m"}, At: at(50)}
		c.SetEngine(at(50), key.Engine, said)
		c.End(at(100), running, batching.Served, batching.Untold())
		running = arrive(t, c, at(100), 1, b)[0] // drives m out
		c.Step(at(100))
		c.End(at(1500), running, batching.Served, batching.Untold())
		c.Step(at(1500))
		c.SetEngine(at(1600), key.Engine, said)
		arrive(t, c, at(2000), 1, batching.Request{Key: key, App: "a"})
		arrive(t, c, at(2001), 1, b)
		if e := c.Step(at(2001)); len(e.Released) != 1 || e.Released[0].Request.Key != other {
			t.Fatalf("released %v: the loaded model has work", e.Released)
		}
	})
	t.Run("MakesNoRoomForAModelThatTheEngineDoesNotHave", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		wrong := b
		wrong.Unlisted = true
		arrive(t, c, at(0), 1, wrong)
		e := c.Step(at(0))
		if len(e.Released) != 1 || len(e.Switched) != 0 {
			t.Fatalf("%+v", e)
		}
		c.End(at(1), e.Released[0], batching.Served, batching.Untold())
		c.End(at(1000), running, batching.Served, batching.Untold())
		arrive(t, c, at(1001), 1, batching.Request{Key: key, App: "a"})
		if e := c.Step(at(1001)); len(e.Released) != 1 || len(e.Switched) != 0 {
			t.Fatalf("took the loaded model for gone: %+v", e)
		}
	})
	t.Run("DoesNotBelieveThatAModelIsGoneWhichAnswers", func(t *testing.T) {
		c, running := pair(t, fixed(2), 1000)
		c.SetEngine(at(0), key.Engine, batching.EngineState{Loaded: []string{"n"}})
		arrive(t, c, at(0), 1, b)
		if e := c.Step(at(0)); len(e.Released) != 0 {
			t.Fatal("sent another model beside one that answers")
		}
		arrive(t, c, at(1), 1, batching.Request{Key: key, App: "a"})
		if e := c.Step(at(1)); len(e.Released) != 1 {
			t.Fatal("the loaded model has a free place")
		}
		c.End(at(2), running, batching.Served, batching.Untold())
	})
	t.Run("GivesAnOverdueAppItsModel", func(t *testing.T) {
		set := fixed(1)
		set.Guard, set.ModelMaxWait = 5*time.Second, time.Hour
		c, running := pair(t, set, 1000)
		arrive(t, c, at(0), 1, b)
		if e := c.Step(at(0)); e.Wake != at(5000) {
			t.Fatalf("wake %v", e.Wake)
		}
		if got := loop(t, c, running, 0, 60_000); got != 5999 {
			t.Fatalf("switched after %d ms", got)
		}
	})
	t.Run("LetsTheGuardWaitFourLoadsWhereTheyAreLong", func(t *testing.T) {
		set := fixed(1)
		set.ModelMaxWait = time.Hour
		c, running := pair(t, set, 20_000)
		arrive(t, c, at(0), 1, b)
		if got := loop(t, c, running, 0, 200_000); got < 79_000 || got > 81_000 {
			t.Fatalf("switched after %d ms, want 4 loads' time", got)
		}
	})
	t.Run("GoesForTheOldestWaiterOfSeveralModels", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		third := b
		third.Key.Model = "o"
		arrive(t, c, at(10), 1, third)
		arrive(t, c, at(20), 1, b)
		c.Step(at(20))
		c.End(at(30), running, batching.Served, batching.Untold())
		if e := c.Step(at(30)); len(e.Released) != 1 || e.Released[0].Request.Model != "o" {
			t.Fatalf("released %v", e.Released)
		}
	})
	t.Run("IsNoRuleInOrderOfArrival", func(t *testing.T) {
		set := fixed(1)
		set.Order = batching.Arrival
		c, _ := pair(t, set, 1000)
		arrive(t, c, at(0), 1, b)
		if e := c.Step(at(0)); len(e.Released) != 1 || len(e.Switched) != 0 {
			t.Fatalf("%+v", e)
		}
	})
	t.Run("HoldsInSerialModeToo", func(t *testing.T) {
		c, running := pair(t, mode(batching.Serial), 1000)
		arrive(t, c, at(0), 1, b)
		arrive(t, c, at(1), 2, batching.Request{Key: key, App: "a", ID: "a"})
		c.End(at(2), running, batching.Served, batching.Untold())
		e := c.Step(at(2))
		if len(e.Released) != 1 || e.Released[0].Request.Key != key {
			t.Fatalf("released %v", e.Released)
		}
		c.End(at(9000), e.Released[0], batching.Served, batching.Untold())
		if e := c.Step(at(9000)); len(e.Released) != 1 || e.Released[0].Request.Key != other {
			t.Fatalf("released %v", e.Released)
		}
	})
	t.Run("ForgetsModelsOfLongAgo", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		for i := range 500 {
			k := batching.Key{Engine: "ollama", Model: strings.Repeat("x", i)}
			r := arrive(t, c, at(i), 1, batching.Request{Key: k})[0]
			c.Step(at(i))
			c.End(at(i), r, batching.Served, batching.Untold())
			c.Step(at(i))
		}
		if n := c.Models("ollama"); n > 100 {
			t.Fatalf("%d models are kept", n)
		}
	})
}

func TestPinnedModel(t *testing.T) {
	set := fixed(1)
	set.Pinned = map[string]bool{key.Model: true}
	b := batching.Request{Key: other, App: "b"}
	t.Run("IsNotGivenUpWhileItHasWork", func(t *testing.T) {
		c, running := pair(t, set, 1000)
		arrive(t, c, at(0), 1, b)
		c.Step(at(0))
		if why := c.Snapshot(at(0))[1].Waiting[0].Why; why != "m is pinned and has work" {
			t.Fatal(why)
		}
		if got := loop(t, c, running, 0, 300_000); got != -1 {
			t.Fatalf("gave it up after %d ms", got)
		}
	})
	t.Run("LetsAnotherTryWhenItHasNone", func(t *testing.T) {
		c, running := pair(t, set, 1000)
		arrive(t, c, at(0), 1, b)
		c.End(at(10), running, batching.Served, batching.Untold())
		if e := c.Step(at(10)); len(e.Released) != 1 {
			t.Fatal("held a lone request although the engine may have room")
		}
	})
	t.Run("KeepsOthersOutOnceTheEngineShowedNoRoom", func(t *testing.T) {
		c, running := pair(t, set, 1000)
		c.SetEngine(at(1), key.Engine, batching.EngineState{Loaded: []string{"m"}})
		arrive(t, c, at(1), 1, b)
		c.End(at(10), running, batching.Served, batching.Untold())
		tried := c.Step(at(10)).Released[0]
		c.SetEngine(at(2000), key.Engine, batching.EngineState{Loaded: []string{"n"}}) // m was driven out
		c.End(at(3000), tried, batching.Served, batching.Untold())
		running = arrive(t, c, at(3000), 1, batching.Request{Key: key, App: "a"})[0]
		c.Step(at(3000))
		c.End(at(4000), running, batching.Served, batching.Untold())
		c.Step(at(4000))
		c.SetEngine(at(4000), key.Engine, batching.EngineState{Loaded: []string{"m"}})
		arrive(t, c, at(4000), 1, b)
		if e := c.Step(at(4000)); len(e.Released) != 0 {
			t.Fatal("drove out a pinned model")
		}
		if why := c.Snapshot(at(4000))[0].Waiting[0].Why; why != "m is pinned and leaves no room" {
			t.Fatal(why)
		}
		c.SetEngine(at(5000), key.Engine, batching.EngineState{Loaded: []string{}})
		if e := c.Step(at(5000)); len(e.Released) != 1 {
			t.Fatal("held a request although the pinned model is not loaded any more")
		}
	})
	t.Run("MayGiveWayToAnotherPinnedOne", func(t *testing.T) {
		both := fixed(1)
		both.Pinned = map[string]bool{key.Model: true, other.Model: true}
		c, running := pair(t, both, 1000)
		arrive(t, c, at(0), 1, b)
		if got := loop(t, c, running, 0, 60_000); got != 8999 {
			t.Fatalf("switched after %d ms", got)
		}
	})
}
