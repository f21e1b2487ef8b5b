package adaptive

import (
	"fmt"
	"time"
)

// shown is what the last decision said, as far as a change of it is worth a line.
type shown struct {
	limit   int
	slots   int
	by      SlotSource
	bound   bound
	starved bool
}

// watchLoad measures how long requests have waited for nothing but the limit.
// Time in which the engine does not decode does not count.
func (g *Governor) watchLoad(waiting, inFlight int) {
	dt := min(g.now-g.ticked, time.Second)
	g.ticked = g.now
	alive := g.alive()
	if inFlight >= g.effective() {
		g.filled = g.now
		if waiting > 0 {
			g.bound = g.now
		}
	}
	// Between an end and the next release the limit is not full for a moment.
	g.binding = waiting > 0 && alive && g.now-g.bound <= 150*time.Millisecond
	if g.binding {
		g.boundFor += dt
		g.boundTotal += dt
	} else if alive {
		g.boundFor = 0
	}
	if starving := waiting > 0 && inFlight > 0 && inFlight < g.effective() && alive; !starving {
		g.starved = -1
	} else if g.starved < 0 {
		g.starved = g.now
	}
}

// alive means that the engine decodes.
func (g *Governor) alive() bool { return g.now-g.lastToken < g.pause() }

// effective is the limit in force.
func (g *Governor) effective() int {
	c := g.config
	if c.Fixed > 0 {
		return c.Fixed
	}
	n := min(g.limit, g.top())
	switch {
	case g.down:
		n = 1
	case g.slots.probe.on:
		n = max(n, g.slots.n+1)
	}
	return min(max(n, c.Min), c.Max)
}

// set moves the limit.
func (g *Governor) set(n int, reason string) {
	n = min(max(n, g.config.Min), g.config.Max)
	g.reason = reason
	if n == g.limit {
		return
	}
	g.limit = n
	g.proven = g.streams
	g.slots.firsts = 0
	g.boundFor = 0
	g.limitAt, g.limitRead = g.now, g.read
}

func (g *Governor) decide(waiting, inFlight int) Decision {
	tokens, by := g.budget()
	starved := by != unbound && g.starved >= 0 && g.now-g.starved > 500*time.Millisecond
	d := Decision{Limit: g.effective(), Tokens: tokens, Largest: g.largest(), Reason: g.why(starved, tokens, by)}
	s := shown{limit: d.Limit, slots: g.slots.n, by: g.slots.by, bound: by, starved: starved || g.shown.starved && waiting > 0 && inFlight > 0}
	d.Changed = g.changed || s != g.shown
	g.shown, g.changed = s, false
	return d
}

// why is the reason to show now.
func (g *Governor) why(starved bool, tokens int, by bound) string {
	room := max(0, tokens-int(g.held()))
	switch {
	case g.down:
		return "engine failed: one at a time until it answers"
	case starved && by == byCache:
		return fmt.Sprintf("engine's cache: room for %s tokens", thousands(room))
	case starved:
		return fmt.Sprintf("GPU memory: room for %s tokens", thousands(room))
	case g.config.Fixed > 0 && g.slots.n > 0 && g.slots.n != g.config.Fixed:
		return fmt.Sprintf("%s, limit %d", runsAtOnce(g.slots.n), g.config.Fixed)
	case g.config.Fixed > 0:
		return fmt.Sprintf("fixed at %d", g.config.Fixed)
	case g.binding && g.crowded() && !g.trial.on:
		return fmt.Sprintf("another program uses %s of the GPU: not growing", percent(g.memory.others))
	case g.blind() && g.limit >= g.top() && g.top() == blindCeiling:
		return fmt.Sprintf("GPU memory cannot be seen: at most %d at once", blindCeiling)
	}
	return g.reason
}
