package batching

import (
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
	mark     func() any

	nextBatch  uint64
	nextTicket uint64
	waiting    int            // over all keys
	places     int            // taken over all keys, leaving ones included
	perApp     map[string]int // waiting requests of each app

	totals     Totals
	runningSum uint64 // sum over released requests of Batch.Running
	endedCount uint64
	endedSum   time.Duration
	justEnded  []Batch // since the last Step
}

// queue is the state of one key.
type queue struct {
	key     Key
	line    line
	running []*Ticket // released and still counted, in order of release
	active  int       // batches with a counted place
}

// Effects are what a Step decided.
type Effects struct {
	Released   []*Ticket // may run now, in their order
	Expired    []*Ticket // waited longer than Settings.MaxWait and were removed
	Superseded []*Ticket // left because a newer one took their place
	Switched   []Switch  // models that took another one's place
	Ended      []Batch   // batches whose last member has ended
	Wake       time.Time // call Step again then at the latest; zero = only after an event
}

// NewCore returns an empty core that runs by s.
func NewCore(s Settings, o Options) *Core {
	c := &Core{
		own:       map[Key]Limits{},
		queues:    map[Key]*queue{},
		perApp:    map[string]int{},
		mark:      o.Mark,
		nextBatch: max(o.FirstBatch, 1),
	}
	c.Configure(s)
	return c
}

// Configure replaces the settings. Values below their range are raised to it.
func (c *Core) Configure(s Settings) {
	s.Limits = s.Limits.withinRange()
	if s.MaxWaiting <= 0 {
		s.MaxWaiting = DefaultMaxWaiting
	}
	s.ReservedOthers = min(s.ReservedOthers, s.MaxWaiting/2)
	c.settings = s
}

// SetLimits gives k limits of its own. Serial is a rule over all keys, so for a
// single one it means one in flight.
func (c *Core) SetLimits(k Key, l Limits) {
	if l.Mode == Serial {
		l.Mode, l.Size = Fixed, 1
	}
	c.own[k] = l.withinRange()
}

// Limits are those in force for k. Serial and Passthrough mean that batching is
// off, so they hold for every key.
func (c *Core) Limits(k Key) Limits {
	if m := c.settings.Mode; m == Serial || m == Passthrough {
		return c.settings.Limits
	}
	if l, ok := c.own[k]; ok {
		return l
	}
	return c.settings.Limits
}

// Arrive puts r in the queue. It fails with ErrQueueFull or ErrAppQueueFull.
func (c *Core) Arrive(now time.Time, r Request) (*Ticket, error) {
	if c.waiting >= c.settings.MaxWaiting {
		return nil, ErrQueueFull
	}
	if share := c.settings.MaxWaiting - c.settings.ReservedOthers; c.perApp[r.App] >= share {
		return nil, ErrAppQueueFull
	}
	q := c.queues[r.Key]
	if q == nil {
		q = &queue{key: r.Key}
		c.queues[r.Key] = q
		c.order = append(c.order, q)
	}
	c.nextTicket++
	t := &Ticket{Request: r, Queued: now, number: c.nextTicket}
	q.line.push(t)
	c.waiting++
	c.perApp[r.App]++
	return t, nil
}

// Leave takes a waiting ticket out of the queue. It reports false, and does
// nothing, if the ticket does not wait any more.
func (c *Core) Leave(t *Ticket) bool {
	if t.state != waiting {
		return false
	}
	c.unqueue(c.queues[t.Request.Key], t)
	t.state = ended
	return true
}

// LeaveAll empties the queues and returns who waited there.
func (c *Core) LeaveAll() []*Ticket {
	var left []*Ticket
	for _, q := range c.order {
		for t := q.line.head(); t != nil; t = q.line.head() {
			c.Leave(t)
			left = append(left, t)
		}
	}
	return left
}

