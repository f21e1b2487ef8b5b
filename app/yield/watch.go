package yield

import (
	"math"
	"time"

	"carpool/app/gpus"
)

const (
	patience   = 30 * time.Second // how long a value that is not told any more keeps what it was
	smoothing  = 5 * time.Second  // mean age of what counts of the others' use, as in a mean over 10 s
	backBelow  = 0.8              // part of a threshold below which a GPU is free again
	idleUse    = 0.05             // use below which others do nothing
	idleFor    = time.Minute      // for so long
	idleSpared = 4                // a fourth of the GPU must be free beside what they hold
)

// watch is one GPU as others use it.
type watch struct {
	latch
	key     string
	engines []string // ours on it

	memory gauge     // bytes that others hold
	use    gauge     // 0..1 of its time that they take, smoothed
	latest float64   // the same as told last, not smoothed
	idle   time.Time // since when they do nothing with it; zero = they do, or it is not known

	cause cause     // of the latch, while it is on
	other cause     // another one that may take its place
	since time.Time // of other
}

// see judges one reading.
func (w *watch) see(now time.Time, c Settings, s gpus.State) {
	w.take(now, s)
	memory, use := w.memory.level(now, float64(c.Memory)), w.use.level(now, c.Utilization)
	if memory > free && w.spares(now, c, s) {
		memory = free
	}
	l := max(memory, use)
	if l == taken {
		w.explain(now, c, s, use == taken)
	}
	w.latch.see(now, l, c)
}

// take takes over what a reading tells.
func (w *watch) take(now time.Time, s gpus.State) {
	if m := s.Others.Memory; m != nil {
		w.memory.tell(now, float64(*m))
	}
	if u := s.Others.Utilization; u != nil {
		// From 0 on: the first reading of all is no mean.
		mean := 0.0
		if passed := now.Sub(w.use.told); passed <= patience {
			mean = w.use.value + (*u-w.use.value)*(1-math.Exp(-passed.Seconds()/smoothing.Seconds()))
		}
		w.use.tell(now, mean)
		w.latest = *u
	}
	switch {
	case !w.use.told.Equal(now) || w.use.value >= idleUse:
		w.idle = time.Time{}
	case w.idle.IsZero():
		w.idle = now
	}
}

// spares reports whether others hold memory without using it, and leave plenty: an
// editor of pictures that keeps its models is no reason to be slow for ever.
func (w *watch) spares(now time.Time, c Settings, s gpus.State) bool {
	room, ok := s.Free()
	if !ok || s.MemoryTotal == nil || w.idle.IsZero() {
		return false
	}
	return now.Sub(w.idle) >= idleFor && room >= max(c.Reserve+c.Memory, *s.MemoryTotal/idleSpared)
}

// explain keeps the cause that it is on for, until another one has lasted.
func (w *watch) explain(now time.Time, c Settings, s gpus.State, byUse bool) {
	if w.on && byUse && w.latest < c.Utilization {
		w.other = cause{} // what had it is leaving: nobody takes its place
		return
	}
	amount := w.memory.value
	if byUse {
		amount = w.use.value
	}
	why := causeOf(s, byUse, amount)
	switch {
	case !w.on || w.cause.is(why):
		if !w.on {
			w.cause = why
		}
		w.other = cause{}
	case !w.other.is(why):
		w.other, w.since = why, now
	case now.Sub(w.since) >= c.After:
		w.cause, w.other = why, cause{}
	}
}

// gauge is a value that is not told each time.
type gauge struct {
	value float64
	told  time.Time // zero = never
}

func (g *gauge) tell(now time.Time, v float64) { g.value, g.told = v, now }

// level judges the value by a threshold; 0 = it does not count.
func (g *gauge) level(now time.Time, threshold float64) level {
	switch {
	case threshold <= 0, g.told.IsZero(), now.Sub(g.told) > patience:
		return lost
	case g.told.Before(now):
		return unsure
	case g.value >= threshold:
		return taken
	case g.value >= backBelow*threshold:
		return between
	}
	return free
}
