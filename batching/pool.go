package batching

import (
	"slices"
	"time"
)

// pool is what shares one limit: the requests of one key, or those of all keys of
// the engines that share a GPU.
type pool struct {
	group   string   // of Settings.Groups; "" = one key's own
	queues  []*queue // in order of first arrival
	guarded bool     // the last turn was an overdue app's

	as         uint64   // of Core.moves, when those below were found
	contenders []*queue // that have something which may go but for the places
	next       *Ticket  // whose turn it is; nil = nobody's
}

// shared tells whether other keys have their places in p as well.
func (p *pool) shared() bool { return len(p.queues) > 1 }

// places are those taken, leaving ones included.
func (p *pool) places() int {
	n := 0
	for _, q := range p.queues {
		n += q.running.places
	}
	return n
}

// batches are those with a place taken.
func (p *pool) batches() int {
	n := 0
	for _, q := range p.queues {
		n += q.active
	}
	return n
}

// join gives q its pool by the settings.
func (c *Core) join(q *queue) {
	group := c.settings.Groups[q.key.Engine]
	if group == "" {
		if q.pool != &q.alone {
			q.self[0] = q
			q.alone = pool{queues: q.self[:]}
			q.pool = &q.alone
		}
		return
	}
	p := c.pools[group]
	if p == nil {
		p = &pool{group: group}
		c.pools[group] = p
	}
	q.pool = p
	p.queues = append(p.queues, q)
}

// regroup follows a change of the groups. What is in flight counts where its
// engine is now.
func (c *Core) regroup() {
	clear(c.pools)
	for _, q := range c.order {
		c.join(q)
	}
}

// part takes an idle queue out of its pool.
func (c *Core) part(q *queue) {
	p := q.pool
	p.queues = slices.DeleteFunc(p.queues, func(other *queue) bool { return other == q })
	if len(p.queues) == 0 {
		delete(c.pools, p.group)
	}
}

// nextOf is the ticket of a shared pool whose turn it is, whether it has room or
// not; nil if none may go. While it has none, nobody goes: those of higher limits
// would take each freed place before there are few enough in flight for a lower one.
func (c *Core) nextOf(p *pool, now time.Time) *Ticket {
	if p.as == c.moves {
		return p.next
	}
	p.as, p.contenders = c.moves, p.contenders[:0]
	for _, q := range p.queues {
		if c.contends(q, now) {
			p.contenders = append(p.contenders, q)
		}
	}
	p.next = c.choose(p, now)
	if t := p.next; t != nil && c.urgentOnly(t.queue, c.limits(t.queue)) {
		p.next = c.leader(p, now, true)
	}
	return p.next
}

// hasTurn tells whether the next of q's pool is one of q's.
func (c *Core) hasTurn(q *queue, now time.Time) bool {
	if !q.pool.shared() {
		return true
	}
	t := c.nextOf(q.pool, now)
	return t != nil && t.queue == q
}

// contends tells whether something of q may go but for the places.
func (c *Core) contends(q *queue, now time.Time) bool {
	l := c.limits(q)
	if q.line.depth == 0 || l.Mode == Passthrough || !c.admits(q, now) {
		return false
	}
	if l.Mode == Static {
		_, due := staticDue(q, l, now)
		return due
	}
	return true
}

// choose takes the rules that hold inside one key over all that contend.
func (c *Core) choose(p *pool, now time.Time) *Ticket {
	if t := front(p.contenders, func(*queue) bool { return true }); t != nil {
		return t
	}
	if c.ordered() {
		if !p.guarded || !p.urgent() {
			if t := c.overdue(now, func(t *Ticket) bool { return slices.Contains(p.contenders, t.queue) }); t != nil {
				return t
			}
		}
		if q := c.promised(p, now); q != nil {
			return c.ofClass(q, now)
		}
	}
	return c.leader(p, now, false)
}

// urgent tells whether an urgent request contends.
func (p *pool) urgent() bool {
	return slices.ContainsFunc(p.contenders, func(q *queue) bool { return q.line.urgent() != nil })
}

// promised is the queue whose model's turn has come on its engine although others
// there have work; nil if there is none. Nothing else is sent to that engine until
// then, so class must not keep it waiting.
func (c *Core) promised(p *pool, now time.Time) *queue {
	var first *queue
	var longest time.Time
	for _, q := range p.contenders {
		if next := c.outlook(q.engine, now).next; q.model.loaded || next.model != q.model || next.overdue != nil {
			continue
		}
		if claim := c.claim(q); first == nil || claim.Before(longest) {
			first, longest = q, claim
		}
	}
	return first
}

// leader is the first by class, share and arrival of those that each key would
// send.
func (c *Core) leader(p *pool, now time.Time, urgentOnly bool) *Ticket {
	var first *Ticket
	for _, q := range p.contenders {
		t := c.ofClass(q, now)
		if urgentOnly {
			t = c.next(q, now, true)
		}
		if t != nil && (first == nil || c.leads(t, first)) {
			first = t
		}
	}
	return first
}

// free gives a ticket's place back.
func (c *Core) free(t *Ticket) {
	t.state = ended
	c.places--
	q := t.queue
	q.running.remove(t)
	if t.group.places--; t.group.places == 0 {
		q.active--
	}
}
