package adaptive_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"carpool/batching/adaptive"
)

func TestSlots(t *testing.T) {
	t.Run("ToldOnesPinTheLimit", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 8)
		e.Tell(e.now, adaptive.Facts{Slots: 6, Preallocated: true})
		e.run(10 * time.Minute)
		if e.highest != 6 || e.State().SlotsBy != adaptive.Told || e.State().Cap != adaptive.BySlots {
			t.Errorf("limit up to %d, state %+v, want 6, told, never probed", e.highest, e.State())
		}
		e.Tell(e.now, adaptive.Facts{Slots: 2, Preallocated: true})
		e.tick()
		if e.decision.Limit != 2 || e.decision.Reason != "engine runs 2 at once" {
			t.Errorf("told 2: %+v", e.decision)
		}
		e.Tell(e.now, adaptive.Facts{Preallocated: true})
		e.run(30 * time.Second)
		if s := e.State(); s.Slots != 8 || s.SlotsBy == adaptive.Told {
			t.Errorf("not told any more: %d slots by %q, want 8 found", s.Slots, s.SlotsBy)
		}
	})

	t.Run("ToldOnesAreNotOverruledByWhatIsSeen", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 2)
		e.Tell(e.now, adaptive.Facts{Slots: 4, Preallocated: true})
		e.run(time.Minute)
		if s := e.State(); s.Slots != 4 || s.SlotsBy != adaptive.Told || e.decision.Limit != 4 {
			t.Errorf("%d slots by %q, limit %d, want the 4 that were told", s.Slots, s.SlotsBy, e.decision.Limit)
		}
	})

	t.Run("AreFoundByARequestThatWaitsForItsFirstToken", func(t *testing.T) {
		for _, slots := range []int{1, 2, 3, 4, 7, 20} {
			e := newEngine(adaptive.Config{}, slots)
			e.length = 3000 // nothing ends meanwhile
			e.run(20 * time.Second)
			if s := e.State(); s.Slots != slots || s.SlotsBy != adaptive.ByFirstTokens || e.decision.Limit != slots {
				t.Errorf("%d slots: found %d by %q, limit %d", slots, s.Slots, s.SlotsBy, e.decision.Limit)
			}
			if most := max(4, slots+max(1, slots/8)); e.highest > most {
				t.Errorf("%d slots: limit was %d, want %d at most", slots, e.highest, most)
			}
		}
	})

	t.Run("AreFoundByThePeakOfStreams", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 3)
		e.length = 30 // something ends every 100 ms, so nobody waits for long
		e.run(10 * time.Second)
		if s := e.State(); s.Slots != 3 || s.SlotsBy != adaptive.ByPeakStreams || e.decision.Limit != 3 {
			t.Errorf("found %d by %q, limit %d, want 3", s.Slots, s.SlotsBy, e.decision.Limit)
		}
	})

	t.Run("AreExactFromTheEnginesWait", func(t *testing.T) {
		for _, slots := range []int{1, 2, 3} {
			e := newEngine(adaptive.Config{}, slots)
			e.plain, e.timed = true, true
			e.run(3200 * time.Millisecond)
			if s := e.State(); s.Slots != slots || s.SlotsBy != adaptive.ByEngineWait || e.decision.Limit != slots {
				t.Errorf("%d slots: found %d by %q, limit %d", slots, s.Slots, s.SlotsBy, e.decision.Limit)
			}
		}
	})

	t.Run("GrowByTheEnginesWaitToo", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 8)
		e.plain, e.timed = true, true
		e.run(time.Minute)
		if s := e.State(); s.Slots != 8 || e.decision.Limit > 9 {
			t.Errorf("found %d by %q, limit %d, want 8 though no token was seen", s.Slots, s.SlotsBy, e.decision.Limit)
		}
	})

	t.Run("AreNotSeenInWaitsThatMeanSomethingElse", func(t *testing.T) {
		for name, end := range map[string]adaptive.End{
			"alone":           {Timed: true, EngineWait: 5 * time.Second},
			"short":           {Timed: true, EngineWait: 200 * time.Millisecond},
			"beside a prompt": {Timed: true, EngineWait: time.Second, PromptTime: 3 * time.Second},
			"of many streams": {Timed: true, EngineWait: 300 * time.Millisecond, EvalTime: 3 * time.Second},
			"model loads":     {Timed: true, EngineWait: 5 * time.Second, LoadTime: 6 * time.Second},
			"not told":        {EngineWait: 5 * time.Second},
		} {
			g := adaptive.New(start, adaptive.Config{})
			ids := []uint64{1, 2, 3}
			if name == "alone" {
				ids = ids[:1]
			}
			for _, id := range ids {
				g.Released(start, id, adaptive.Work{Prompt: 100})
			}
			for _, id := range ids {
				g.Ended(start.Add(10*time.Second), id, end)
			}
			if s := g.State(); s.Slots != 0 {
				t.Errorf("%s: found %d slots", name, s.Slots)
			}
		}
	})

	t.Run("AWaitBehindACanceledOneIsCountedWithIt", func(t *testing.T) {
		g := adaptive.New(start, adaptive.Config{})
		for id := range uint64(4) {
			g.Released(start, id, adaptive.Work{Prompt: 100})
		}
		g.Ended(start.Add(time.Second), 0, adaptive.End{Outcome: adaptive.Canceled})
		g.Released(start.Add(time.Second), 4, adaptive.Work{Prompt: 100})
		g.Ended(start.Add(9*time.Second), 4, adaptive.End{Timed: true, EngineWait: 2 * time.Second})
		if s := g.State(); s.Slots != 4 {
			t.Errorf("found %d slots, want 4: three ran, and the canceled one was wound up", s.Slots)
		}
	})

	t.Run("StreamsSeenRefuteAWait", func(t *testing.T) {
		g := adaptive.New(start, adaptive.Config{})
		for id := range uint64(4) {
			g.Released(start, id, adaptive.Work{Prompt: 100, Streams: true})
		}
		for id := range uint64(4) {
			g.Tokens(start.Add(time.Second), id, 1)
		}
		g.Ended(start.Add(2*time.Second), 3, adaptive.End{Timed: true, EngineWait: 400 * time.Millisecond})
		if s := g.State(); s.Slots != 0 {
			t.Errorf("found %d slots though 4 streams ran", s.Slots)
		}
	})

	t.Run("AreFollowedDown", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 8)
		e.length = 400
		e.run(30 * time.Second)
		if e.decision.Limit != 8 {
			t.Fatalf("limit %d, want 8", e.decision.Limit)
		}
		e.slots = 2
		if !e.until(30*time.Second, func() bool { return e.decision.Limit == 2 }) {
			t.Errorf("limit %d, want 2: %q", e.decision.Limit, e.reasons())
		}
	})

	t.Run("CanceledRequestsMayStillHoldOne", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 4)
		e.length, e.demand = 3000, 4
		e.run(500 * time.Millisecond)
		zombie := *e.flight[0]
		e.end(zombie.id, adaptive.Canceled) // told so, but the engine goes on
		e.slots = 3
		e.run(2500 * time.Millisecond)
		if s := e.State(); s.Slots != 0 && s.Slots < 4 {
			t.Errorf("found %d slots while the engine winds up a canceled request", s.Slots)
		}
	})

	t.Run("AHangingOneIsNoWaitForASlot", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 6)
		e.spread = 17
		e.until(20*time.Second, func() bool { return e.State().Slots == 6 })
		if !e.until(10*time.Second, func() bool { // one has just entered a slot
			last := e.flight[len(e.flight)-1]
			return last.tokens == 0 && !last.entered.IsZero()
		}) {
			t.Fatal("none entered")
		}
		e.flight[len(e.flight)-1].entered = e.now.Add(time.Hour) // and hangs there
		for range 200 {
			e.run(100 * time.Millisecond)
			if n := e.State().Slots; n != 6 {
				t.Fatalf("found %d slots while one of six hangs: %q", n, e.reasons())
			}
		}
	})

	t.Run("APauseOfTheEngineIsNoWaitForASlot", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 100)
		e.length = 3000
		e.run(time.Second)
		e.read = 800 * time.Millisecond
		e.release()
		e.stopped = true // as while it loads a model
		e.run(400 * time.Millisecond)
		e.release()
		e.run(20 * time.Second)
		e.stopped = false
		e.flight[len(e.flight)-1].entered = e.now
		e.run(700 * time.Millisecond)
		if s := e.State(); s.Slots != 0 {
			t.Errorf("found %d slots by %q", s.Slots, s.SlotsBy)
		}
	})

	t.Run("LongPromptsAreNoWaitForASlot", func(t *testing.T) {
		e := newEngine(adaptive.Config{}, 100)
		e.length = 3000
		e.run(3 * time.Second)
		e.read = 900 * time.Millisecond
		e.run(10 * time.Second)
		if s := e.State(); s.Slots != 0 {
			t.Errorf("found %d slots by %q", s.Slots, s.SlotsBy)
		}
	})
}

