package scheduling

import (
	"time"

	"carpool/backends/sim"
	"carpool/batching"
	"carpool/batching/adaptive"
)

// Scenario is an engine, the requests it gets, and for how long.
type Scenario struct {
	Name    string
	Text    string // for people
	Machine sim.Config
	Traffic []Traffic

	Length time.Duration
	WarmUp time.Duration // not counted in any figure
	Change []Change

	// Told is what the gateway knows of the engine. Slots stay hidden.
	Told adaptive.Facts
	// Blind means that the card cannot be read.
	Blind bool
	// Busy and Others are what the card reports of its use, 0–1; nil = nothing.
	Busy, Others func(now time.Duration) float64
}

// Change is something that happens to the engine during a scenario.
type Change struct {
	At      time.Duration
	Machine sim.Config
	Seen    bool // the gateway notices, as with a restart
}

// model names the i-th model of every scenario.
func model(i int) string { return string(rune('a' + i)) }

// engineName is the engine of every scenario.
const engineName = "sim"

func key(i int) batching.Key { return batching.Key{Engine: engineName, Model: model(i)} }

// engine returns a machine with one loaded model of the given slots.
func engine(p sim.Profile, slots ...int) sim.Config {
	c := sim.Config{Profile: p, Loaded: model(0)}
	for i, s := range slots {
		c.Models = append(c.Models, sim.Model{Name: model(i), Slots: s})
	}
	return c
}

// taken is c while other programs hold MiB of the card.
func taken(c sim.Config, mib float64) sim.Config {
	c.Taken = mib
	return c
}

// known is what a gateway knows of an engine from its kind: whether its cache
// is there from the start.
func known(p sim.Profile) adaptive.Facts {
	return adaptive.Facts{Preallocated: p.KV == sim.Preallocated}
}
