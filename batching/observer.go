package batching

import "time"

// Observer hears what requests do once they may run. It is how a governor sees
// the engine without the scheduler knowing that there is one.
//
// Released and Stream.Ended are called under the scheduler's lock, so that a place
// is heard to be given back before it is heard to be taken: whoever counts what is
// in the engine never counts one too many. They must be quick and must not call
// the scheduler.
type Observer interface {
	Released(now time.Time, r Request) Stream
}

// Stream hears of one released request.
type Stream interface {
	// Tokens tells of n > 0 more tokens; the first call is the first token. It is
	// called without the scheduler's lock, from any goroutine.
	Tokens(now time.Time, n int)
	Ended(now time.Time, o Outcome, r Report)
}