func TestProbe(t *testing.T) {
	// probes are the times at which the limit went one above the slots.
	probes := func(e *engine, length time.Duration) []time.Duration {
		var at []time.Duration
		begin, was := e.now, e.State().Phase
		for e.now.Before(begin.Add(length)) {
			e.run(100 * time.Millisecond)
			if is := e.State().Phase; is != was {
				if is == adaptive.Probing {
					at = append(at, e.now.Sub(begin).Round(time.Second))
				}
				was = is
			}
		}
		return at
	}
	settle := func(t *testing.T, slots int) *engine {
		t.Helper()
		e := newEngine(adaptive.Config{}, slots)
		e.length = 200
		if !e.until(20*time.Second, func() bool { return e.State().Slots == slots }) {
			t.Fatalf("found %d slots, want %d", e.State().Slots, slots)
		}
		return e
	}

	t.Run("ComesRarerAsItFails", func(t *testing.T) {
		e := settle(t, 4)
		at := probes(e, 8*time.Minute)
		if len(at) < 4 || len(at) > 6 || at[0] < 29*time.Second || at[1]-at[0] < 59*time.Second || at[3]-at[2] < 119*time.Second {
			t.Errorf("probes at %v, want after 30, 60, 120, 120 s", at)
		}
		if s := e.State(); s.Slots != 4 || e.highest > 5 {
			t.Errorf("%d slots, limit up to %d", s.Slots, e.highest)
		}
	})

	t.Run("FindsMoreSlots", func(t *testing.T) {
		e := settle(t, 4)
		e.slots = 8
		if !e.until(150*time.Second, func() bool { return e.State().Slots == 8 && e.decision.Limit == 8 }) {
			t.Errorf("%d slots, limit %d: %q", e.State().Slots, e.decision.Limit, e.reasons())
		}
	})

	t.Run("ComesSoonerWhileTheGPUIdles", func(t *testing.T) {
		e := settle(t, 4)
		for range 20 {
			e.Memory(e.now, adaptive.Memory{Utilization: .4, Others: -1})
			e.run(time.Second)
		}
		if !slices.ContainsFunc(e.reasons(), func(r string) bool { return strings.HasPrefix(r, "GPU only 40 % busy: trying 5") }) {
			t.Errorf("reasons %q", e.reasons())
		}
	})

	t.Run("StopsForGoodWhereItMadeTheEngineReload", func(t *testing.T) {
		e := settle(t, 4)
		if !e.until(40*time.Second, func() bool { return e.State().Phase == adaptive.Probing && len(e.flight) == 5 }) {
			t.Fatal("no probe came")
		}
		probe := e.flight[4].id
		e.flight = e.flight[:4]
		e.Ended(e.now, probe, adaptive.End{Timed: true, LoadTime: 6 * time.Second, Output: 10})
		if at := probes(e, 10*time.Minute); len(at) > 0 {
			t.Errorf("probes at %v after a reload", at)
		}
	})

	t.Run("IsNeverTriedWithAnUrgentRequest", func(t *testing.T) {
		e := settle(t, 4)
		e.urgent = true
		if !e.until(40*time.Second, func() bool { return e.State().Phase == adaptive.Probing && len(e.flight) == 5 }) {
			t.Fatal("no probe came")
		}
		urgent := e.flight[4].id
		e.flight = e.flight[:4]
		e.Ended(e.now, urgent, adaptive.End{Timed: true, LoadTime: 6 * time.Second, Output: 10})
		if at := probes(e, 10*time.Minute); len(at) == 0 {
			t.Error("no more probes, though none has made the engine reload")
		}
	})

	t.Run("NeedsSomeoneWhoWaits", func(t *testing.T) {
		e := settle(t, 4)
		e.demand = 4
		if at := probes(e, 5*time.Minute); len(at) > 0 {
			t.Errorf("probes at %v though nothing waits", at)
		}
	})
}
