package adaptive

import (
	"fmt"
	"time"
)

// top is the highest limit that may be reached now, slots aside.
func (g *Governor) top() int {
	top := g.config.Max
	if g.blind() {
		top = min(top, max(blindCeiling, g.config.Min))
	}
	if g.knee > 0 {
		top = min(top, max(g.knee, g.config.Min))
	}
	return top
}

// mayGrow means that requests wait for nothing but the limit, the engine works,
// and nothing else is being tried.
func (g *Governor) mayGrow() bool {
	return g.binding && !g.trial.on && g.now >= g.holdUntil && !g.crowded()
}

// crowded means that another program uses so much of the GPU that what is
// measured now says little, and more of our work would hurt it.
func (g *Governor) crowded() bool { return g.memory.others > .3 }

// grow raises the limit once that many streams were seen.
func (g *Governor) grow() {
	if !g.mayGrow() || g.slots.probe.on || g.proven < g.limit-comings(g.limit) {
		return
	}
	if g.knee > 0 && g.boundTotal-g.kneeAt >= g.kneeWait && g.limit >= g.knee {
		g.knee, g.kneeAt = g.knee+1, g.boundTotal
	}
	top := g.top()
	if g.slots.n > 0 {
		top = min(top, g.slots.n)
	}
	if g.limit >= top || g.tooSlow() {
		return
	}
	if g.limit == g.landing() && !g.level(g.limit).sure() && g.boundFor < 10*time.Second {
		return
	}
	next, wait := g.limit+1, 2*time.Second
	if g.startup {
		wait = 100 * time.Millisecond
		if g.limit < 4 {
			next = 2 * g.limit
		} else {
			next = min(min(g.limit, g.proven)+max(1, g.limit/8), g.nextLanding())
		}
	}
	if g.boundFor >= wait {
		g.set(min(next, top), fmt.Sprintf("%d ran at once, trying %d", g.limit, min(next, top)))
	}
}

// crowd is the limit from which on landings are rare. So many streams hardly ever
// keep their number for long enough to be measured, so most landings last their full
// time: every 8 streams, an engine of a server would take a quarter of an hour to fill.
const crowd = 64

// comings is how many of a crowd may be missing where all are said to have been seen
// at once: with every step some end and others begin, and are never seen together.
func comings(limit int) int {
	if limit < crowd {
		return 0
	}
	return limit / 16
}

// landing is the last limit, up to the present one, at which growth stops to measure:
// the multiples of 8, and beyond a crowd its doublings.
func (g *Governor) landing() int {
	if g.limit < crowd {
		return g.limit / 8 * 8
	}
	n := crowd
	for 2*n <= g.limit {
		n *= 2
	}
	return n
}

// nextLanding is the one above.
func (g *Governor) nextLanding() int {
	if n := g.landing(); n >= crowd {
		return 2 * n
	}
	return g.limit/8*8 + 8
}

// tooSlow means that one more would take each stream far beyond the floor.
func (g *Governor) tooSlow() bool {
	q := g.level(g.limit).quartile
	return q > 0 && seconds(q*float64(g.limit+1)/float64(g.limit)) > g.floor()*3/2
}
