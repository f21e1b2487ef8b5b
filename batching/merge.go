package batching

import (
	"slices"
	"time"
)

// Ride is one call of the engine that several requests have in common. They were
// released together, share one place, and end one by one; the place is free when
// the last of them has ended.
type Ride struct {
	host     *Ticket // holds the place
	requests int
	texts    int
	prompt   int     // estimate of all their tokens
	open     int     // not ended yet
	outcome  Outcome // of those that ended: Canceled while all of them were left
	report   Report  // what was told of those that ended
}

// Requests is how many requests the call is for, at least two.
func (r *Ride) Requests() int { return r.requests }

// Ride is the call that a released ticket goes with; nil if it goes alone.
func (t *Ticket) Ride() *Ride { return t.ride }

// texts is how much of Settings.MergeTexts a request takes.
func (r Request) texts() int { return max(r.Texts, 1) }

// merges tells whether requests of q may be merged now. Static batches are sized
// by requests, and batching that is off merges nothing.
func (c *Core) merges(q *queue) bool {
	return c.settings.MergeTexts > 1 && c.limits(q).Mode == Fixed
}

// wantsCompany tells whether r is to wait for others of its word: while a call of
// that word runs and none waits for its turn already. Urgent ones never do,
// nor those that have waited for another engine.
func (c *Core) wantsCompany(q *queue, r Request) bool {
	if r.Merge == "" || r.Priority > Normal || !r.Since.IsZero() || r.texts() >= c.settings.MergeTexts {
		return false
	}
	return c.merges(q) && c.limits(q).Wait > 0 && !q.line.has(r.Merge) && q.runs(r.Merge)
}

// runs tells whether a call of that word is in the engine.
func (q *queue) runs(word string) bool {
	for t := range q.running.all() {
		if t.Request.Merge == word && t.state != leaving {
			return true
		}
	}
	return false
}

// porch is where requests wait for company before they stand in the line. They
// count as waiting, but their apps have no claim to a turn yet. It is empty unless
// a call runs.
type porch []*Ticket

func (p *porch) remove(t *Ticket) {
	for i, other := range *p {
		if other == t {
			*p = append((*p)[:i], (*p)[i+1:]...)
			return
		}
	}
}

// toPorch puts t on the porch.
func (c *Core) toPorch(t *Ticket) {
	t.spot = onPorch
	t.queue.porch = append(t.queue.porch, t)
	c.outside[t.Request.App]++
}

// offPorch takes t off the porch.
func (c *Core) offPorch(t *Ticket) {
	t.queue.porch.remove(t)
	c.inside(t)
}

// enqueue puts t in the line, as of its arrival. What it has waited for another
// engine, or before it was held, counts for its app.
func (c *Core) enqueue(t *Ticket, now time.Time) {
	q := t.queue
	t.app = c.ledger.account(t.Request.App)
	t.outputs = t.app.outputsOf(t.Request.Key)
	t.output = c.outputOf(t)
	c.ledger.arrived(t.app, now) // first, as it may move the app's place in the line
	if held := !t.heldAt.IsZero(); held || !t.Request.Since.IsZero() {
		c.ledger.returned(t.app, t.waits)
	}
	q.line.push(t, t.app)
}

// openPorch sends the tickets of a word into the line when the call that they
// waited beside has ended, when the first of them has waited long enough, or
// when they are enough.
func (c *Core) openPorch(q *queue, now time.Time) {
	if len(q.porch) == 0 {
		return
	}
	texts, oldest := map[string]int{}, map[string]time.Time{}
	for _, t := range q.porch {
		word := t.Request.Merge
		if texts[word] == 0 {
			oldest[word] = t.Queued
		}
		texts[word] += t.Request.texts()
	}
	wait := c.limits(q).Wait
	for _, t := range slices.Clone(q.porch) { // by arrival, so that equal runs are equal
		word := t.Request.Merge
		if t.spot == onPorch && (!c.merges(q) || texts[word] >= c.settings.MergeTexts || !q.runs(word) || !now.Before(oldest[word].Add(wait))) {
			c.admitTogether(q, word, now)
		}
	}
}

// admitTogether sends those of a word from the porch into the line.
func (c *Core) admitTogether(q *queue, word string, now time.Time) {
	for i := 0; i < len(q.porch); {
		t := q.porch[i]
		if t.Request.Merge != word {
			i++
			continue
		}
		c.offPorch(t)
		c.enqueue(t, now)
	}
}

// company are those that go with t: of its word and class, in the order of their
// arrival, as many as their texts fit.
func (c *Core) company(t *Ticket, now time.Time) []*Ticket {
	q, word := t.queue, t.Request.Merge
	if word == "" || !c.merges(q) {
		return nil
	}
	c.admitTogether(q, word, now)
	same := q.line.class[rank(t.Request.Priority)].words[word]
	if same == nil {
		return nil
	}
	var with []*Ticket
	room := c.settings.MergeTexts - t.Request.texts()
	for other := same.first; other != nil && room > 0; other = other.links[byWord].next {
		if n := other.Request.texts(); n <= room {
			room -= n
			with = append(with, other)
		}
	}
	return with
}

// board makes one ride of a host, which has its place already, and those that go
// with it.
func board(host *Ticket, with []*Ticket) {
	r := &Ride{host: host, requests: 1 + len(with), open: 1 + len(with), outcome: Canceled, report: Untold()}
	for i, t := range append([]*Ticket{host}, with...) {
		t.ride, t.seat = r, i
		r.texts += t.Request.texts()
		r.prompt += t.Request.PromptTokens
		if t != host {
			host.prompt += t.prompt // the place holds what all of them need
		}
	}
}

// onBoard is how many requests t's place is for, until it is free.
func (t *Ticket) onBoard() int {
	if t.ride == nil {
		return 1
	}
	return t.ride.requests
}

// call is the request that the engine sees in t's place.
func (t *Ticket) call() Request {
	r := t.Request
	if t.ride != nil {
		r.PromptTokens, r.Texts = t.ride.prompt, t.ride.texts
	}
	return r
}

// alight ends t's part of its ride. last is true when the place is to be given
// back, as o says: the engine has done with it if one of them was served.
func (t *Ticket) alight(o Outcome, r Report) (host *Ticket, _ Outcome, last bool) {
	ride := t.ride
	if ride == nil {
		return t, o, true
	}
	ride.open--
	if o != Canceled {
		ride.outcome = o
	}
	ride.report = ride.report.plus(r)
	return ride.host, ride.outcome, ride.open == 0
}

// plus adds what was told of another request of the same call: the counts add
// up, the times are the call's.
func (r Report) plus(o Report) Report {
	add := func(a, b int) int {
		if a < 0 || b < 0 {
			return max(a, b)
		}
		return a + b
	}
	return Report{
		PromptTokens: add(r.PromptTokens, o.PromptTokens),
		CachedTokens: add(r.CachedTokens, o.CachedTokens),
		OutputTokens: add(r.OutputTokens, o.OutputTokens),
		Total:        max(r.Total, o.Total),
		Load:         max(r.Load, o.Load),
		Prompt:       max(r.Prompt, o.Prompt),
		Eval:         max(r.Eval, o.Eval),
	}
}
