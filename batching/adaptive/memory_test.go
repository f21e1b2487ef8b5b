package adaptive_test

import (
	"math"
	"testing"
	"time"

	"carpool/batching/adaptive"
)

// card is a GPU whose memory grows with tokens.
type card struct{ total, base, perToken float64 }

func (c card) reading(tokens float64) adaptive.Memory {
	return adaptive.Memory{Used: min(c.total, c.base+tokens*c.perToken), Total: c.total, Utilization: -1, Others: -1}
}

// live runs one stream after the other on a card and returns the governor, which
// has a request of 1000 prompt tokens with 500 generated in flight.
func live(c card, config adaptive.Config, f adaptive.Facts) *adaptive.Governor {
	g := adaptive.New(start, config)
	g.Tell(start, f)
	now := start
	for id := range uint64(30) {
		g.Released(now, id, adaptive.Work{Prompt: 1000, Streams: true})
		now = now.Add(time.Second)
		g.Tokens(now, id, 1)
		g.Memory(now, c.reading(1001))
		now = now.Add(5 * time.Second)
		g.Tokens(now, id, 499)
		g.Memory(now, c.reading(1500))
		if id < 29 {
			now = now.Add(time.Second)
			g.Ended(now, id, adaptive.End{Prompt: 1000, Output: 500})
			g.Memory(now, c.reading(0))
		}
	}
	return g
}

var later = start.Add(30 * 7 * time.Second)

