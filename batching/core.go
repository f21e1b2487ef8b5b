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

// queue is the state of one key.
type queue struct {
	key     Key
	engine  *engine
	model   *model
	own     *Limits // nil = those of all
	line    line
	porch   porch
	pen     pen
	held    int       // in the pen
	running crowd     // released and still counted
	active  int       // batches with a counted place
	pool    *pool     // of places
	alone   pool      // that one, unless other keys share it
	self    [1]*queue // its queues
}

// topic is what Request.Supersede tells apart.
type topic struct {
	key        Key
	app, about string
}

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

// SetLimits gives k limits of its own. Serial is a rule over all keys, so for a
// single one it means one in flight.
func (c *Core) SetLimits(k Key, l Limits) {
	if l.Mode == Serial {
		l.Mode, l.Size = Fixed, 1
	}
	l = l.withinRange()
	c.own[k] = l
	if q := c.queues[k]; q != nil {
		q.own = &l
	}
}

// Forget takes k's own limits back.
func (c *Core) Forget(k Key) { delete(c.own, k) }

// Limits are those in force for k. Serial and Passthrough mean that batching is
// off, so they hold for every key.
func (c *Core) Limits(k Key) Limits {
	if l, ok := c.own[k]; ok && !c.off() {
		return l
	}
	return c.settings.Limits
}

// limits are those in force for q.
func (c *Core) limits(q *queue) *Limits {
	if q.own != nil && !c.off() {
		return q.own
	}
	return &c.settings.Limits
}

// off tells whether batching is.
func (c *Core) off() bool {
	return c.settings.Mode == Serial || c.settings.Mode == Passthrough
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

func (c *Core) queueOf(k Key) *queue {
	q := c.queues[k]
	if q == nil {
		e := c.engine(k.Engine)
		q = &queue{key: k, engine: e, model: e.model(k.Model), line: newLine(c.settings.ShortestFirst), running: newCrowd()}
		q.model.queue = q
		if l, ok := c.own[k]; ok {
			q.own = &l
		}
		c.join(q)
		c.queues[k] = q
		c.order = append(c.order, q)
		e.queues = append(e.queues, q)
	}
	return q
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

// expire removes the tickets that waited longer than MaxWait. Within a class
// the first is the oldest.
func (c *Core) expire(q *queue, now time.Time, e *Effects) {
	if c.settings.MaxWait <= 0 {
		return
	}
	for len(q.porch) > 0 && !now.Before(q.porch[0].Queued.Add(c.settings.MaxWait)) {
		t := q.porch[0]
		c.Leave(t)
		e.Expired = append(e.Expired, t)
	}
	for i := range q.line.class {
		for _, all := range []*fifo{&q.line.class[i].all, &q.pen[i]} {
			for t := all.first; t != nil && !now.Before(t.Queued.Add(c.settings.MaxWait)); t = all.first {
				c.Leave(t)
				e.Expired = append(e.Expired, t)
			}
		}
	}
}

func (c *Core) unqueue(t *Ticket) {
	switch t.spot {
	case onPorch:
		c.offPorch(t)
	case inPen:
		c.offPen(t)
	default:
		t.queue.line.remove(t)
	}
	c.waiting--
	if r := &t.Request; r.Supersede != "" {
		if about := (topic{r.Key, r.App, r.Supersede}); c.topics[about] == t {
			delete(c.topics, about)
		}
	}
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
