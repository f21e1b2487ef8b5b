package batching

import (
	"time"
)

// Effects are what a Step decided.
type Effects struct {
	Released   []*Ticket // may run now, in their order
	Expired    []*Ticket // waited longer than Settings.MaxWait and were removed
	Superseded []*Ticket // left because a newer one took their place
	Cancelled  []*Ticket // by Cancel: left the queue or, if they were released, are to be broken off
	Switched   []Switch  // models that took another one's place
	Ended      []Batch   // batches whose last member has ended
	Wake       time.Time // call Step again then at the latest; zero = only after an event
}

// wake sets e.Wake to the next moment at which something changes by itself.
func (c *Core) wake(now time.Time, e *Effects) {
	at := func(t time.Time) {
		if t.After(now) && (e.Wake.IsZero() || t.Before(e.Wake)) {
			e.Wake = t
		}
	}
	if len(c.leaving.items) > 0 {
		at(c.leaving.items[0].freeAt)
	}
	blocked := false
	for _, q := range c.order {
		if len(q.porch) > 0 {
			at(q.porch[0].Queued.Add(c.limits(q).Wait))
			if c.settings.MaxWait > 0 {
				at(q.porch[0].Queued.Add(c.settings.MaxWait))
			}
		}
		if c.settings.MaxWait > 0 {
			for i := range q.pen {
				if t := q.pen[i].first; t != nil {
					at(t.Queued.Add(c.settings.MaxWait))
				}
			}
		}
		if p := c.pauses[q.key.Engine]; p != nil && q.held > 0 {
			at(p.until)
		}
		oldest := q.line.oldest()
		if oldest == nil {
			continue
		}
		if c.settings.MaxWait > 0 {
			at(oldest.Queued.Add(c.settings.MaxWait))
		}
		if l := c.limits(q); l.Mode == Static && staticRoom(q, l) > 0 {
			at(oldest.Queued.Add(l.Wait))
		}
		if !c.admits(q, now) || c.ordered() && q.pool.shared() {
			blocked = true
			if due, ok := c.due(q); ok && !q.model.loaded {
				at(due)
			}
			if c.overdue(now, func(t *Ticket) bool { return t.queue == q }) != nil {
				stays, _ := q.engine.stay(q.model)
				at(stays)
			}
		}
	}
	if blocked {
		at(c.guardDue(now))
	}
}
