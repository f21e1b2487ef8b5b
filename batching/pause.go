package batching

import "time"

// pause is how long an engine asked to be left alone, and who goes to see whether it
// takes work again.
type pause struct {
	until  time.Time
	reason string
	scout  *Ticket // nil = nobody has gone yet
}

// Pause keeps an engine's waiting requests from going until then, as it asked for
// itself: they are held, as by a Hold of every class. After that one goes, or the next
// to arrive: one that shows its first token as it comes rather than one that does not,
// then the first of the highest class. Its first token, or a good end, ends the pause;
// while it is on its way, or if it gets nothing, the others wait. So does the first
// token of an older request, if it comes after that time. A pause that is asked for
// again lasts until the later of both times.
func (c *Core) Pause(now time.Time, engine string, until time.Time, reason string) {
	p := &pause{until: until, reason: reason}
	if old := c.pauses[engine]; old != nil && old.until.After(until) {
		p.until = old.until
	}
	c.pauses[engine] = p
	c.rehold(now)
}

// resume ends an engine's pause that was over by the time since which the engine is
// known to have worked.
func (c *Core) resume(now time.Time, engine string, since time.Time) {
	if p := c.pauses[engine]; p != nil && !since.Before(p.until) {
		delete(c.pauses, engine)
		c.rehold(now)
	}
}

// scouts sends one request to each engine whose pause is over, none that a hold keeps.
func (c *Core) scouts(now time.Time) {
	for _, q := range c.order {
		p := c.pauses[q.key.Engine]
		if p == nil || !p.isDue(now) {
			continue
		}
		if t := q.engine.firstHeld(c.heldBy(q.key.Engine)); t != nil {
			p.scout = t
			c.letIn(t, now)
		}
	}
}

// isScout tells whether t waits to go and see, which a hold of its engine forbids.
func (c *Core) isScout(t *Ticket) bool {
	p := c.pauses[t.Request.Engine]
	if p == nil || p.scout != t {
		return false
	}
	if c.heldBy(t.Request.Engine).keeps(t.Request.Priority) {
		p.scout = nil
		return false
	}
	return true
}

// isDue tells whether the next request is to go and see.
func (p *pause) isDue(now time.Time) bool {
	return !now.Before(p.until) && (p.scout == nil || p.scout.state == ended)
}

// firstHeld is the ticket that goes to see, of those that are held and that but does
// not keep; nil = there is none.
func (e *engine) firstHeld(but *Hold) *Ticket {
	var first *Ticket
	for _, q := range e.queues {
		for i := range q.pen {
			t := q.pen[i].first
			if t == nil || but.keeps(t.Request.Priority) {
				continue
			}
			for ; t != nil; t = t.links[byArrival].next {
				if first == nil || t.scoutsBefore(first) {
					first = t
				}
			}
		}
	}
	return first
}

// scoutsBefore tells whether t rather than other goes to see: one that shows its first
// token ends a pause the soonest.
func (t *Ticket) scoutsBefore(other *Ticket) bool {
	if shows := t.Request.showsFirst(); shows != other.Request.showsFirst() {
		return shows
	}
	if t.Request.Priority != other.Request.Priority {
		return t.Request.Priority > other.Request.Priority
	}
	return t.earlier(other)
}

// showsFirst tells whether the first token is seen as soon as the engine has it.
func (r *Request) showsFirst() bool { return r.Streams && !r.Withheld && !r.Embedding }
