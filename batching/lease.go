package batching

import (
	"sync/atomic"
	"time"
)

// Lease is a request's place on the GPU. Its methods may be called from any
// goroutine, Release more than once.
type Lease struct {
	scheduler *Scheduler
	ticket    *Ticket
	report    Report
	first     atomic.Bool
	released  atomic.Bool
}

// Batch tells with whom the request was released; the figures of its end are zero.
func (l *Lease) Batch() Batch { return l.ticket.group.Batch }

// Ride is the call that this request goes with, and its place among those who do;
// nil if it goes alone.
func (l *Lease) Ride() (r *Ride, seat int) { return l.ticket.ride, l.ticket.seat }

// Stream is what the Observer hears of this request by; for a call that several go
// with it is that of all of them. nil = there is no observer. It takes no lock: a host
// is let go, and its stream made, before those who go along.
func (l *Lease) Stream() Stream {
	if r := l.ticket.ride; r != nil {
		return r.host.stream
	}
	return l.ticket.stream
}

// Waited is how long the request was queued.
func (l *Lease) Waited() time.Duration { return l.ticket.Released.Sub(l.ticket.Queued) }

// FirstToken reports that the first token has arrived. Later calls do nothing.
func (l *Lease) FirstToken() {
	if l.first.CompareAndSwap(false, true) {
		l.scheduler.firstToken(l.ticket)
	}
}

// Tokens reports n more generated tokens. It takes no lock of the scheduler. A
// negative n corrects an estimate once the engine has told the count.
func (l *Lease) Tokens(n int) {
	l.ticket.Generated(n)
	l.scheduler.tokens.Add(int64(n))
	if n > 0 && l.ticket.stream != nil {
		l.ticket.stream.Tokens(time.Now(), n)
	}
}

// Report keeps what the engine told, for Release. It is called by the one
// goroutine that calls Release.
func (l *Lease) Report(r Report) { l.report = r }

// Release gives the place back. Only the first call counts, so it may be
// deferred. A Canceled place stays taken for Settings.CancelGrace.
func (l *Lease) Release(o Outcome) {
	if l.released.CompareAndSwap(false, true) {
		l.scheduler.end(l.ticket, o, l.report)
	}
}
