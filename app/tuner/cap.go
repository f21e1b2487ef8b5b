package tuner

import (
	"slices"
	"time"

	"carpool/batching"
)

// Cap bounds what some engines may run at once while another program uses their GPU.
// It holds for each of their models that has been used, and for another one from its
// first request on. The zero value bounds nothing.
type Cap struct {
	Engines []string // by name
	Size    int      // most requests in flight for each model; 0 = no bound
	Reason  string   // why, for people: the reason of the limits that it lowers
}

// Cap puts c in force in place of the last one, at once; the zero Cap ends it. What
// runs is never touched. The governors go on below it and learn nothing from it, so
// their limits are back at its end. With batching off there is nothing to bound.
func (t *Tuner) Cap(c Cap) {
	t.push.Lock()
	defer t.push.Unlock()
	c.Engines = slices.Clone(c.Engines)
	t.mu.Lock()
	t.cap = c
	config, all := t.config, t.all()
	t.mu.Unlock()
	if t.scheduler != nil {
		_ = t.decide(time.Now(), config, all)
	}
}

// of is the part of c that is k's.
func (c Cap) of(k batching.Key) bound {
	if c.Size <= 0 || !slices.Contains(c.Engines, k.Engine) {
		return bound{}
	}
	return bound{c.Size, c.Reason}
}

// bound is what a Cap says of one key; zero = nothing.
type bound struct {
	size   int
	reason string
}

// lowers tells whether b makes l less.
func (b bound) lowers(l batching.Limits) bool {
	return b.size > 0 && (l.Mode == batching.Fixed || l.Mode == batching.Static) && l.InFlight() > b.size
}

// on is l with at most b in flight.
func (b bound) on(l batching.Limits) batching.Limits {
	if !b.lowers(l) {
		return l
	}
	l.Size, l.Reason = min(l.Size, b.size), b.reason
	l.Parallel = min(l.Parallel, max(1, b.size/l.Size))
	return l
}
