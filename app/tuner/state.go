package tuner

import (
	"slices"
	"time"

	"carpool/batching"
)

// State is what is known of one engine and model, for people.
type State struct {
	batching.Key
	Limit       int       `json:"limit"`    // in flight; 0 = no bound
	Slots       int       `json:"slots"`    // requests the engine runs at once; 0 = not known
	SlotsBy     string    `json:"slots_by"` // told, engine wait, first tokens, ""
	Reason      string    `json:"reason"`   // why the limit is what it is
	Phase       string    `json:"phase"`    // starting, steady, trial, …
	Advice      string    `json:"advice"`   // what would let more run at once; "" = nothing
	MiBPerToken float64   `json:"mib_per_token"`
	TokenBudget int       `json:"token_budget"` // most tokens in flight; 0 = no bound
	Decided     time.Time `json:"decided"`      // the last change
}

// Decision is one change of a limit or of what is known of an engine, for the
// log and the history.
type Decision struct {
	At time.Time
	batching.Key
	Kind            Kind
	OldLimit, Limit int // requests in flight
	Slots           int // 0 = not known
	SlotsBy         string
	TokenBudget     int // 0 = no bound
	Reason          string
	InFlight        int // of the model, at the time
	Waiting         int

	// What the GPU showed at the time; nil = not known.
	MemoryUsed, MemoryTotal *uint64 // bytes
	Utilization             *float64
}

// Kind is what a decision is about.
type Kind string

// The kinds.
const (
	ByLimit  Kind = "limit"
	BySlots  Kind = "slots"  // what is known of the engine
	ByBudget Kind = "budget" // what bounds the tokens in flight
)

// States are what is known of each engine and model, the one used last first.
func (t *Tuner) States() []State {
	now := time.Now()
	t.mu.Lock()
	c, capped, all := t.config, t.cap, t.all()
	t.mu.Unlock()
	general := limits(c)
	states := make([]State, 0, len(all))
	used := make(map[batching.Key]time.Time, len(all))
	for _, g := range all {
		_, at := g.last()
		used[g.key] = at
		states = append(states, g.state(now, g.limits(now, general, capped.of(g.key))))
	}
	slices.SortStableFunc(states, func(a, b State) int { return used[b.Key].Compare(used[a.Key]) })
	return states
}

// LimitOf is how many requests of one engine and model may run; 0 = no bound.
func (t *Tuner) LimitOf(k batching.Key) int {
	t.mu.Lock()
	c, capped, g := t.config, t.cap, t.keys[k]
	t.mu.Unlock()
	if g == nil {
		return capped.of(k).on(limits(c)).InFlight()
	}
	return g.limits(time.Now(), limits(c), capped.of(k)).InFlight()
}

// Limits are those in force for the model used last, else for one never used.
func (t *Tuner) Limits() batching.Limits {
	t.mu.Lock()
	c, capped, all := t.config, t.cap, t.all()
	t.mu.Unlock()
	l := limits(c)
	var latest time.Time
	for _, g := range all {
		if d, at := g.last(); at.After(latest) && d.Limit > 0 {
			latest, l = at, g.limits(time.Now(), limits(c), capped.of(g.key))
		}
	}
	return l
}
