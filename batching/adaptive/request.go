package adaptive

import "time"

// Work is what is known of a request when it is released to the engine.
type Work struct {
	Prompt    int  // tokens, an estimate; 0 = unknown
	MaxTokens int  // most tokens it may generate; 0 = unknown
	Streams   bool // its tokens are reported as they come
	Embedding bool // it generates nothing
	Urgent    bool // it is never what a slot probe is tried with
}

// Outcome is how a released request ended.
type Outcome uint8

// The outcomes.
const (
	Served   Outcome = iota // by itself, well or with an error of its own
	Canceled                // its client left
	Overload                // the engine refused because it had too much to do
	Failed                  // the engine could not be reached, broke off, or could not load the model
)

// End is what is known of a request when it has ended. Counts are -1 where the
// engine told nothing.
type End struct {
	Outcome Outcome
	Prompt  int // tokens of the whole prompt
	Cached  int // of those, found in the engine's cache
	Output  int // tokens generated

	// Timed means that the engine told its own times, those that follow.
	Timed      bool
	EngineWait time.Duration // in a queue of the engine's own
	PromptTime time.Duration // reading the prompt
	EvalTime   time.Duration // generating
	LoadTime   time.Duration // loading the model
}

// Memory is a reading of the GPU.
type Memory struct {
	Used, Total float64 // MiB, all programs; Total 0 = not known
	Utilization float64 // share of time in which it worked, 0–1; -1 = not known
	Others      float64 // other programs' part of that, 0–1; -1 = not known
}