// FirstToken tells that a released ticket has its first token. Only the first
// call counts.
func (c *Core) FirstToken(now time.Time, t *Ticket) {
	t.firstToken.CompareAndSwap(0, now.UnixNano())
}

// SetEngine takes over what an engine tells of itself.
func (c *Core) SetEngine(time.Time, string, EngineState) {}

// Charge puts units of work on an app's account that no ticket of its own has
// done, as for its part of a merged call. A unit is a prompt token.
func (c *Core) Charge(string, float64) {}

// End tells that a released ticket is done with, and what the engine told of it.
// Only the first call counts.
func (c *Core) End(now time.Time, t *Ticket, o Outcome, _ Report) {
	if t.state != running {
		return
	}
	g := t.group
	g.Tokens += int(t.tokens.Load())
	g.members--
	if g.members == 0 {
		g.Duration = now.Sub(g.Started)
		c.endedCount++
		c.endedSum += g.Duration
		c.justEnded = append(c.justEnded, g.Batch)
	}
	if o == Canceled && c.settings.CancelGrace > 0 {
		t.state, t.freeAt = leaving, now.Add(c.settings.CancelGrace)
		return
	}
	c.free(t)
}

// Step lets go whatever may go at now and returns what happened since the last
// Step.
func (c *Core) Step(now time.Time) Effects {
	var e Effects
	for _, q := range c.order {
		c.freeLeft(q, now)
		c.expire(q, now, &e)
	}
	if c.settings.Mode == Serial {
		c.releaseOne(now, &e)
	} else {
		for _, q := range c.order {
			c.release(q, now, &e)
		}
	}
	c.order = slices.DeleteFunc(c.order, func(q *queue) bool {
		idle := q.line.depth == 0 && len(q.running) == 0
		if idle {
			delete(c.queues, q.key)
		}
		return idle
	})
	for _, q := range c.order {
		c.wakeFor(q, &e)
	}
	e.Ended, c.justEnded = c.justEnded, nil
	return e
}

// release lets the requests of one key go by its own limits.
func (c *Core) release(q *queue, now time.Time, e *Effects) {
	l := c.Limits(q.key)
	if l.Mode != Static {
		n, why := q.line.depth, Direct
		if l.Mode == Fixed {
			n, why = min(n, l.Size-len(q.running)), FreeSlot
		}
		if n > 0 {
			c.flush(q, n, why, now, e)
		}
		return
	}
	for q.line.depth > 0 && staticRoom(q, l) > 0 {
		why, due := staticDue(q, l, now)
		if !due {
			return
		}
		c.flush(q, min(q.line.depth, l.Size, staticRoom(q, l)), why, now, e)
	}
}

// staticRoom is how many requests may still be released. Batches that were
// larger under earlier limits count with what they hold.
func staticRoom(q *queue, l Limits) int {
	if q.active >= l.Parallel {
		return 0
	}
	return l.InFlight() - len(q.running)
}

// staticDue says whether a static batch goes now, and by which rule.
func staticDue(q *queue, l Limits, now time.Time) (Why, bool) {
	if q.line.depth >= l.Size {
		return Full, true
	}
	if q.line.urgent() {
		return Express, true
	}
	oldest, ok := q.line.oldest()
	return Timeout, ok && !now.Before(oldest.Add(l.Wait))
}

// releaseOne is the plain lock: nothing runs beside anything else, on any key.
func (c *Core) releaseOne(now time.Time, e *Effects) {
	if c.places > 0 {
		return
	}
	var next *Ticket
	for _, q := range c.order {
		if t := q.line.head(); t != nil && (next == nil || before(t, next)) {
			next = t
		}
	}
	if next != nil {
		c.flush(c.queues[next.Request.Key], 1, OneByOne, now, e)
	}
}

// before is the order over keys: class, then arrival.
func before(a, b *Ticket) bool {
	if a.Request.Priority != b.Request.Priority {
		return a.Request.Priority > b.Request.Priority
	}
	return a.number < b.number
}

