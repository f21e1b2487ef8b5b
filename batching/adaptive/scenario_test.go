package adaptive_test

import (
	"testing"
	"time"

	"carpool/backends/sim"
	"carpool/batching/adaptive"
)

func TestFindsTheSlots(t *testing.T) {
	for _, slots := range []int{1, 2, 4, 8} {
		s := scenario{profile: sim.GPU(), slots: slots, clients: 16, think: .5, mix: standard,
			length: 200 * time.Second, warm: 30 * time.Second, seed: 1}
		g := adaptive.New(start, adaptive.Config{})
		g.Tell(start, adaptive.Facts{Preallocated: true})
		o := run(s, g)
		if at := o.settled(slots, 0, s.length); at < 0 || at > 15*time.Second {
			t.Errorf("%d slots: settled after %v, want 15 s at most: %v", slots, at, o.trace)
		}
		if o.limit > float64(slots)+.5 {
			t.Errorf("%d slots: mean limit %.2f", slots, o.limit)
		}
	}
}
