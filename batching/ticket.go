package batching

import (
	"sync/atomic"
	"time"
)

// Ticket is one request's place in a Core, from its arrival to its end. Its
// fields belong to the Core; read them only where Core's methods may be called.
type Ticket struct {
	Request  Request
	Queued   time.Time // when it arrived first, Request.Since if that is set
	Released time.Time // zero while it waits

	state     state
	spot      spot     // where it waits
	over      bool     // it has ended, its place not yet
	cancelled bool     // by Cancel
	front     uint64   // when it was moved to the front, by Core.fronts; 0 = it was not
	loads     bool     // it had its model loaded from nothing or in place of another one
	queue     *queue   // of its key
	app       *account // of who asks
	outputs   *outputs // its last answers
	group     *group
	ride      *Ride         // nil = it runs alone
	seat      int           // in the ride
	freeAt    time.Time     // of a leaving ticket: when its place is free
	number    uint64        // counts up over all keys
	arrived   time.Duration // Queued, from Core.began on
	waits     time.Time     // Queued, later by the time it was held
	heldAt    time.Time     // while it is in the pen: since when

	lane  *lane  // where it waits
	alike *alike // where it waits with others of its prefix; nil without one
	place int    // in lane.short
	links [chains]links

	// What it is expected to hold, in tokens, and what its app was charged for it.
	prompt, cached, output int
	charged                float64 // units for the prompt

	// The stream reports these without the scheduler's lock: once per token is
	// too often to take it.
	firstToken atomic.Int64 // nanoseconds after Queued; 0 = none yet
	tokens     atomic.Int64

	// The shell's half of the hand-over.
	ready    chan struct{}
	err      error
	stream   Stream // nil without an observer
	onCancel func() // nil = nobody wants to hear
}

// Number names the ticket, for Cancel and MoveToFront. It is never given again.
func (t *Ticket) Number() uint64 { return t.number }

// Generated reports n more generated tokens. It may be called from any
// goroutine while the ticket runs; a negative n corrects an estimate.
func (t *Ticket) Generated(n int) {
	t.tokens.Add(int64(n))
	t.app.generated.Add(int64(n))
}

// earlier is the order of arrival, over all keys.
func (t *Ticket) earlier(other *Ticket) bool {
	if t.arrived != other.arrived {
		return t.arrived < other.arrived
	}
	return t.number < other.number
}

// state is how far a ticket has come. It only ever grows.
type state uint8

const (
	waiting state = iota
	running
	leaving // its client has gone, the engine may still work on it
	ended
)

// spot is where a waiting ticket stands.
type spot uint8

const (
	inLine  spot = iota
	onPorch      // it waits for company
	inPen        // it is held
)

// group is a batch while it runs.
type group struct {
	Batch       // as it was at the release; never changed after
	tokens  int // of those that ended
	members int // not ended yet, by the client's view
	places  int // still counted against the limit, leaving ones included
}