// flush releases the first n of q's line as one batch.
func (c *Core) flush(q *queue, n int, why Why, now time.Time, e *Effects) {
	l := c.Limits(q.key)
	g := &group{members: n, places: n, Batch: Batch{
		ID: c.nextBatch, Key: q.key, Mode: l.Mode, Why: why, Released: n,
		Running: len(q.running) + n, Limit: l.InFlight(), Started: now,
	}}
	if c.mark != nil {
		g.Mark = c.mark()
	}
	c.nextBatch++
	var waited time.Duration
	first := len(e.Released)
	for range n {
		t := q.line.head()
		c.unqueue(q, t)
		t.state, t.group, t.Released = running, g, now
		q.running = append(q.running, t)
		w := now.Sub(t.Queued)
		waited += w
		g.MaxWait = max(g.MaxWait, w)
		e.Released = append(e.Released, t)
	}
	g.MeanWait = waited / time.Duration(n)
	for _, t := range e.Released[first:] {
		t.batch = g.Batch
	}
	q.active++
	c.places += n
	c.totals.Batches++
	c.totals.Requests += uint64(n)
	c.runningSum += uint64(n * g.Running)
}

// free gives a ticket's place back.
func (c *Core) free(t *Ticket) {
	t.state = ended
	c.places--
	q := c.queues[t.Request.Key]
	i := slices.Index(q.running, t)
	q.running = slices.Delete(q.running, i, i+1)
	if t.group.places--; t.group.places == 0 {
		q.active--
	}
}

// freeLeft frees the places whose grace is over.
func (c *Core) freeLeft(q *queue, now time.Time) {
	for i := 0; i < len(q.running); {
		if t := q.running[i]; t.state == leaving && !now.Before(t.freeAt) {
			c.free(t)
			continue
		}
		i++
	}
}

// expire removes the tickets that waited longer than MaxWait. Within a class
// the first is the oldest.
func (c *Core) expire(q *queue, now time.Time, e *Effects) {
	if c.settings.MaxWait <= 0 {
		return
	}
	for i := range q.line.class {
		for t := q.line.class[i].first; t != nil && !now.Before(t.Queued.Add(c.settings.MaxWait)); t = q.line.class[i].first {
			c.unqueue(q, t)
			t.state = ended
			e.Expired = append(e.Expired, t)
		}
	}
}

func (c *Core) unqueue(q *queue, t *Ticket) {
	q.line.remove(t)
	c.waiting--
	if c.perApp[t.Request.App]--; c.perApp[t.Request.App] == 0 {
		delete(c.perApp, t.Request.App)
	}
}

// wakeFor lowers e.Wake to the next moment at which q changes by itself.
func (c *Core) wakeFor(q *queue, e *Effects) {
	at := func(t time.Time) {
		if e.Wake.IsZero() || t.Before(e.Wake) {
			e.Wake = t
		}
	}
	for _, t := range q.running {
		if t.state == leaving {
			at(t.freeAt)
		}
	}
	oldest, ok := q.line.oldest()
	if !ok {
		return
	}
	if c.settings.MaxWait > 0 {
		at(oldest.Add(c.settings.MaxWait))
	}
	if l := c.Limits(q.key); l.Mode == Static && staticRoom(q, l) > 0 {
		at(oldest.Add(l.Wait))
	}
}

// Totals are the counts since the core was made; Tokens is the caller's to fill.
func (c *Core) Totals() Totals {
	t := c.totals
	t.QueueDepth, t.InFlight = c.waiting, c.places
	if t.Batches > 0 {
		t.AvgBatchSize = float64(t.Requests) / float64(t.Batches)
		t.AvgConcurrency = float64(c.runningSum) / float64(t.Requests)
	}
	if c.endedCount > 0 {
		t.AvgBatchDuration = c.endedSum.Seconds() * 1000 / float64(c.endedCount)
	}
	return t
}
