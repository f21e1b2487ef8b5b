package adaptive_test

import (
	"testing"
	"time"

	"carpool/batching/adaptive"
)

// grower is an engine of 4000 MiB that takes .25 MiB for each token, on a card of 8000.
type grower struct {
	*adaptive.Governor
	now   time.Time
	keeps bool    // it gives nothing back
	most  float64 // tokens it ever held
	id    uint64
}

// serve has it answer requests of one, two and three thousand tokens, one by one,
// with a reading of the memory while each runs and after it.
func (c *grower) serve(n int, others float64) {
	for i := range n {
		c.id++
		prompt := 1000 * (1 + i%3)
		c.Released(c.now, c.id, adaptive.Work{Prompt: prompt, Streams: true})
		c.Tokens(c.now.Add(100*time.Millisecond), c.id, 1)
		c.read(float64(prompt+1), others)
		c.Ended(c.now, c.id, adaptive.End{Outcome: adaptive.Served, Prompt: prompt, Output: 1})
		c.read(0, others)
	}
}

func (c *grower) read(tokens, others float64) {
	c.now = c.now.Add(time.Second)
	c.most = max(c.most, tokens)
	if c.keeps {
		tokens = c.most
	}
	c.Memory(c.now, adaptive.Memory{Used: 4000 + others + .25*tokens, Total: 8000, Utilization: -1, Others: -1})
}

func TestLargest(t *testing.T) {
	engine := func(f adaptive.Facts) *grower {
		g := adaptive.New(start, adaptive.Config{Reserve: 500})
		g.Tell(start, f)
		return &grower{Governor: g, now: start}
	}
	largest := func(c *grower) int { return c.Tick(c.now, 0, 0).Largest }
	near := func(got, want int) bool { return got > want-60 && got < want+60 }

	t.Run("IsWhatTheCardHasFreeWithNothingBesideIt", func(t *testing.T) {
		c := engine(adaptive.Facts{})
		c.serve(30, 0)
		if got := largest(c); !near(got, 14_000) {
			t.Errorf("%d, want (8000 - 500 - 4000) / .25", got)
		}
		c.id++ // what runs takes nothing away from it
		c.Released(c.now, c.id, adaptive.Work{Prompt: 8000, Streams: true})
		c.Tokens(c.now, c.id, 1)
		c.read(8001, 0)
		if got := largest(c); !near(got, 14_000) {
			t.Errorf("%d beside one of 8000", got)
		}
	})
	t.Run("FollowsOtherPrograms", func(t *testing.T) {
		c := engine(adaptive.Facts{})
		c.serve(30, 0)
		c.serve(5, 2000)
		if got := largest(c); !near(got, 6000) {
			t.Errorf("%d, want (8000 - 500 - 6000) / .25", got)
		}
		c.serve(5, 0)
		if got := largest(c); !near(got, 14_000) {
			t.Errorf("%d when the other program has ended", got)
		}
	})
	t.Run("IsUnknownBeforeItIsMeasured", func(t *testing.T) {
		c := engine(adaptive.Facts{MiBPerToken: .25})
		c.serve(2, 0)
		if got := largest(c); got != 0 {
			t.Errorf("%d after two requests", got)
		}
	})
	t.Run("IsUnknownWhereTheEngineKeepsWhatItTook", func(t *testing.T) {
		c := engine(adaptive.Facts{})
		c.keeps = true
		c.Released(c.now, 1, adaptive.Work{Prompt: 1000, Streams: true})
		for i := range 20 { // all on one line, upwards
			c.Tokens(c.now, 1, 500)
			c.read(1000+500*float64(i+1), 0)
			if got := largest(c); got != 0 {
				t.Fatalf("%d, and nothing was given back yet", got)
			}
		}
		c.Ended(c.now, 1, adaptive.End{Prompt: 1000, Output: 10_000})
		for range 20 {
			c.id++
			c.serve(1, 0)
			if got := largest(c); got != 0 {
				t.Fatalf("%d", got)
			}
		}
	})
	t.Run("IsUnknownOnceTheReadingsAreOld", func(t *testing.T) {
		c := engine(adaptive.Facts{})
		c.serve(30, 0)
		c.now = c.now.Add(time.Minute)
		if got := largest(c); got != 0 {
			t.Errorf("%d", got)
		}
	})
	for name, f := range map[string]adaptive.Facts{"ReservedFromTheStart": {Preallocated: true}, "OfAToldSize": {KVTokens: 5000}} {
		t.Run("IsTheEnginesToSayOfACache"+name, func(t *testing.T) {
			c := engine(f)
			c.serve(30, 0)
			if got := largest(c); got != 0 {
				t.Errorf("%d", got)
			}
		})
	}
}
