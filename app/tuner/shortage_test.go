package tuner_test

import (
	"strings"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/batching"
)

// exhaust lets n requests of a model in and has one lack of memory end them all.
func (r *rig) exhaust(n int) {
	var all []batching.Stream
	for range n {
		all = append(all, r.Released(time.Now(), batching.Request{Key: llama, Streams: true}))
	}
	after(10 * time.Millisecond)
	for _, s := range all {
		s.Ended(time.Now(), batching.Exhausted, batching.Untold())
		after(1100 * time.Millisecond)
	}
}

func TestShortage(t *testing.T) {
	eight := config.Default()
	eight.Batching.Mode, eight.Batching.MaxBatchSize = "fixed", 8
	t.Run("HalvesForAMinute", func(t *testing.T) {
		during(t, eight, func(r *rig) {
			r.run(llama, 0, 1)
			after(1100 * time.Millisecond)
			r.exhaust(1)
			if l := r.scheduler.limit(llama); l.Size != 4 || !strings.Contains(l.Reason, "ran out of memory") {
				t.Errorf("%+v", l)
			}
			if n := r.LimitOf(llama); n != 4 {
				t.Errorf("said to be %d", n)
			}
			after(time.Minute)
			if l := r.scheduler.limit(llama); l.Size != 8 {
				t.Errorf("after a minute: %+v", l)
			}
		})
	})
	t.Run("OneLackOfMemoryCountsOnce", func(t *testing.T) {
		during(t, eight, func(r *rig) {
			r.run(llama, 0, 1)
			after(1100 * time.Millisecond)
			r.exhaust(8)
			if l := r.scheduler.limit(llama); l.Size != 4 {
				t.Errorf("%+v", l)
			}
			r.exhaust(4)
			if l := r.scheduler.limit(llama); l.Size != 2 {
				t.Errorf("the next one: %+v", l)
			}
		})
	})
	t.Run("NeverBelowOne", func(t *testing.T) {
		during(t, eight, func(r *rig) {
			r.run(llama, 0, 1)
			after(1100 * time.Millisecond)
			for range 6 {
				r.exhaust(1)
			}
			if l := r.scheduler.limit(llama); l.Size != 1 {
				t.Errorf("%+v", l)
			}
		})
	})
}
