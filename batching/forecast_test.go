package batching_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/batching"
)

func TestForecast(t *testing.T) {
	t.Run("ListsThoseThatWaitInTheOrderInWhichTheyLeave", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			set := fixed(1)
			set.ShortestFirst = rapid.Bool().Draw(t, "shortest")
			set.Order = rapid.SampledFrom([]batching.Order{batching.Fair, batching.Arrival}).Draw(t, "order")
			c := batching.NewCore(set, batching.Options{})
			running, _ := c.Arrive(at(0), batching.Request{Key: key, App: "x", ID: "x"})
			c.Step(at(0))
			n := rapid.IntRange(1, 30).Draw(t, "n")
			for i := range n {
				if _, err := c.Arrive(at(0), batching.Request{Key: key, ID: fmt.Sprint(i),
					App:          rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "app"),
					Priority:     rapid.SampledFrom([]batching.Priority{-1, 0, 1}).Draw(t, "priority"),
					PromptTokens: rapid.IntRange(0, 1000).Draw(t, "prompt"),
					MaxTokens:    rapid.IntRange(1, 400).Draw(t, "max")}); err != nil {
					t.Fatal(err)
				}
			}
			listed := c.Snapshot(at(0))[0].Waiting
			for i, w := range listed {
				if w.Position != i+1 {
					t.Fatalf("position %d of %d", w.Position, i)
				}
				c.End(at(0), running, batching.Overload, batching.Untold())
				running = c.Step(at(0)).Released[0]
				if running.Request.ID != w.ID {
					t.Fatalf("%s left where %s was expected", running.Request.ID, w.ID)
				}
				running.Generated(running.Request.MaxTokens) // as long as was to be expected
			}
			if len(listed) != n {
				t.Fatalf("listed %d of %d", len(listed), n)
			}
		})
	})
	t.Run("ChangesNothing", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		arrive(t, c, at(0), 3, batching.Request{Key: other, App: "b", PromptTokens: 5})
		arrive(t, c, at(0), 3, batching.Request{Key: key, App: "a", PromptTokens: 5})
		first := fmt.Sprint(c.Snapshot(at(10)))
		for i := range 20 {
			c.Snapshot(at(1000 * i))
		}
		if again := fmt.Sprint(c.Snapshot(at(10))); again != first {
			t.Fatalf("%s\n%s", first, again)
		}
		c.End(at(11), running, batching.Served, batching.Untold())
	})
	t.Run("GuessesHowLongStill", func(t *testing.T) {
		c := batching.NewCore(fixed(2), batching.Options{})
		first := from(t, c, "a", 2, batching.Request{})
		c.Step(at(0))
		for _, r := range first {
			c.End(at(10_000), r, batching.Served, batching.Untold())
		}
		from(t, c, "a", 6, batching.Request{})
		c.Step(at(10_000))
		for i, w := range c.Snapshot(at(10_000))[0].Waiting {
			if want := time.Duration(i+1) * 5 * time.Second; w.Expected != want {
				t.Errorf("position %d: expected %v, want %v", w.Position, w.Expected, want)
			}
		}
	})
	t.Run("CountsLoadsAndOtherModelsIn", func(t *testing.T) {
		c, running := pair(t, fixed(1), 1000)
		c.End(at(1100), running, batching.Served, batching.Untold()) // a second each
		r := arrive(t, c, at(1100), 1, batching.Request{Key: other, App: "b"})[0]
		c.Step(at(1100))
		c.FirstToken(at(2100), r)
		arrive(t, c, at(2100), 1, batching.Request{Key: key, App: "a"})
		if w := c.Snapshot(at(2100))[1].Waiting[0]; w.Expected < 2*time.Second || w.Expected > 4*time.Second {
			t.Fatalf("expected %v: a load of 1 s and a second of its own", w.Expected)
		}
	})
	t.Run("PutsAllModelsInOneLineWhereOneRunsAtATime", func(t *testing.T) {
		set := mode(batching.Serial)
		set.Order = batching.Arrival
		c := batching.NewCore(set, batching.Options{})
		for i, k := range []batching.Key{key, other, key, other} {
			arrive(t, c, at(i), 1, batching.Request{Key: k, ID: fmt.Sprint(i)})
			c.Step(at(i))
		}
		position := map[string]int{}
		for _, q := range c.Snapshot(at(9)) {
			for _, w := range q.Waiting {
				position[w.ID] = w.Position
			}
		}
		if position["1"] != 1 || position["2"] != 2 || position["3"] != 3 {
			t.Fatalf("%v", position)
		}
	})
}
