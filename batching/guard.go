package batching

import "time"

// An app that waits without a turn for as long as Settings.Guard goes next,
// whatever class, model and account say. The wait is the app's, not the
// request's: else a flood of old requests would age past everyone.

// patience is how long t's app waits before the guard takes its side. Where a
// load takes longer than a quarter of that, it may not come more often than every
// fourth load's time.
func (c *Core) patience(t *Ticket) time.Duration {
	if m := t.queue.model; !m.loaded {
		return max(c.settings.Guard, 4*t.queue.engine.loadOf(m))
	}
	return c.settings.Guard
}

// isOverdue tells whether t's app has waited too long for a turn.
func (c *Core) isOverdue(t *Ticket, now time.Time) bool {
	return !now.Before(t.app.since.Add(c.patience(t)))
}

// overdue is the oldest request of the app that has waited longest of those that
// are overdue with an oldest request that accept takes; nil if there is none.
func (c *Core) overdue(now time.Time, accept func(*Ticket) bool) *Ticket {
	latest := now.Add(-c.settings.Guard)
	for a := c.ledger.hungry.first; a != nil && !a.since.After(latest); a = a.next {
		if t := a.oldest(); accept(t) && c.isOverdue(t, now) {
			return t
		}
	}
	return nil
}

// guardDue is the next moment at which one more app becomes overdue; zero if none
// will.
func (c *Core) guardDue(now time.Time) time.Time {
	var first time.Time
	for a := c.ledger.hungry.first; a != nil; a = a.next {
		at := a.since.Add(c.patience(a.oldest()))
		if at.After(now) && (first.IsZero() || at.Before(first)) {
			first = at
		}
		if a.since.Add(c.settings.Guard).After(now) {
			break
		}
	}
	return first
}
