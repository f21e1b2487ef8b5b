package batching

import "time"

// next is the ticket of q that leaves next; nil if none may. With urgentOnly the
// others' places are taken.
func (c *Core) next(q *queue, now time.Time, urgentOnly bool) *Ticket {
	if t := q.line.front(urgentOnly); t != nil {
		return t
	}
	if urgentOnly {
		if u := &q.line.class[0]; u.all.first != nil {
			return c.fairest(q, u, now)
		}
		return nil
	}
	if c.settings.Order == Arrival {
		return q.line.head()
	}
	if !q.pool.guarded || q.line.urgent() == nil {
		if t := c.overdue(now, func(t *Ticket) bool { return t.queue == q }); t != nil {
			return t
		}
	}
	return c.ofClass(q, now)
}

// ofClass is the ticket of q's highest class that leaves next.
func (c *Core) ofClass(q *queue, now time.Time) *Ticket {
	for i := range q.line.class {
		if n := &q.line.class[i]; n.all.first != nil {
			return c.fairest(q, n, now)
		}
	}
	return nil
}

// fairest is the ticket of one class that leaves next: of the app that has had
// least, or of one a little ahead of it whose prompt's beginning is still in the
// engine.
func (c *Core) fairest(q *queue, n *class, now time.Time) *Ticket {
	if c.settings.Order == Arrival {
		return n.all.first
	}
	if t := q.warm(n, c.settings.PrefixCredit, c.limits(q)); t != nil {
		return t
	}
	return n.lanes.items[0].head(now)
}

// before is the order over keys where one request runs at a time.
func (c *Core) before(a, b *Ticket, now time.Time) bool {
	if c.settings.Order == Fair && a.front == b.front {
		if x, y := c.isOverdue(a, now), c.isOverdue(b, now); x != y {
			return x
		} else if x && !a.app.since.Equal(b.app.since) {
			return a.app.since.Before(b.app.since)
		}
	}
	return c.leads(a, b)
}

// leads is that order without the guard.
func (c *Core) leads(a, b *Ticket) bool {
	if a.front != b.front {
		return a.front > b.front
	}
	if x, y := rank(a.Request.Priority), rank(b.Request.Priority); x != y {
		return x < y
	}
	if c.settings.Order == Fair && a.app.share != b.app.share {
		return a.app.share < b.app.share
	}
	return a.earlier(b)
}