func TestBudget(t *testing.T) {
	near := func(got, want, tolerance int) bool { return got >= want-tolerance && got <= want+tolerance }

	t.Run("IsTheEnginesCacheWhereItIsTold", func(t *testing.T) {
		g := adaptive.New(start, adaptive.Config{})
		g.Tell(start, adaptive.Facts{KVTokens: 16384, Preallocated: true})
		if d := g.Tick(start, 0, 0); d.Tokens != 15564 {
			t.Errorf("budget %d, want 95 %% of 16384", d.Tokens)
		}
	})

	t.Run("CountsPromptsAsTheEngineDoes", func(t *testing.T) {
		c := card{total: 8000, base: 5000, perToken: .25}
		g := adaptive.New(start, adaptive.Config{})
		now := start
		for id := range uint64(60) { // estimated at half their length
			g.Released(now, id, adaptive.Work{Prompt: 1000, Streams: true})
			now = now.Add(time.Second)
			g.Tokens(now, id, 1)
			g.Memory(now, c.reading(2001))
			now = now.Add(time.Second)
			g.Ended(now, id, adaptive.End{Prompt: 2000, Output: 1})
			g.Memory(now, c.reading(0))
		}
		if s := g.State(); math.Abs(s.MiBPerToken-.25) > .01 {
			t.Errorf("%.3f MiB per token, want .25", s.MiBPerToken)
		}
	})

	t.Run("FollowsTheMeasuredMemoryOfAToken", func(t *testing.T) {
		c := card{total: 8000, base: 5000, perToken: .25}
		g := live(c, adaptive.Config{Reserve: 512}, adaptive.Facts{})
		if s := g.State(); !s.Measured || math.Abs(s.MiBPerToken-.25) > .005 {
			t.Fatalf("%.3f MiB per token, measured %v, want .25", s.MiBPerToken, s.Measured)
		}
		room := 8000. - 512 - 5375
		want := 1500 + int(room/(.25*1.1))
		if d := g.Tick(later, 0, 1); !near(d.Tokens, want, 100) {
			t.Errorf("budget %d, want %d", d.Tokens, want)
		}
	})

	t.Run("TakesTheModelsWordUntilThen", func(t *testing.T) {
		for _, c := range []struct {
			told, want float64
		}{{0, .5}, {.1, .1}} {
			g := adaptive.New(start, adaptive.Config{})
			g.Tell(start, adaptive.Facts{MiBPerToken: c.told})
			g.Memory(start, adaptive.Memory{Used: 1000, Total: 2300, Utilization: -1, Others: -1})
			d := g.Tick(start, 0, 0)
			if s := g.State(); s.MiBPerToken != c.want || s.Measured || !near(d.Tokens, int(1000/c.want), 1) {
				t.Errorf("told %v: %v MiB per token, budget %d", c.told, s.MiBPerToken, d.Tokens)
			}
		}
	})

	t.Run("HasNoBoundWhereTheCacheIsReserved", func(t *testing.T) {
		g := live(card{total: 8000, base: 5000}, adaptive.Config{}, adaptive.Facts{})
		if d := g.Tick(later, 0, 1); d.Tokens != 0 {
			t.Errorf("budget %d where memory never moves", d.Tokens)
		}
		g = adaptive.New(start, adaptive.Config{})
		g.Tell(start, adaptive.Facts{Preallocated: true})
		g.Memory(start, adaptive.Memory{Used: 7900, Total: 8000, Utilization: -1, Others: -1})
		if d := g.Tick(start, 0, 0); d.Tokens != 0 {
			t.Errorf("budget %d where the engine said that its cache is there", d.Tokens)
		}
	})

	t.Run("ShrinksWhenAnotherProgramTakesMemory", func(t *testing.T) {
		c := card{total: 8000, base: 5000, perToken: .25}
		g := live(c, adaptive.Config{}, adaptive.Facts{})
		before := g.Tick(later, 0, 1).Tokens
		c.base += 1200
		g.Memory(later, c.reading(1500))
		after := g.Tick(later, 0, 1).Tokens
		if lost := before - after; !near(lost, 4363, 100) {
			t.Errorf("budget fell by %d tokens for 1200 MiB", lost)
		}
		if s := g.State(); math.Abs(s.MiBPerToken-.25) > .01 {
			t.Errorf("%.3f MiB per token after the jump, want .25", s.MiBPerToken)
		}
	})

	t.Run("LearnsNothingFromAFullCard", func(t *testing.T) {
		g := live(card{total: 5100, base: 5000, perToken: .25}, adaptive.Config{}, adaptive.Facts{})
		if s := g.State(); s.Measured {
			t.Errorf("%.3f MiB per token measured on a card that was full", s.MiBPerToken)
		}
	})

	t.Run("SaysWhatRoomIsLeftBesideWhatRuns", func(t *testing.T) {
		g := adaptive.New(start, adaptive.Config{})
		g.Tell(start, adaptive.Facts{KVTokens: 100_000})
		for id := range uint64(2) {
			g.Released(start, id, adaptive.Work{Prompt: 10_000, Streams: true})
			g.Tokens(start, id, 10_000)
		}
		g.Ended(start, 0, adaptive.End{Prompt: 10_000, Output: 10_000})
		var d adaptive.Decision
		for i := range 10 {
			now := start.Add(time.Duration(i) * 100 * time.Millisecond)
			g.Tokens(now, 1, 500)
			d = g.Tick(now, 5, 1)
		}
		if want := "engine's cache: room for 70,000 tokens"; d.Reason != want {
			t.Errorf("%q, want %q", d.Reason, want)
		}
	})

	t.Run("SaysThatItHoldsBack", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 100)
		e.Tell(e.now, adaptive.Facts{KVTokens: 1000, Preallocated: true})
		e.run(time.Second)
		n := len(e.flight)
		for range 10 { // one fewer than the limit, and others wait
			e.Tokens(e.now, e.flight[0].id, 1)
			e.now = e.now.Add(100 * time.Millisecond)
			e.decision = e.Tick(e.now, 5, n-1)
		}
		if got := e.decision.Reason; len(got) < 20 || got[:20] != "engine's cache: room" {
			t.Errorf("reason %q", got)
		}
		if c := e.State().Cap; c != adaptive.ByMemory {
			t.Errorf("cap %q", c)
		}
	})
}

func TestUnseenMemoryKeepsTheLimitLow(t *testing.T) {
	e := newEngine(adaptive.Config{}, 100)
	e.Tell(e.now, adaptive.Facts{})
	e.run(20 * time.Second)
	if e.highest != 4 || e.State().Cap != adaptive.ByUnknown {
		t.Errorf("limit up to %d, cap %q, want 4 while memory is not seen", e.highest, e.State().Cap)
	}
	e.Memory(e.now, adaptive.Memory{Used: 1000, Total: 24000, Utilization: -1, Others: -1})
	e.run(5 * time.Second)
	if e.highest == 4 {
		t.Error("limit did not grow when memory was seen")
	}
	e.run(time.Minute) // without a further reading
	if e.decision.Limit != 4 {
		t.Errorf("limit %d a minute after the last reading", e.decision.Limit)
	}
}
