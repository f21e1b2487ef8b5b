package batching

import (
	"time"
)

// releaseAll lets go what may go of every key. What one key sends may open the
// way for another one of its engine, or give it its turn on the GPU that they
// share, so it goes round until nothing moves.
func (c *Core) releaseAll(now time.Time, e *Effects) {
	for again := true; again; {
		again = false
		for _, q := range c.order {
			if c.release(q, now, e) && (len(q.engine.queues) > 1 || len(c.pools) > 0) {
				again = true
			}
		}
	}
}

// release lets the requests of one key go by its own limits, and tells whether
// any went.
func (c *Core) release(q *queue, now time.Time, e *Effects) bool {
	l := c.limits(q)
	switch l.Mode {
	case Passthrough:
		return c.flush(q, q.line.depth, Direct, now, e)
	case Static:
		went := false
		for q.line.depth > 0 && staticRoom(q, l) > 0 {
			why, due := staticDue(q, l, now)
			if !due || !c.hasTurn(q, now) || !c.flush(q, min(l.Size, staticRoom(q, l)), why, now, e) {
				break
			}
			went = true
		}
		return went
	}
	return c.flush(q, l.Size-q.pool.places(), FreeSlot, now, e)
}

// staticRoom is how many requests may still be released. Batches that were
// larger under earlier limits count with what they hold.
func staticRoom(q *queue, l *Limits) int {
	if q.pool.batches() >= l.Parallel {
		return 0
	}
	return l.InFlight() - q.pool.places()
}

// staticDue says whether a static batch goes now, and by which rule.
func staticDue(q *queue, l *Limits, now time.Time) (Why, bool) {
	if q.line.depth >= l.Size {
		return Full, true
	}
	if q.line.urgent() != nil {
		return Express, true
	}
	oldest := q.line.oldest()
	return Timeout, oldest != nil && !now.Before(oldest.Queued.Add(l.Wait))
}

// releaseOne is the plain lock: nothing runs beside anything else, on any key.
func (c *Core) releaseOne(now time.Time, e *Effects) {
	if c.places > 0 {
		return
	}
	var next *Ticket
	for _, q := range c.order {
		if t := c.candidate(q, now); t != nil && (next == nil || c.before(t, next, now)) {
			next = t
		}
	}
	if next != nil {
		c.flush(next.queue, 1, OneByOne, now, e)
	}
}

// candidate is the ticket of q that may go now; nil if none may, for whatever
// reason but the limit of places.
func (c *Core) candidate(q *queue, now time.Time) *Ticket {
	l := c.limits(q)
	if q.line.depth == 0 || !c.admits(q, now) {
		return nil
	}
	if l.Mode == Passthrough {
		return q.line.head()
	}
	var t *Ticket
	if l.Mode == Fixed && q.pool.shared() {
		t = c.nextOf(q.pool, now)
	} else {
		t = c.next(q, now, c.urgentOnly(q, l))
	}
	if t == nil || t.queue != q || !c.hasRoom(q, t, l) {
		return nil
	}
	return t
}

// urgentOnly tells whether the places left in q are kept for urgent requests.
func (c *Core) urgentOnly(q *queue, l *Limits) bool {
	kept := min(c.settings.ReservedUrgent, l.Size-1)
	if kept <= 0 || l.Mode != Fixed {
		return false
	}
	others := 0
	for _, other := range q.pool.queues {
		others += other.running.others
	}
	return others >= l.Size-kept
}

// flush releases up to n of q's line as one batch, and tells whether any went.
func (c *Core) flush(q *queue, n int, why Why, now time.Time, e *Effects) bool {
	var g *group
	first, before := len(e.Released), q.running.places
	for ; n > 0; n-- {
		t := c.candidate(q, now)
		if t == nil {
			break
		}
		if g == nil {
			g = &group{Batch: Batch{ID: c.nextBatch, Key: q.key, Why: why, Started: now}}
		}
		c.send(t, g, now, e)
		q.running.push(t)
		with := c.company(t, now)
		for _, other := range with {
			c.send(other, g, now, e)
		}
		if len(with) > 0 {
			board(t, with)
			q.running.requests += len(with)
		}
		c.moves++
	}
	if g == nil {
		return false
	}
	l := c.limits(q)
	g.members = len(e.Released) - first
	g.places, g.Released = q.running.places-before, g.members
	g.Running = q.running.requests
	g.Mode, g.Limit, g.MeanWait = l.Mode, l.InFlight(), g.MeanWait/time.Duration(g.members)
	if c.mark != nil {
		g.Mark = c.mark()
	}
	c.nextBatch++
	q.active++
	c.places += g.places
	c.totals.Batches++
	c.totals.Requests += uint64(g.members)
	c.runningSum += uint64(g.members * g.Running)
	return true
}

// send lets one ticket go.
func (c *Core) send(t *Ticket, g *group, now time.Time, e *Effects) {
	q := t.queue
	q.pool.guarded = c.isOverdue(t, now) && t.Request.Priority <= Normal
	if !q.model.loaded && !q.model.unlisted {
		c.load(t, now, e)
	}
	q.model.used = t.number
	c.unqueue(t)
	c.ledger.turn(t.app, now)
	c.admit(t)
	t.state, t.group, t.Released = running, g, now
	w := now.Sub(t.Queued)
	g.MeanWait += w // a sum, until all have gone
	g.MaxWait = max(g.MaxWait, w)
	e.Released = append(e.Released, t)
}

// load notes that t's model is loaded now, and whose place it takes.
func (c *Core) load(t *Ticket, now time.Time, e *Effects) {
	q := t.queue
	next := c.outlook(q.engine, now).next
	for _, x := range q.engine.load(t, now) {
		if !c.ordered() {
			continue
		}
		reason := x.name + " had nothing to do"
		if next.model == q.model {
			reason = next.reason(now)
		}
		e.Switched = append(e.Switched, Switch{Engine: q.engine.name, From: x.name, To: q.model.name, Reason: reason})
	}
}
