package adaptive_test

import (
	"strings"
	"testing"
	"time"

	"carpool/batching/adaptive"
)

func TestRefusal(t *testing.T) {
	e := newEngine(adaptive.Config{}, 100)
	e.until(10*time.Second, func() bool { return e.decision.Limit == 8 })
	for len(e.flight) > 0 {
		e.end(e.flight[0].id, adaptive.Overload)
	}
	e.tick()
	if e.decision.Limit != 4 || e.decision.Reason != "engine refused work: 4 at once" {
		t.Fatalf("%+v, want half for all refusals together", e.decision)
	}
	e.run(9 * time.Second)
	if e.decision.Limit != 4 || e.State().Phase != adaptive.Holding {
		t.Errorf("limit %d, phase %q within 10 s", e.decision.Limit, e.State().Phase)
	}
	e.run(30 * time.Second)
	if e.decision.Limit <= 4 {
		t.Errorf("limit %d long after", e.decision.Limit)
	}
}

func TestFailure(t *testing.T) {
	grown := func(t *testing.T) *engine {
		e := newEngine(adaptive.Config{}, 100)
		e.length = 500
		if !e.until(20*time.Second, func() bool { return e.decision.Limit == 9 }) {
			t.Fatal("did not grow")
		}
		return e
	}

	t.Run("OfOneRequestIsForgottenWhenOthersGoOn", func(t *testing.T) {
		e := grown(t)
		e.end(e.flight[0].id, adaptive.Failed)
		e.tick()
		if e.decision.Limit != 1 || e.State().Phase != adaptive.HalfOpen {
			t.Fatalf("limit %d, phase %q right after", e.decision.Limit, e.State().Phase)
		}
		e.run(50 * time.Millisecond)
		e.tick()
		if e.decision.Limit < 9 {
			t.Errorf("limit %d although the others go on", e.decision.Limit)
		}
	})

	t.Run("OfTheEngineStartsOver", func(t *testing.T) {
		e := grown(t)
		for len(e.flight) > 0 {
			e.end(e.flight[0].id, adaptive.Failed)
		}
		e.slots = 0 // nothing runs
		e.run(time.Minute)
		if e.decision.Limit != 1 || len(e.flight) != 1 {
			t.Fatalf("limit %d, %d in flight while the engine is away", e.decision.Limit, len(e.flight))
		}
		e.end(e.flight[0].id, adaptive.Failed)
		e.slots = 2
		e.run(200 * time.Millisecond)
		if e.decision.Limit != 4 || !strings.HasPrefix(e.decision.Reason, "engine answers again") {
			t.Errorf("%+v when it answers again", e.decision)
		}
	})

	t.Run("KeepsTheMinimum", func(t *testing.T) {
		g := adaptive.New(start, adaptive.Config{Min: 3})
		g.Released(start, 1, adaptive.Work{Streams: true})
		g.Ended(start, 1, adaptive.End{Outcome: adaptive.Failed})
		if d := g.Tick(start, 1, 0); d.Limit != 3 {
			t.Errorf("limit %d, want 3", d.Limit)
		}
	})
}

func TestIdleAndLoadingTimeMovesNothing(t *testing.T) {
	for name, pass := range map[string]func(*engine){
		"idle": func(e *engine) { e.drain() },
		"loading": func(e *engine) { // all wait, nothing is generated
			for len(e.flight) > 0 {
				e.end(e.flight[0].id, adaptive.Served)
			}
			e.slots = 0
			e.tick()
		},
	} {
		e := newEngine(adaptive.Config{}, 100)
		e.until(20*time.Second, func() bool { return e.decision.Limit == 9 })
		pass(e)
		limit := e.decision.Limit
		e.run(2 * time.Hour)
		if e.decision.Limit != limit {
			t.Errorf("%s: limit %d became %d: %q", name, limit, e.decision.Limit, e.decision.Reason)
		}
	}
}

func TestHiddenWork(t *testing.T) {
	g := adaptive.New(start, adaptive.Config{})
	now := start
	for id := range uint64(200) {
		g.Released(now, id, adaptive.Work{Prompt: 50, Streams: id%2 == 0, Embedding: true})
		now = now.Add(20 * time.Millisecond)
		if id >= 4 {
			g.Ended(now, id-4, adaptive.End{Prompt: 50, Output: -1})
		}
		if d := g.Tick(now, 5, 4); d.Limit != 4 {
			t.Fatalf("limit %d, want 4", d.Limit)
		}
	}
	if s := g.State(); len(s.Levels) != 0 || s.Slots != 0 {
		t.Errorf("%+v, want nothing learned from work that shows nothing", s)
	}
}

func TestUnknownRequestsAreIgnored(t *testing.T) {
	g := adaptive.New(start, adaptive.Config{})
	g.Tokens(start, 7, 1)
	g.Ended(start, 7, adaptive.End{Outcome: adaptive.Failed})
	g.Released(start, 1, adaptive.Work{Streams: true, Prompt: 10})
	g.Released(start, 1, adaptive.Work{Streams: true, Prompt: 10})
	g.Tokens(start, 1, 0)
	g.Tokens(start, 1, -1)
	g.Ended(start, 1, adaptive.End{Outcome: adaptive.Canceled})
	g.Ended(start, 1, adaptive.End{Outcome: adaptive.Canceled})
	if s := g.State(); s.Streams != 0 || s.Limit != 4 || s.Phase != adaptive.Starting {
		t.Errorf("%+v", s)
	}
}
