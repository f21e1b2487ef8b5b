package gateway

import (
	"time"

	"carpool/batching"
)

// Outcome is how a request ended, for the history.
type Outcome string

// The outcomes.
const (
	OK          Outcome = "ok"
	Failed      Outcome = "error"
	Canceled    Outcome = "cancelled"
	Rejected    Outcome = "rejected"
	Interrupted Outcome = "interrupted"
)

// Record is the one account of a scheduled request. No prompt, no answer, no key.
type Record struct {
	ID              string
	Batch           uint64 // 0: never released
	Started         time.Time
	App             string
	Engine          string
	Model           string
	Route           string
	Dialect         Dialect
	Stream          bool
	Priority        batching.Priority
	Outcome         Outcome
	ErrorKind       string // "" when ok, but "empty" where nothing was generated
	Status          int    // sent to the client; 499 = it left before, or read too slowly
	EngineStatus    int    // 0 = not asked or no answer
	PromptBytes     int64  // text of the prompt, without images
	AnswerBytes     int64
	PromptTokens    int // -1 = not known
	OutputTokens    int // -1 = not known
	TokensEstimated bool
	Queued          time.Duration
	FirstToken      time.Duration // from arrival; 0 = none
	Total           time.Duration
	Simulated       bool
	Observed        batching.Stream // what the scheduler's observer heard of its run by; nil: never released
	Silent          bool            // the engine took it and had no first token within the limit
	Line            batching.Key    // that it was let in from; zero: never released
	Aboard          int             // requests that the run was for, with this one; 0: never released
	Shared          bool            // another request's run answered it: no batch and no tokens of its own
	Trace           Trace           // where it stands in a distributed trace; zero = it is not traced
	Load            time.Duration   // the engine loaded the model for it, or made it wait for that; 0 = no, or not told
	Reload          string          // what made the engine load it again, as in Reload.Short; "" = it did not, or for the first time
}
