package batching

import (
	"fmt"
	"time"
)

// Key says which requests may share a batch: only those for the same model on
// the same engine.
type Key struct {
	Engine string `json:"engine"`
	Model  string `json:"model"`
}

// Priority is a request's class. A higher class always leaves the queue first.
type Priority int8

// The priority classes. The zero value is Normal.
const (
	Background Priority = -1
	Normal     Priority = 0
	Urgent     Priority = 1
)

// String returns "background", "normal" or "urgent".
func (p Priority) String() string {
	switch {
	case p < Normal:
		return "background"
	case p > Normal:
		return "urgent"
	}
	return "normal"
}

// MarshalText writes the class by name.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (p *Priority) UnmarshalText(text []byte) error {
	for _, known := range []Priority{Background, Normal, Urgent} {
		if string(text) == known.String() {
			*p = known
			return nil
		}
	}
	return fmt.Errorf("priority %q is not one of background, normal, urgent", text)
}

// Request is what the scheduler may know of a call: never its prompt.
type Request struct {
	Key
	ID           string   // the caller's request id, shown in snapshots
	App          string   // who asks, for display and fairness
	Priority     Priority // class in the queue
	PromptTokens int      // estimate; 0 = unknown
	PromptLeast  int      // tokens that the prompt holds for certain, in the engine's cache, all at once; 0 = unknown
	MaxTokens    int      // most tokens it may generate; 0 = unknown
	Prefix       uint64   // hash of the shared prompt prefix; 0 = unknown
	PrefixTokens int      // estimate of that prefix's length; 0 = unknown
	Unlisted     bool     // the engine does not have the model, so nothing makes room for it
	Streams      bool     // its tokens are reported as they come
	Withheld     bool     // but the first one, or one after it, may be long in coming: tools, images
	Embedding    bool     // it reads a prompt and generates nothing

	// Since is when it first arrived, for a request that is queued again because
	// its engine went away: it keeps its place by age. Zero, or still to come = now.
	Since time.Time

	// Merge is equal for requests that may go to the engine as one call: while one
	// of them runs, others wait Limits.Wait for company, and those that wait when
	// one is released go with it. "" = never.
	Merge string
	Texts int // that such a request adds to a call; 0 = 1

	// Supersede names what the request is about. While an earlier one of the same
	// app with the same value waits, that one leaves with ErrSuperseded. "" = none.
	Supersede string
}

// Report is what the engine told of a request at its end. Counts are -1 and
// times 0 where it told nothing.
type Report struct {
	PromptTokens int // of the whole prompt
	CachedTokens int // of those, found in the engine's cache
	OutputTokens int

	Total  time.Duration // from the engine's receipt to the end
	Load   time.Duration // loading the model
	Prompt time.Duration // reading the prompt
	Eval   time.Duration // generating
}

// Untold is the report of an engine that tells nothing.
func Untold() Report { return Report{PromptTokens: -1, CachedTokens: -1, OutputTokens: -1} }

// Wait is how long the engine held the request in a queue of its own: what is
// left of Total. False if the engine does not tell.
func (r Report) Wait() (time.Duration, bool) {
	if r.Total <= 0 || r.Eval <= 0 && r.Prompt <= 0 {
		return 0, false
	}
	return max(0, r.Total-r.Load-r.Prompt-r.Eval), true
}

// Outcome tells how a released request ended, as far as the scheduler cares.
type Outcome uint8

const (
	// Served requests ended by themselves, well or with an error of their own.
	Served Outcome = iota
	// Canceled requests were left by their client. The engine may still work
	// on them, so their place stays taken for Settings.CancelGrace.
	Canceled
	// Overload means that the engine refused because it had too much to do. The
	// core counts it as Served; it is for whoever moves the limits.
	Overload
	// Failed means that the engine could not be reached or broke off. The core
	// counts it as Served.
	Failed
	// Exhausted means that the engine ran out of memory. The core counts it as
	// Served; whoever moves the limits lowers them.
	Exhausted
)
