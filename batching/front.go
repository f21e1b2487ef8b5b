package batching

import (
	"slices"
	"time"
)

// MoveToFront makes a waiting request the next of its engine, or of those that share
// its GPU, whatever class, share and guard say, and ends its wait for company. Of
// several the last one moved goes first. It changes nothing of what is in flight, of
// limits, room, holds and pinned models, and its app pays as ever. It fails with
// ErrGone if the request has ended, and with ErrRunning if it waits no more.
func (c *Core) MoveToFront(now time.Time, ticket uint64) error {
	t := c.tickets[ticket]
	switch {
	case t == nil:
		return ErrGone
	case t.state != waiting:
		return ErrRunning
	}
	t.queue.line.unmark(t)
	c.fronts++
	t.front = c.fronts
	switch t.spot {
	case inLine:
		t.queue.line.mark(t)
	case onPorch:
		c.offPorch(t)
		c.enqueue(t, now)
	}
	return nil
}

// MoveToFront makes the waiting request of a ticket, as Snapshot names it, the next
// of its engine; see Core.MoveToFront.
func (s *Scheduler) MoveToFront(ticket uint64) error {
	s.mu.Lock()
	now := time.Now()
	err := s.core.MoveToFront(now, ticket)
	s.settle(now)
	return err
}

// mark puts t, which may have been held since, among those that were moved to the
// front.
func (l *line) mark(t *Ticket) {
	at := len(l.moved)
	for at > 0 && l.moved[at-1].front > t.front {
		at--
	}
	l.moved = slices.Insert(l.moved, at, t)
}

// unmark takes t from among those that were moved to the front, if it is there.
func (l *line) unmark(t *Ticket) {
	if t.front > 0 {
		l.moved = slices.DeleteFunc(l.moved, func(other *Ticket) bool { return other == t })
	}
}

// front is the ticket that was moved to the front last; nil if none waits.
func (l *line) front(urgentOnly bool) *Ticket {
	for _, t := range slices.Backward(l.moved) {
		if !urgentOnly || t.Request.Priority > Normal {
			return t
		}
	}
	return nil
}

// front is the one of several queues that was moved to the front last; nil if none
// was, or accept takes none.
func front(queues []*queue, accept func(*queue) bool) *Ticket {
	var first *Ticket
	for _, q := range queues {
		if t := q.line.front(false); t != nil && accept(q) && (first == nil || t.front > first.front) {
			first = t
		}
	}
	return first
}
