package sim

import "time"

// Job is one request.
type Job struct {
	ID     uint64 // the caller's, unique among the jobs in the machine
	Model  string
	Prompt int // tokens, at least 1
	Output int // tokens to generate; 0 = only the prompt is read, as for an embedding

	Prefix       uint64 // names the prompt's beginning; 0 = shared with no other
	PrefixTokens int    // how long that beginning is
}

// Kind says what happened.
type Kind int

// The kinds of event.
const (
	Loading   Kind = iota // Model began to load; Job is the one that caused it
	Loaded                // Model is loaded
	Entered               // Job took a slot; Tokens of its prompt were found there
	Token                 // Job has emitted Tokens tokens by now
	Done                  // Job has ended after Tokens tokens
	Preempted             // Job went back to the head of the line and starts again
)

// String returns the kind in lower case.
func (k Kind) String() string {
	return [...]string{"loading", "loaded", "entered", "token", "done", "preempted"}[k]
}

// Event is something that happened.
type Event struct {
	At     time.Duration
	Kind   Kind
	Job    uint64
	Model  string
	Tokens int
}

// run is a job in a slot.
type run struct {
	Job
	slot   *slot
	unread int           // prompt tokens still to read
	tokens int           // emitted
	gone   bool          // canceled or preempted; a step under way skips it
	ends   time.Duration // only with Profile.Request
}

// held is how many tokens of cache the run holds.
func (r *run) held() int { return r.Prompt - r.unread + r.tokens }

func (r *run) decoding() bool { return r.unread == 0 }

// slot is a place for one run, and the cache its last one left.
type slot struct {
	run    *run
	prefix uint64
	length int    // tokens of the prefix
	used   uint64 // order of last use
}
