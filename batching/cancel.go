package batching

import (
	"errors"
	"time"
)

// Errors of Cancel and MoveToFront.
var (
	ErrGone    = errors.New("there is no such request any more")
	ErrRunning = errors.New("the request runs already")
)

// Cancel ends the request of a ticket: one that waits leaves the queue, and the
// holder of one that runs is to be told. Step returns both as Cancelled. A ride goes
// on for the others in it. It fails with ErrGone if the request has ended.
func (c *Core) Cancel(ticket uint64) error {
	t := c.tickets[ticket]
	if t == nil {
		return ErrGone
	}
	if !t.cancelled {
		t.cancelled = true
		c.Leave(t)
		c.gathered.Cancelled = append(c.gathered.Cancelled, t)
	}
	return nil
}

// Cancel ends the request of a ticket, as Snapshot names it: Acquire fails with
// ErrCancelled if it waits; if it runs, its holder hears of it by Lease.OnCancel and
// has it until Release. It fails with ErrGone if the request has ended.
func (s *Scheduler) Cancel(ticket uint64) error {
	s.mu.Lock()
	err := s.core.Cancel(ticket)
	s.settle(time.Now())
	return err
}

// OnCancel has f called once when the request is cancelled by its ticket, at once if
// it was. f runs on the goroutine that cancels and must not block. A second call
// replaces the first f.
func (l *Lease) OnCancel(f func()) {
	s := l.scheduler
	s.mu.Lock()
	l.ticket.onCancel = f
	cancelled := l.ticket.cancelled && !l.ticket.over
	s.mu.Unlock()
	if cancelled {
		f()
	}
}
