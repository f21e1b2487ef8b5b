package adaptive

import (
	"fmt"
	"time"
)

// refused halves the limit. What was let in before the last cut says nothing new.
func (g *Governor) refused(r *request) {
	g.holdUntil = max(g.holdUntil, g.now+10*time.Second)
	if r.released <= g.cutAt {
		return
	}
	g.cutAt = g.now
	g.startup, g.trial.on, g.slots.probe.on = false, false, false
	n := max(g.config.Min, g.limit/2)
	g.set(n, fmt.Sprintf("engine refused work: %d at once", n))
}

// answered ends the time after a failure. A request from before it that goes on
// shows that the engine never was away; one from after it is a new engine.
func (g *Governor) answered(r *request) {
	g.down = false
	if r.released >= g.downed {
		g.Reset(g.born.Add(g.now), "engine answers again")
	}
}
