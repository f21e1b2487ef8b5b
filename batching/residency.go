package batching

import (
	"slices"
	"time"
)

// Loading a model costs seconds, so an engine stays with those it has loaded
// while they have work, until another one has waited for what a load is worth.

// ordered tells whether turns are taken among models and apps.
func (c *Core) ordered() bool {
	return c.settings.Order == Fair && c.settings.Mode != Passthrough
}

// maxWait is how long a request may wait for m's turn.
func (c *Core) maxWait(e *engine, m *model) time.Duration {
	return min(max(8*e.loadOf(m), 2*time.Second), c.settings.ModelMaxWait)
}

// residency is how long m may stay once it is loaded.
func (e *engine) residency(m *model) time.Duration {
	return clamp(4*e.loadOf(m), time.Second, 2*time.Minute)
}

// claim is the moment from which the wait of q's model counts; time held does not.
// An urgent request counts as having waited longer by what a wait is longer than a
// stay.
func (c *Core) claim(q *queue) time.Time {
	at := q.line.oldest().waits
	if u := q.line.urgent(); u != nil {
		var stay time.Duration
		for x := range q.engine.rivals(q.model) {
			stay = max(stay, q.engine.residency(x))
		}
		if head := u.waits.Add(-max(0, c.maxWait(q.engine, q.model)-stay)); head.Before(at) {
			at = head
		}
	}
	return at
}

// due is when q's model, which is not loaded, gets its turn although others have
// work; false while that cannot be told.
func (c *Core) due(q *queue) (time.Time, bool) {
	e := q.engine
	at := c.claim(q).Add(c.maxWait(e, q.model))
	stays, known := e.stay(q.model)
	if stays.After(at) {
		at = stays
	}
	return at, known
}

// keeper is the pinned model on whose account m may not be sent; nil if none. A
// pinned model is not given up while it has work. When it has none, another one
// may try, unless the engine has shown that it has no room for both.
func (c *Core) keeper(e *engine, m *model) *model {
	if len(c.settings.Pinned) == 0 || c.settings.Pinned[m.name] || m.loaded {
		return nil
	}
	for x := range e.rivals(m) {
		fits, known := e.fits[pairOf(x.name, m.name)]
		if c.settings.Pinned[x.name] && (x.busy() || known && !fits) {
			return x
		}
	}
	return nil
}

// turn is a model that an engine is cleared for, and on whose account.
type turn struct {
	model   *model // nil = none
	overdue *account
	since   time.Time
	moved   bool // on account of a request that was moved to the front
}

// reason says for people why it is its turn.
func (t turn) reason(now time.Time) string {
	if t.moved {
		return "a request for it was moved to the front"
	}
	if t.overdue != nil {
		return t.overdue.app + " has had no turn for " + seconds(now.Sub(t.since))
	}
	return "it has waited " + seconds(now.Sub(t.since))
}

// outlook is what decides which models of an engine may be sent something. It
// takes a look at all of its queues, so it is kept until something moves.
type outlook struct {
	as        uint64   // of Core.moves
	answering []*queue // with something in flight
	next      turn
	claims    []claim // of those that wait, the oldest first
}

type claim struct {
	queue *queue
	at    time.Time
}

func (c *Core) outlook(e *engine, now time.Time) *outlook {
	o := &e.outlook
	if o.as == c.moves {
		return o
	}
	o.as, o.answering, o.claims, o.next = c.moves, o.answering[:0], o.claims[:0], c.turn(e, now)
	for _, q := range e.queues {
		if q.running.places > 0 {
			o.answering = append(o.answering, q)
		}
		if q.line.depth > 0 && c.keeper(e, q.model) == nil {
			o.claims = append(o.claims, claim{q, c.claim(q)})
		}
	}
	slices.SortStableFunc(o.claims, func(a, b claim) int { return a.at.Compare(b.at) })
	return o
}

// stay is until when those that m would drive out stay; false while one of them
// has not said anything yet.
func (e *engine) stay(m *model) (until time.Time, known bool) {
	for x := range e.rivals(m) {
		if x.since.IsZero() {
			return time.Time{}, false
		}
		if at := x.since.Add(e.residency(x)); at.After(until) {
			until = at
		}
	}
	return until, true
}

func (e *engine) hasStayed(m *model, now time.Time) bool {
	until, known := e.stay(m)
	return known && !now.Before(until)
}

// turn is the model whose turn has come although others have work: that of a
// request that was moved to the front, whatever a load costs, that of an overdue app, or the one that has waited longest of those that are due. Overdue
// apps wait for the end of a stay, too: where there is more work than an engine
// can do all apps are overdue, and then it would do nothing but load.
func (c *Core) turn(e *engine, now time.Time) turn {
	if t := front(e.queues, func(q *queue) bool { return c.keeper(e, q.model) == nil }); t != nil {
		return turn{model: t.queue.model, since: t.waits, moved: true}
	}
	var asked *model // of many apps in a row, mostly the same
	var may bool
	if t := c.overdue(now, func(t *Ticket) bool {
		if m := t.queue.model; m != asked {
			asked, may = m, m.engine == e && c.keeper(e, m) == nil && (m.loaded || e.hasStayed(m, now))
		}
		return may
	}); t != nil {
		return turn{model: t.queue.model, overdue: t.app, since: t.app.since}
	}
	var first *queue
	var longest time.Time
	for _, q := range e.queues {
		if q.line.depth == 0 || q.model.loaded || c.keeper(e, q.model) != nil {
			continue
		}
		if at, ok := c.due(q); !ok || now.Before(at) {
			continue
		}
		if claim := c.claim(q); first == nil || claim.Before(longest) {
			first, longest = q, claim
		}
	}
	if first == nil {
		return turn{}
	}
	return turn{model: first.model, since: first.line.oldest().waits}
}

// admits tells whether q's model may be sent something now.
func (c *Core) admits(q *queue, now time.Time) bool {
	e, m := q.engine, q.model
	if !c.ordered() || m.loaded && len(e.queues) == 1 {
		return true
	}
	o := c.outlook(e, now)
	for _, other := range o.answering {
		if e.exclude(other.model, m) {
			return false // a model that is answering is never unloaded
		}
	}
	if c.keeper(e, m) != nil {
		return false
	}
	if next := o.next.model; next != nil && e.exclude(next, m) {
		return false
	} else if next == m || m.loaded {
		return true
	}
	for x := range e.rivals(m) {
		if x.busy() {
			return false
		}
	}
	// Of those that wait for an idle engine, the oldest goes.
	claim := c.claim(q)
	for _, other := range o.claims {
		if !other.at.Before(claim) {
			break
		}
		if e.exclude(other.queue.model, m) {
			return false
		}
	}
	return true
}
