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
// itself: they are held, as by a Hold of every class. After that one goes, the first
// of the highest class, or the next to arrive. Its first token, or a good end, ends
// the pause; while it is on its way, or if it gets nothing, the others wait. A pause
// that is asked for again lasts until the later of both times.
func (c *Core) Pause(now time.Time, engine string, until time.Time, reason string) {
	p := &pause{until: until, reason: reason}
	if old := c.pauses[engine]; old != nil && old.until.After(until) {
		p.until = old.until
	}
	c.pauses[engine] = p
	c.rehold(now)
}

// resume ends the pause of t's engine if t went to see whether it takes work again.
func (c *Core) resume(now time.Time, t *Ticket) {
	name := t.Request.Engine
	if p := c.pauses[name]; p != nil && p.scout == t {
		delete(c.pauses, name)
		c.rehold(now)
	}
}

// scouts sends one request to each engine whose pause is over. A hold goes before it.
func (c *Core) scouts(now time.Time) {
	for _, q := range c.order {
		p := c.pauses[q.key.Engine]
		if p == nil || !p.isDue(now) || c.holds[q.key.Engine].All {
			continue
		}
		if t := q.engine.firstHeld(); t != nil {
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
	if c.holds[t.Request.Engine].All {
		p.scout = nil
		return false
	}
	return true
}

// isDue tells whether the next request is to go and see.
func (p *pause) isDue(now time.Time) bool {
	return !now.Before(p.until) && (p.scout == nil || p.scout.state == ended)
}

// firstHeld is the first ticket of the highest class that is held; nil = none is.
func (e *engine) firstHeld() *Ticket {
	var first *Ticket
	for _, q := range e.queues {
		t := q.pen.first()
		if t != nil && (first == nil || t.Request.Priority > first.Request.Priority ||
			t.Request.Priority == first.Request.Priority && t.number < first.number) {
			first = t
		}
	}
	return first
}
