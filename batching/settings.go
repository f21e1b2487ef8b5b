package batching

import "time"

// Settings are the scheduler's rules for all keys. All may change at any time
// through Scheduler.Configure; requests in flight are never touched.
type Settings struct {
	Limits                       // for keys without limits of their own (SetLimits)
	MaxWaiting     int           // waiting requests over all keys; 0 = 512
	ReservedOthers int           // places in the queue that a single app cannot take, at most half of it; 0 = none
	MaxWait        time.Duration // longest time in the queue; 0 = no bound
	MergeTexts     int           // most texts of requests released as one call; below 2 = none are
	CancelGrace    time.Duration // how long a canceled request stays counted; 0 = not at all

	Order          Order
	Weights        map[string]float64 // of apps, above 0; an app that is not listed has 1. Never changed after it was handed over
	ReservedUrgent int                // places of each key that only urgent requests may take, at most all but one; 0 = none
	Guard          time.Duration      // an app that waited so long without a turn goes next; 0 = 60 s
	PrefixCredit   float64            // units out of turn for a prefix still in the engine's cache; 0 = none
	ShortestFirst  bool               // inside one app, the shortest expected answer first
	Pinned         map[string]bool    // models never given up for another one; never changed after it was handed over
	ModelMaxWait   time.Duration      // longest wait for a model that is not loaded; 0 = 30 s

	// Groups are the engines that share a GPU with others, by name, and the group of
	// each. What is in flight on all keys of a group's engines counts against the
	// limits of each key. An engine that is not listed, or listed with "", is in none.
	// Never changed after it was handed over.
	Groups map[string]string
}

// DefaultMaxWaiting is the queue's bound where none is set. It is the one of
// Ollama's own queue (OLLAMA_MAX_QUEUE).
const DefaultMaxWaiting = 512

// Order is a rule for who goes next.
type Order uint8

const (
	// Fair takes turns among apps by what they used, inside the model that is
	// loaded. design.md has its rules.
	Fair Order = iota
	// Arrival is first come, first served inside a class of priority.
	Arrival
)

// Defaults of Settings.
const (
	defaultGuard        = time.Minute
	defaultModelMaxWait = 30 * time.Second
)

// withinRange puts the defaults where nothing is set.
func (s Settings) withinRange() Settings {
	s.Limits = s.Limits.withinRange()
	if s.MaxWaiting <= 0 {
		s.MaxWaiting = DefaultMaxWaiting
	}
	s.ReservedOthers = min(s.ReservedOthers, s.MaxWaiting/2)
	if s.Guard <= 0 {
		s.Guard = defaultGuard
	}
	if s.ModelMaxWait <= 0 {
		s.ModelMaxWait = defaultModelMaxWait
	}
	return s
}
