package batching

import (
	"maps"
	"slices"
	"time"
)

// Hold keeps the waiting requests of one engine from going, whatever is free. What
// is in flight is never touched.
type Hold struct {
	All    bool   // of every class; else only Background
	Reason string // why, for people: what is held shows it as its Why
}

// keeps tells whether requests of a class wait while h is on; nil is no hold.
func (h *Hold) keeps(p Priority) bool { return h != nil && (h.All || p < Normal) }

// Hold replaces the holds of all engines, by name; nil is none. It holds in every
// mode, and for a lone request as well. To the rules a held request is not there: it
// is no reason to change models, no app's turn, no claim to the GPU; its time counts
// only for MaxWait. It keeps its place by arrival.
func (c *Core) Hold(now time.Time, holds map[string]Hold) {
	c.holds = maps.Clone(holds)
	c.rehold(now)
}

// rehold puts the holds and pauses in force.
func (c *Core) rehold(now time.Time) {
	for name, e := range c.engines {
		e.hold = c.holdOf(name)
	}
	for _, q := range c.order {
		for i := range q.pen {
			for t := q.pen[i].first; t != nil && !q.engine.hold.keeps(t.Request.Priority); t = q.pen[i].first {
				c.letIn(t, now)
			}
		}
		for _, t := range slices.Clone(q.porch) {
			if q.engine.hold.keeps(t.Request.Priority) {
				c.offPorch(t)
				c.toPen(t, now)
			}
		}
		for i := range q.line.class {
			var next *Ticket
			for t := q.line.class[i].all.first; t != nil && q.engine.hold.keeps(t.Request.Priority); t = next {
				next = t.links[byArrival].next
				if c.isScout(t) {
					continue
				}
				q.line.remove(t)
				c.ledger.left(t.app)
				c.toPen(t, now)
			}
		}
	}
}

// holdOf is the hold of the engine of that name; nil if there is none. A pause holds
// every class; what the user holds goes before it.
func (c *Core) holdOf(engine string) *Hold {
	h, held := c.holds[engine]
	if p := c.pauses[engine]; p != nil && !h.All {
		return &Hold{All: true, Reason: p.reason}
	}
	if held {
		return &h
	}
	return nil
}

// pen is where the requests of one key stand while they are held, by class and
// arrival.
type pen [3]fifo

// first is the ticket of the highest class that came first; nil if none is held.
func (p *pen) first() *Ticket {
	for i := range p {
		if t := p[i].first; t != nil {
			return t
		}
	}
	return nil
}

// toPen puts t, which stands nowhere, into the pen.
func (c *Core) toPen(t *Ticket, now time.Time) {
	t.spot, t.heldAt = inPen, now
	t.queue.pen[rank(t.Request.Priority)].push(t)
	t.queue.held++
	c.outside[t.Request.App]++
}

// letIn has t, which is held, stand in line.
func (c *Core) letIn(t *Ticket, now time.Time) {
	c.offPen(t)
	t.waits = t.waits.Add(now.Sub(t.heldAt))
	c.enqueue(t, now)
}

// offPen takes t out of the pen.
func (c *Core) offPen(t *Ticket) {
	t.queue.pen[rank(t.Request.Priority)].remove(t)
	t.queue.held--
	c.inside(t)
}

// inside notes that t does not stand outside the line any more.
func (c *Core) inside(t *Ticket) {
	t.spot = inLine
	if c.outside[t.Request.App]--; c.outside[t.Request.App] == 0 {
		delete(c.outside, t.Request.App)
	}
}
