package adaptive

import (
	"slices"
	"time"
)

const (
	exactGaps = 40  // gaps of a level that are kept before the quartile is tracked
	sureGaps  = 150 // gaps after which a level may be compared with another one

	// Chunks that come closer together than this left the engine together, so
	// they count as one with several tokens.
	burst = time.Millisecond
)

// level is the time per token of one stream while a number of streams ran: the
// lower quartile, since a step that also reads a prompt takes much longer and
// says nothing about decoding.
type level struct {
	quartile float64 // seconds; 0 until exactGaps are known
	gaps     int     // since the level was cleared
	touched  time.Duration
	first    []float64 // the first exactGaps, until the quartile is known
}

// add takes a gap in seconds. The first ones are sorted; from then on the
// quartile is moved by steps that balance where a quarter is below it.
func (l *level) add(gap float64, now time.Duration, frozen bool) {
	l.gaps++
	l.touched = now
	switch {
	case l.quartile == 0:
		if l.first == nil {
			l.first = make([]float64, 0, exactGaps)
		}
		l.first = append(l.first, gap)
		if len(l.first) == exactGaps {
			slices.Sort(l.first)
			l.quartile = max(l.first[exactGaps/4], 1e-6)
			l.first = l.first[:0]
		}
	case frozen:
	case gap < l.quartile:
		l.quartile *= 1 - .0015
	default:
		l.quartile *= 1 + .0005
	}
}

func (l *level) clear() { *l = level{first: l.first[:0]} }

func (l *level) known() bool { return l.quartile > 0 }

// sure reports whether the level may be compared with another one.
func (l *level) sure() bool { return l.known() && l.gaps >= sureGaps }

// level returns the one of d streams, d at least 1.
func (g *Governor) level(d int) *level {
	for len(g.levels) <= d {
		g.levels = append(g.levels, level{})
	}
	return &g.levels[d]
}

// rate is the tokens per second of d streams together; 0 = not known.
func (g *Governor) rate(d int) float64 {
	if q := g.level(d).quartile; q > 0 {
		return float64(d) / q
	}
	return 0
}

// gap takes the time since a stream's last token, which this many tokens took,
// while the number of streams did not change.
func (g *Governor) gap(elapsed time.Duration, tokens float64) {
	if elapsed > g.pause() || g.readsPrompts() {
		return
	}
	gap := elapsed.Seconds() / tokens
	l := g.level(g.streams)
	if l.known() {
		g.speed.add(gap / l.quartile)
	}
	l.add(gap, g.now, g.speed.changed())
}

// readsPrompts means that a step may have read a prompt beside decoding: a
// request has no first token yet, and there is a slot that it may be in.
func (g *Governor) readsPrompts() bool {
	return g.pending > 0 && (g.slots.n == 0 || g.streams < g.slots.n)
}

// pause is the silence after which the engine counts as not decoding: it loads
// a model, reads a long prompt or has nothing to do.
func (g *Governor) pause() time.Duration {
	if g.streams < len(g.levels) {
		return max(500*time.Millisecond, seconds(4*g.levels[g.streams].quartile))
	}
	return 500 * time.Millisecond
}

// floor is the longest time per token that the governor accepts: what the user
// asked for, but at least three times that of the fewest streams, since no limit
// makes a machine faster than it is.
func (g *Governor) floor() time.Duration {
	if best := g.fewest(); best > 0 {
		g.best = best
	}
	return max(g.config.Latency, seconds(3*g.best))
}

// fewest is the seconds per token of the fewest streams, at most four, as of the
// last ten minutes. Where only more were measured it follows their line down.
func (g *Governor) fewest() float64 {
	best, low, high := 0., 0, 0
	for d := range g.levels {
		l := &g.levels[d]
		if !l.known() || g.now-l.touched > 10*time.Minute {
			continue
		}
		if d <= 4 && (best == 0 || l.quartile < best) {
			best = l.quartile
		}
		if low == 0 {
			low = d
		}
		high = d
	}
	if best > 0 || low == 0 {
		return best
	}
	first, last := g.levels[low].quartile, g.levels[high].quartile
	slope := (last - first) / float64(max(high-low, 1))
	return max(first-max(slope, 0)*float64(low-1), first/4)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
