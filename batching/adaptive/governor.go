package adaptive

import (
	"fmt"
	"time"
)

// Governor finds the limit of one model on one engine. Make it with New.
type Governor struct {
	config Config
	facts  Facts
	limit  int
	reason string
	told   bool // the last decision was handed out
}

// New returns a governor that knows nothing yet.
func New(now time.Time, c Config) *Governor {
	g := &Governor{config: c.withDefaults()}
	g.Reset(now, "")
	return g
}

// Configure replaces the settings. What was learned stays.
func (g *Governor) Configure(_ time.Time, c Config) {
	g.config = c.withDefaults()
	g.set(g.limit, g.reason)
}

// Tell says what the engine told of itself. Each call replaces what the last
// one said.
func (g *Governor) Tell(_ time.Time, f Facts) {
	g.facts = f
	if f.Slots > 0 {
		g.set(f.Slots, fmt.Sprintf("engine runs %d at once", f.Slots))
	}
}

// Released tells that a request was let into the engine. Ids are the caller's
// and unique among the requests in flight.
func (g *Governor) Released(now time.Time, id uint64, w Work) {}

// Tokens tells of n > 0 more tokens of a request. Its first call is the first
// token. It costs well under a microsecond.
func (g *Governor) Tokens(now time.Time, id uint64, n int) {}

// Ended tells that a released request is over.
func (g *Governor) Ended(now time.Time, id uint64, e End) {}

// Memory takes a reading of the GPU, about once a second.
func (g *Governor) Memory(now time.Time, m Memory) {}

// Tick decides. It is called about every 100 ms while anything waits or runs,
// and may be called more often. waiting and inFlight are those of the model.
func (g *Governor) Tick(now time.Time, waiting, inFlight int) Decision {
	d := Decision{Limit: g.limit, Reason: g.reason, Changed: !g.told}
	g.told = true
	return d
}

// Reset forgets everything but the settings and what the engine told: the
// engine restarted or changed. reason is for people, such as "Ollama restarted".
func (g *Governor) Reset(now time.Time, reason string) {
	g.set(g.config.Start, fmt.Sprintf("starting with %d", g.config.Start))
	g.Tell(now, g.facts)
}

// State returns what is known now, as a copy.
func (g *Governor) State() State {
	s := State{Limit: g.limit, Reason: g.reason, Phase: Starting, Latency: g.config.Latency}
	if g.facts.Slots > 0 {
		s.Slots, s.SlotsBy = g.facts.Slots, Told
	}
	return s
}

func (g *Governor) set(limit int, reason string) {
	if g.config.Fixed > 0 {
		limit, reason = g.config.Fixed, fmt.Sprintf("fixed at %d", g.config.Fixed)
	} else {
		limit = min(max(limit, g.config.Min), g.config.Max)
	}
	if limit != g.limit {
		g.told = false
	}
	g.limit, g.reason = limit, reason
}
