package adaptive

import (
	"slices"
	"time"
)

// speed notices that the machine as a whole became slower or faster: it tracks
// how gaps compare with those measured before for the same number of streams.
type speed struct {
	ratio  float64 // lower quartile of gap / known gap; 1 = as before
	recent [exactGaps]float64
	next   int // in recent

	// When the ratio left each of the bounds; negative = it has not.
	slow, slower, faster time.Duration
}

func newSpeed() speed {
	s := speed{ratio: 1, slow: -1, slower: -1, faster: -1}
	for i := range s.recent {
		s.recent[i] = 1
	}
	return s
}

func (s *speed) add(ratio float64) {
	s.recent[s.next] = ratio
	s.next = (s.next + 1) % len(s.recent)
	if ratio > s.ratio {
		s.ratio *= 1.01
	} else {
		s.ratio *= .97
	}
}

// now is the ratio of the last gaps alone; the tracked one lags behind a leap.
func (s *speed) now() float64 {
	sorted := s.recent
	slices.Sort(sorted[:])
	return sorted[len(sorted)/4]
}

// changed means that gaps must not be learned: they belong to another speed.
func (s *speed) changed() bool { return s.ratio < .7 || s.ratio > 1.4 }

// lasted reports whether a condition has held for a time. since is its memory.
func lasted(holds bool, since *time.Duration, now, want time.Duration) bool {
	if !holds {
		*since = -1
		return false
	}
	if *since < 0 {
		*since = now
	}
	return now-*since >= want
}

// watchSpeed follows a machine that became slower or faster. What was learned is
// scaled, so a slow machine alone moves no limit. Much slower may also mean that
// memory spills, which fewer requests could heal: that is tried.
func (g *Governor) watchSpeed() {
	s, r := &g.speed, g.speed.ratio
	spill := lasted(r > 2 && g.binding, &s.slower, g.active, 1500*time.Millisecond)
	slow := lasted(r > 1.3, &s.slow, g.active, 5*time.Second)
	fast := lasted(r < .75, &s.faster, g.active, 5*time.Second)
	switch {
	case spill:
		g.rescale(s.now())
		if g.limit > 1 {
			g.holdUntil = g.now + 30*time.Second
			d := g.limit
			if !g.level(d).known() {
				d = g.streams
			}
			g.try(trialSpill, d, g.limit/2)
		}
	case slow:
		g.rescale(s.now())
	case fast:
		g.rescale(s.now())
		g.knee, g.kneeEvery = 0, kneeEvery
	}
}

// rescale makes what was learned fit the present speed.
func (g *Governor) rescale(r float64) {
	for i := range g.levels {
		g.levels[i].quartile *= r
	}
	g.best *= r
	g.prompts.rate /= r
	g.speed = newSpeed()
}
