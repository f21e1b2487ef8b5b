package batching

import (
	"maps"
	"slices"
	"time"
)

// Core is the scheduler without lock, clock, goroutine or I/O. Every method
// takes the time and leaves its effects to be collected by Step, so that a
// benchmark can drive it by discrete events in virtual time and a test needs no
// clock. It must be used by one goroutine at a time, with times that never go
// back.
type Core struct {
	settings Settings
	own      map[Key]Limits // limits set for single keys
	queues   map[Key]*queue // only those with a waiting or running request
	order    []*queue       // the same in order of first arrival, so that equal runs are equal
	engines  map[string]*engine
	pools    map[string]*pool // of the groups with a queue
	ledger   ledger
	outside  map[string]int     // waiting for company or held, of each app
	holds    map[string]Hold    // by engine
	pauses   map[string]*pause  // by engine
	topics   map[topic]*Ticket  // waiting requests that a newer one may supersede
	tickets  map[uint64]*Ticket // that have not ended, by number
	leaving  heap[*Ticket]      // whose places are not free yet, the next one first
	mark     func() any

	moves      uint64 // what was decided before the last one may not hold any more
	nextBatch  uint64
	nextTicket uint64
	fronts     uint64    // counts up with each MoveToFront
	began      time.Time // of the first arrival
	waiting    int       // over all keys
	places     int       // taken over all keys, leaving ones included

	totals     Totals
	runningSum uint64 // sum over released requests of Batch.Running
	endedCount uint64
	endedSum   time.Duration
	gathered   Effects // since the last Step
}

// NewCore returns an empty core that runs by s.
func NewCore(s Settings, o Options) *Core {
	c := &Core{
		own:       map[Key]Limits{},
		queues:    map[Key]*queue{},
		engines:   map[string]*engine{},
		pools:     map[string]*pool{},
		ledger:    ledger{accounts: map[string]*account{}},
		outside:   map[string]int{},
		pauses:    map[string]*pause{},
		topics:    map[topic]*Ticket{},
		tickets:   map[uint64]*Ticket{},
		leaving:   heap[*Ticket]{less: freeSooner},
		mark:      o.Mark,
		nextBatch: max(o.FirstBatch, 1),
	}
	c.Configure(s)
	return c
}

// Configure replaces the settings. Values below their range are raised to it.
func (c *Core) Configure(s Settings) {
	regrouped := !maps.Equal(s.Groups, c.settings.Groups)
	c.settings = s.withinRange()
	if regrouped {
		c.regroup()
	}
	c.ledger.reweigh(s.Weights)
	for _, q := range c.order {
		q.line.sortByLength(s.ShortestFirst)
	}
}

// Arrive puts r in the queue, in the place of the one that it supersedes. It
// fails with ErrTooLarge, ErrQueueFull or ErrAppQueueFull, or with ErrSuperseded if
// one that arrived later has taken its place already.
func (c *Core) Arrive(now time.Time, r Request) (*Ticket, error) {
	if err := c.tooLarge(r); err != nil {
		return nil, err
	}
	queued := now
	if !r.Since.IsZero() && r.Since.Before(now) {
		queued = r.Since
	}
	about := topic{r.Key, r.App, r.Supersede}
	var old *Ticket
	going := 0
	if r.Supersede != "" {
		if old = c.topics[about]; old != nil {
			going = 1
			if queued.Before(old.Queued) {
				return nil, ErrSuperseded
			}
		}
	}
	if c.waiting-going >= c.settings.MaxWaiting {
		return nil, ErrQueueFull
	}
	a := c.ledger.account(r.App)
	if share := c.settings.MaxWaiting - c.settings.ReservedOthers; a.waiting+c.outside[r.App]-going >= share {
		return nil, ErrAppQueueFull
	}
	q := c.queueOf(r.Key)
	q.model.unlisted = r.Unlisted
	if c.began.IsZero() {
		c.began = now
	}
	c.nextTicket++
	t := &Ticket{Request: r, Queued: queued, waits: queued, number: c.nextTicket, arrived: queued.Sub(c.began), queue: q}
	switch {
	case q.engine.hold.keeps(r.Priority):
		c.toPen(t, now)
	case c.wantsCompany(q, r):
		c.toPorch(t)
	default:
		c.enqueue(t, now)
	}
	c.tickets[t.number] = t
	c.waiting++
	if old != nil {
		c.Leave(old)
		c.gathered.Superseded = append(c.gathered.Superseded, old)
	}
	if r.Supersede != "" {
		c.topics[about] = t
	}
	return t, nil
}

// Leave takes a waiting ticket out of the queue. It reports false, and does
// nothing, if the ticket does not wait any more.
func (c *Core) Leave(t *Ticket) bool {
	if t.state != waiting {
		return false
	}
	stood := t.spot
	c.unqueue(t)
	if stood == inLine {
		c.ledger.left(t.app)
	}
	t.state = ended
	delete(c.tickets, t.number)
	return true
}

// LeaveAll empties the queues and returns who waited there.
func (c *Core) LeaveAll() []*Ticket {
	var left []*Ticket
	for _, q := range c.order {
		for t := q.next(); t != nil; t = q.next() {
			c.Leave(t)
			left = append(left, t)
		}
	}
	return left
}

// FirstToken tells that a released ticket has its first token. Only the first
// call counts.
func (c *Core) FirstToken(now time.Time, t *Ticket) {
	if t.firstToken.CompareAndSwap(0, int64(max(now.Sub(t.Queued), 1))) && t.state == running {
		t.queue.model.speaks(t, now)
		t.app.answered(t)
		c.resume(now, t.Request.Engine, now)
	}
}

// End tells that a released ticket is done with, and what the engine told of it.
// Only the first call counts.
func (c *Core) End(now time.Time, t *Ticket, o Outcome, r Report) {
	if t.state != running || t.over {
		return
	}
	t.over = true
	delete(c.tickets, t.number)
	c.settle(t, o, r)
	t.queue.model.ended(t, o, r, now)
	if o != Failed {
		t.app.answered(t)
	}
	if o == Served {
		c.resume(now, t.Request.Engine, t.Released)
	}
	c.ledger.done(t.app)
	g := t.group
	g.tokens += int(t.tokens.Load())
	g.members--
	if g.members == 0 {
		b := g.Batch
		b.Duration, b.Tokens = now.Sub(g.Started), g.tokens
		c.endedCount++
		c.endedSum += b.Duration
		c.gathered.Ended = append(c.gathered.Ended, b)
	}
	t, o, last := t.alight(o, r)
	if !last {
		return
	}
	if o == Canceled && c.settings.CancelGrace > 0 {
		c.linger(t, now.Add(c.settings.CancelGrace))
		return
	}
	c.free(t)
}

// Step lets go whatever may go at now and returns what happened since the last
// Step.
func (c *Core) Step(now time.Time) Effects {
	e := c.gathered
	c.gathered = Effects{}
	c.freeLeft(now)
	for _, q := range c.order {
		c.openPorch(q, now)
		c.expire(q, now, &e)
	}
	c.moves++
	if c.waiting > 0 {
		c.scouts(now)
		c.ledger.meter()
		if c.settings.Mode == Serial {
			c.releaseOne(now, &e)
		} else {
			c.releaseAll(now, &e)
		}
	}
	c.order = slices.DeleteFunc(c.order, func(q *queue) bool {
		idle := q.depth() == 0 && q.running.places == 0
		if idle {
			delete(c.queues, q.key)
			q.engine.drop(q)
			c.part(q)
		}
		return idle
	})
	c.wake(now, &e)
	return e
}
