package batching

import "time"

// Observer hears what requests do once they may run. It is how a governor sees
// the engine without the scheduler knowing that there is one.
type Observer interface {
	// Released is called under the scheduler's lock, so it must be quick and
	// must not call the scheduler.
	Released(now time.Time, r Request) Stream
}

// Stream hears of one released request, without the scheduler's lock and from
// any goroutine.
type Stream interface {
	Tokens(now time.Time, n int) // n > 0 more tokens; the first call is the first token
	Ended(now time.Time, o Outcome, r Report)
}
