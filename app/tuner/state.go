package tuner

import (
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
