package tuner_test

import (
	"strings"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/app/tuner"
	"carpool/batching"
)

// game is a cap of n on Ollama.
func game(n int) tuner.Cap {
	return tuner.Cap{Engines: []string{"ollama"}, Size: n, Reason: "blender uses 62 % of the GPU"}
}

// busy keeps as many requests of a model running as its limit lets, and others
// waiting, for a time. Each token comes after a beat.
func (r *rig) busy(k batching.Key, running []batching.Stream, waiting int, d time.Duration) []batching.Stream {
	const beat = 20 * time.Millisecond
	for end := time.Now().Add(d); time.Now().Before(end); {
		limit := max(r.scheduler.limit(k).Size, 1)
		for len(running) > limit {
			running[0].Ended(time.Now(), batching.Served, batching.Untold())
			running = running[1:]
		}
		for len(running) < limit {
			running = append(running, r.Released(time.Now(), batching.Request{Key: k, PromptTokens: 100, Streams: true}))
		}
		r.scheduler.mu.Lock()
		r.scheduler.loads[k] = batching.Load{Key: k, Waiting: waiting, InFlight: len(running)}
		r.scheduler.mu.Unlock()
		after(beat)
		for _, s := range running {
			s.Tokens(time.Now(), 1)
		}
	}
	return running
}

func TestCap(t *testing.T) {
	t.Run("LowersTheLimitAtOnceAndGivesItBack", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			r.change(func() { r.engine.Slots = 8 })
			r.run(llama, 3, 8)
			after(1100 * time.Millisecond)
			r.Cap(game(1))
			if l := r.scheduler.limit(llama); l.Size != 1 || l.Reason != "blender uses 62 % of the GPU" {
				t.Errorf("capped: %+v", l)
			}
			if st := r.States(); st[0].Limit != 1 || st[0].Reason != "blender uses 62 % of the GPU" {
				t.Errorf("shows %+v", st)
			}
			if n, l := r.LimitOf(llama), r.Limits(); n != 1 || l.Size != 1 {
				t.Errorf("limit of the model %d, of all %+v", n, l)
			}
			after(time.Minute)
			r.Cap(tuner.Cap{})
			if l := r.scheduler.limit(llama); l.Size != 8 {
				t.Errorf("ended: %+v", l)
			}
			d := r.decisions()
			if len(d) < 2 {
				t.Fatalf("decided %+v", d)
			}
			begin, end := d[len(d)-2], d[len(d)-1]
			if begin.Kind != tuner.ByLimit || begin.OldLimit != 8 || begin.Limit != 1 || begin.Reason != "blender uses 62 % of the GPU" {
				t.Errorf("began with %+v", begin)
			}
			if end.Kind != tuner.ByLimit || end.OldLimit != 1 || end.Limit != 8 || end.Reason != "over: blender uses 62 % of the GPU" {
				t.Errorf("ended with %+v", end)
			}
		})
	})
	t.Run("NeverRaisesALimit", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			r.change(func() { r.engine.Slots = 2 })
			r.run(llama, 0, 1)
			after(1100 * time.Millisecond)
			before := len(r.decisions())
			r.Cap(game(5))
			if l := r.scheduler.limit(llama); l.Size != 2 || strings.Contains(l.Reason, "blender") {
				t.Errorf("%+v", l)
			}
			if d := r.decisions(); len(d) != before {
				t.Errorf("told %+v", d[before:])
			}
		})
	})
	t.Run("LeavesOtherEnginesAlone", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			c := game(1)
			c.Engines = []string{"lmstudio"}
			r.Cap(c)
			r.run(llama, 0, 1)
			after(1100 * time.Millisecond)
			if l := r.scheduler.limit(llama); l.Size != 4 {
				t.Errorf("%+v", l)
			}
		})
	})
	t.Run("HoldsForAModelThatComesLater", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			after(time.Second)
			r.Cap(game(1))
			r.run(llama, 0, 1)
			after(100 * time.Millisecond)
			if l := r.scheduler.limit(llama); l.Size != 1 {
				t.Errorf("%+v", l)
			}
		})
	})
	t.Run("OutlivesNewSettings", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			r.run(llama, 0, 1)
			after(time.Second)
			r.Cap(game(2))
			c := config.Default()
			c.Batching.Mode, c.Batching.MaxBatchSize = "fixed", 6
			r.Configure(c)
			if l := r.scheduler.limit(llama); l.Size != 2 {
				t.Errorf("fixed: %+v", l)
			}
			c.Batching.Mode, c.Batching.MaxBatchSize, c.Batching.MaxParallelBatches = "static", 6, 3
			r.Configure(c)
			if l := r.scheduler.limit(llama); l.Mode != batching.Static || l.InFlight() != 2 {
				t.Errorf("static: %+v", l)
			}
			r.Cap(game(12))
			if l := r.scheduler.limit(llama); l.Size != 6 || l.Parallel != 2 {
				t.Errorf("static, two batches: %+v", l)
			}
			for mode, want := range map[string]int{"passthrough": 0, "serial": 1} {
				c.Batching.Enabled, c.Batching.OffMode = false, mode
				r.Configure(c)
				r.Cap(game(1))
				if l := r.scheduler.limit(llama); l.InFlight() != want || strings.Contains(l.Reason, "blender") {
					t.Errorf("%s: %+v", mode, l)
				}
			}
			r.Cap(tuner.Cap{})
			c.Batching.Enabled, c.Batching.Mode = true, "fixed"
			r.Configure(c)
			if l := r.scheduler.limit(llama); l.Size != 6 || l.Reason != "fixed at 6" {
				t.Errorf("ended: %+v", l)
			}
		})
	})
	t.Run("TeachesTheGovernorNothing", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			running := r.busy(llama, nil, 50, 20*time.Second)
			learned := r.LimitOf(llama)
			if learned <= 8 {
				t.Fatalf("learned only %d", learned)
			}
			r.Cap(game(1))
			before := len(r.decisions())
			running = r.busy(llama, running, 50, 5*time.Minute)
			if len(running) != 1 {
				t.Fatalf("%d run under a cap of 1", len(running))
			}
			if d := r.decisions(); len(d) != before {
				t.Errorf("told while it was capped: %+v", d[before:])
			}
			r.Cap(tuner.Cap{})
			if got := r.LimitOf(llama); got != learned {
				t.Errorf("%d after the cap, %d before", got, learned)
			}
			r.busy(llama, running, 50, 5*time.Second)
			if got := r.LimitOf(llama); got < learned {
				t.Errorf("%d soon after the cap, %d before", got, learned)
			}
		})
	})
	t.Run("HeldRequestsAreNoDemand", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			streams := []batching.Stream{}
			for range 4 {
				streams = append(streams, r.run(llama, 9, 4))
			}
			r.scheduler.mu.Lock()
			r.scheduler.loads[llama] = batching.Load{Key: llama, Waiting: 9, Held: 9, InFlight: 4}
			r.scheduler.mu.Unlock()
			for range 300 {
				after(20 * time.Millisecond)
				for _, s := range streams {
					s.Tokens(time.Now(), 1)
				}
			}
			if l := r.scheduler.limit(llama); l.Size != 4 {
				t.Errorf("grew for held requests: %+v", l)
			}
		})
	})
}
