package backends

import "time"

// When an engine rests: after so many failed answers in such a time without a
// good one between them, for so long (WIRE.md §4, row 8).
const (
	breakAfter  = 5
	breakWithin = 30 * time.Second
	breakFor    = 10 * time.Second
)

// breaker keeps requests from an engine that answers but fails: after its rest
// one request goes to try it, and its end says whether the rest follow. It knows
// no clock and no lock. A connection that fails is not its business: the prober
// sees that the engine is down, and that it is back.
type breaker struct {
	failed []time.Time // without a good answer since, the oldest first; at most breakAfter
	until  time.Time   // of the rest; zero = it is closed
	trying time.Time   // when a request went to try it; zero = none did
}

// rests reports whether no request may go at now, and until when.
func (b *breaker) rests(now time.Time) (until time.Time, yes bool) {
	switch {
	case b.until.IsZero():
		return time.Time{}, false
	case now.Before(b.until):
		return b.until, true
	case !b.trying.IsZero() && now.Before(b.trying.Add(breakFor)):
		return b.trying.Add(breakFor), true // one tries; if it waits for its turn for long, another may
	}
	return time.Time{}, false
}

// enter notes that a request goes to the engine, which rests does not forbid.
func (b *breaker) enter(now time.Time) {
	if !b.until.IsZero() {
		b.trying = now
	}
}

// fail notes a failed answer and reports whether the engine rests from now on.
func (b *breaker) fail(now time.Time) (opens bool) {
	if !b.until.IsZero() {
		opens = !b.trying.IsZero() && !now.Before(b.until)
		if opens {
			b.until, b.trying = now.Add(breakFor), time.Time{}
		}
		return opens
	}
	b.failed = append(b.failed, now)
	if len(b.failed) < breakAfter {
		return false
	}
	if opens = now.Sub(b.failed[0]) <= breakWithin; opens {
		*b = breaker{until: now.Add(breakFor)}
		return true
	}
	b.failed = b.failed[1:]
	return false
}

// serve notes a good answer.
func (b *breaker) serve() { *b = breaker{failed: b.failed[:0]} }
