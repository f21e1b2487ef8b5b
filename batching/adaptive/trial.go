package adaptive

import (
	"fmt"
	"time"
)

const (
	trialLongest = 55 * time.Second
	kneeEvery    = 30 * time.Second
	downEvery    = time.Minute
	downRarest   = 10 * time.Minute
)

// trialKind says why a cut is tried.
type trialKind uint8

const (
	trialRate  trialKind = iota // fewer were measured to be faster together
	trialFloor                  // each stream is slower than it should be
	trialDown                   // to see whether fewer would be faster together
	trialSpill                  // all became much slower at once: memory may spill
)

// trial is a cut that undoes itself unless it helps.
type trial struct {
	on       bool
	kind     trialKind
	from, to int
	began    time.Duration
	rate     float64 // tokens per second before
	gap      float64 // seconds per token of one stream before
}

// try cuts the limit to n, to compare it with the speed of d streams.
func (g *Governor) try(kind trialKind, d, n int) {
	n = max(n, g.config.Min, 1)
	rate := g.rate(d)
	if n >= g.limit || g.trial.on || rate == 0 {
		return
	}
	g.trial = trial{on: true, kind: kind, from: g.limit, to: n, began: g.now, rate: rate, gap: g.level(d).quartile}
	g.level(n).clear()
	g.startup = false
	g.slots.probe.rest(g.now)
	switch kind {
	case trialRate:
		g.set(n, fmt.Sprintf("slower together beyond %d: trial of %d", n, n))
	case trialFloor:
		g.set(n, fmt.Sprintf("%d ms per token with %d at once: trial of %d", int(g.trial.gap*1000+.5), g.trial.from, n))
	case trialDown:
		g.set(n, fmt.Sprintf("trial of %d: are fewer faster together?", n))
	case trialSpill:
		g.set(n, fmt.Sprintf("suddenly much slower: trial of %d", n))
	}
}

// judge ends the trial as soon as enough was measured, and in any case in time.
func (g *Governor) judge() {
	t := &g.trial
	if l := g.level(t.to); l.sure() {
		helped := g.rate(t.to) >= 1.03*t.rate
		if t.kind == trialFloor {
			helped = l.quartile <= .97*t.gap
		}
		if helped {
			g.keep()
		} else {
			g.undo(fmt.Sprintf("%d at once no better than %d", t.to, t.from))
		}
		return
	}
	if g.now-t.began > trialLongest {
		g.undo(fmt.Sprintf("trial of %d showed nothing", t.to))
	}
}

// keep makes the cut the ceiling, from which the limit may return step by step.
func (g *Governor) keep() {
	t := &g.trial
	t.on = false
	g.knee, g.kneeAt = t.to, g.boundTotal
	if t.kind == trialSpill {
		g.kneeEvery = max(g.kneeEvery, time.Minute)
	}
	g.kneeWait = g.kneeEvery
	g.kneeEvery = min(2*g.kneeEvery, kneeRarest(t.kind))
	g.downEvery = downEvery
	g.downAt = g.now
	if t.kind == trialFloor {
		g.reason = fmt.Sprintf("more than %d at once would slow each answer", t.to)
	} else {
		g.reason = fmt.Sprintf("faster together with %d at once than with %d", t.to, t.from)
	}
	g.changed = true
}

func kneeRarest(k trialKind) time.Duration {
	if k == trialSpill {
		return 10 * time.Minute
	}
	return 5 * time.Minute
}

// undo goes back to where the trial began.
func (g *Governor) undo(reason string) {
	t := &g.trial
	t.on = false
	if t.kind == trialDown {
		g.downEvery = min(2*g.downEvery, downRarest)
	}
	g.downAt = g.now
	back := t.from
	if n := g.slots.n; n > 0 {
		back = min(back, n)
	}
	g.set(back, reason)
}

// trim looks every two seconds whether fewer at once would be better.
func (g *Governor) trim() {
	if g.now-g.trimmed < 2*time.Second {
		return
	}
	g.trimmed = g.now
	d := g.used()
	if d == 0 || !g.level(d).sure() {
		g.slowChecks, g.floorChecks = 0, 0
		return
	}
	best, at := 0., 0
	for i := 1; i < d; i++ {
		if g.levels[i].sure() && g.rate(i) > best {
			best = g.rate(i)
		}
	}
	for i := 1; i < d; i++ {
		if g.levels[i].sure() && g.rate(i) >= .975*best {
			at = i
		}
	}
	count(&g.slowChecks, best > 0 && g.rate(d) < .95*best)
	count(&g.floorChecks, seconds(g.levels[d].quartile) > g.floor())
	switch {
	case g.slowChecks >= 3:
		g.slowChecks = 0
		g.try(trialRate, d, at)
	case g.floorChecks >= 2:
		g.floorChecks = 0
		g.try(trialFloor, d, d-max(1, d/8))
	case d >= 6 && !g.startup && g.now-g.downAt >= g.downEvery:
		g.try(trialDown, d, d*3/4)
	}
}

// used is the number of streams that the engine is made to run: the limit while
// it is full, those that run while tokens hold the others back, 0 while there is
// too little to do.
func (g *Governor) used() int {
	switch {
	case !g.alive():
		return 0
	case g.now-g.filled <= 2*time.Second:
		return g.limit
	case g.starved >= 0:
		return min(g.streams, g.limit)
	}
	return 0
}

// count counts checks in a row.
func count(n *int, holds bool) {
	if holds {
		*n++
	} else {
		*n = 0
	}
}
