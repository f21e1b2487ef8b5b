package scheduling

import (
	"time"

	"carpool/batching"
	"carpool/batching/adaptive"
)

// governed is Carpool's own controller. The scenario's facts are all it knows.
type governed struct{ governor *adaptive.Governor }

// reserve is memory.reserve_mb as delivered.
const reserve = 512

// Governor is adaptive mode as delivered.
func Governor() Policy {
	return moved("governor", func(s Scenario) limiter { return newGoverned(s.Told) })
}

// GovernorTold is adaptive mode before an engine that tells its slots.
func GovernorTold() Policy {
	return moved("governor, slots told", func(s Scenario) limiter {
		told := s.Told
		told.Slots = s.Machine.Models[0].Slots
		return newGoverned(told)
	})
}

func newGoverned(told adaptive.Facts) *governed {
	g := adaptive.New(moment(0), adaptive.Config{Min: 1, Max: ceiling, Start: start, Reserve: reserve})
	if told != (adaptive.Facts{}) {
		g.Tell(moment(0), told)
	}
	return &governed{governor: g}
}

func (g *governed) released(now time.Duration, r *request) {
	g.governor.Released(moment(now), r.id, adaptive.Work{Prompt: r.prompt, MaxTokens: r.told, Streams: true})
}

func (g *governed) tokens(now time.Duration, r *request, n int) {
	g.governor.Tokens(moment(now), r.id, n)
}

func (g *governed) ended(now time.Duration, r *request) {
	g.governor.Ended(moment(now), r.id, adaptive.End{
		Outcome: adaptive.Served, Prompt: r.prompt, Cached: r.cached, Output: r.output})
}

func (g *governed) memory(now time.Duration, m adaptive.Memory) { g.governor.Memory(moment(now), m) }

func (g *governed) restarted(now time.Duration) { g.governor.Reset(moment(now), "engine restarted") }

func (g *governed) limits(now time.Duration, waiting, inFlight int) batching.Limits {
	d := g.governor.Tick(moment(now), waiting, inFlight)
	return batching.Limits{Mode: batching.Fixed, Size: d.Limit, Tokens: d.Tokens, Largest: d.Largest, Reason: d.Reason}
}
