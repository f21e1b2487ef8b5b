package adaptive

import "time"

// State returns what is known now, as a copy.
func (g *Governor) State() State {
	tokens, by := g.budget()
	mib, measured := g.mibPerToken()
	starved := by != unbound && g.starved >= 0 && g.now-g.starved > 500*time.Millisecond
	s := State{
		Limit: g.effective(), Tokens: tokens, Reason: g.why(starved, tokens, by),
		Cap: g.cap(starved), Phase: g.phase(),
		Slots: g.slots.n, SlotsBy: g.slots.by, Streams: g.streams, Peak: g.peak,
		Latency: g.floor(), MiBPerToken: mib, Measured: measured,
	}
	for d := range g.levels {
		if l := &g.levels[d]; d > 0 && l.known() {
			s.Levels = append(s.Levels, Level{Streams: d, Gap: seconds(l.quartile), Rate: g.rate(d), Gaps: l.gaps})
		}
	}
	return s
}

func (g *Governor) phase() Phase {
	switch {
	case g.config.Fixed > 0:
		return Constant
	case g.down:
		return HalfOpen
	case g.trial.on:
		return Trying
	case g.slots.probe.on:
		return Probing
	case g.now < g.holdUntil:
		return Holding
	case g.startup:
		return Starting
	}
	return Steady
}

func (g *Governor) cap(starved bool) Cap {
	n := g.limit
	switch {
	case g.config.Fixed > 0:
		return ByFixed
	case g.down || g.now < g.holdUntil:
		return ByEngine
	case starved:
		return ByMemory
	case g.slots.n > 0 && n >= g.slots.n:
		return BySlots
	case g.knee > 0 && n >= g.knee:
		return ByKnee
	case n >= g.config.Max:
		return ByMax
	case g.blind() && n >= g.top():
		return ByUnknown
	case g.binding && g.crowded():
		return ByOthers
	case g.limit < len(g.levels) && g.tooSlow():
		return ByLatency
	}
	return ""
}
