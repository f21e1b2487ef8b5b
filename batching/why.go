package batching

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// whyKept says what keeps q's model from being sent anything; "" if nothing does
// but the places.
func (c *Core) whyKept(q *queue, now time.Time) string {
	e, m := q.engine, q.model
	if !c.ordered() || c.settings.Mode == Serial || c.admits(q, now) {
		return ""
	}
	if x := c.keeper(e, m); x != nil {
		if x.busy() {
			return x.name + " is pinned and has work"
		}
		return x.name + " is pinned and leaves no room"
	}
	o := c.outlook(e, now)
	next := o.next
	for _, other := range o.answering {
		switch {
		case !e.exclude(other.model, m):
		case other.model.since.IsZero():
			return other.model.name + " is being loaded"
		case next.model == m || other.line.depth == 0:
			return "next: " + other.model.name + " is finishing"
		}
	}
	if next.model != nil && e.exclude(next.model, m) {
		return next.model.name + " is next: " + next.reason(now)
	}
	for x := range e.rivals(m) {
		if due, ok := c.due(q); ok && x.busy() {
			return x.name + " is loaded: switches in " + seconds(due.Sub(now)) + " at the latest"
		}
	}
	return "another model goes first"
}

// whyWaits says in a few words what the n-th of q (0 = first) waits for, with so
// many before it, at a position as Waiting tells it.
func (c *Core) whyWaits(q *queue, l *Limits, seats []seat, n, before, position int, now time.Time) string {
	t := seats[n].ticket
	moved := t.front > 0
	var neighbours string
	if n == 0 && !moved {
		neighbours = c.whyNeighbours(q, l, now)
	}
	switch {
	case moved && position > 1:
		return "moved to the front, after " + count(position-1, "other", "others")
	case l.Mode == Serial && !moved:
		return "batching is off: one at a time"
	case neighbours != "":
		return neighbours
	case l.Mode == Static && q.pool.batches() >= l.Parallel:
		return "next batch: " + count(q.pool.batches(), "batch is", "batches are") + " running"
	case n == 0 && !c.hasRoom(q, t, l):
		b := c.budget(q, t)
		return "memory: needs " + thousands(b.need) + " tokens, " + thousands(b.free(l.Tokens)) + " are free"
	case n == 0 && c.urgentOnly(q, l) && q.pool.places() < l.Size:
		return "next: the free place is kept for urgent requests"
	case moved:
		return "next: moved to the front"
	case l.Mode == Static:
		return "waiting for company"
	case n == 0:
		return "next: " + count(q.pool.places(), "place is", "places are") + " taken"
	}
	for _, s := range seats[:n] {
		other := s.ticket
		if other.earlier(t) {
			continue
		}
		switch {
		case other.front > 0:
			return "one that was moved to the front goes first"
		case rank(other.Request.Priority) < rank(t.Request.Priority):
			return other.Request.Priority.String() + " requests go first"
		case other.app == t.app:
			return "a shorter one of its app goes first"
		case other.app.share < t.app.share:
			return "its app has had more"
		}
		return "apps take turns"
	}
	return "after " + count(before, "other", "others")
}

// whyNeighbours says what the first of q waits for that the others on its GPU
// have; "" if it is nothing of theirs.
func (c *Core) whyNeighbours(q *queue, l *Limits, now time.Time) string {
	if !q.pool.shared() || !c.contends(q, now) {
		return ""
	}
	if next := c.nextOf(q.pool, now); next != nil && next.queue != q {
		return "shares the GPU with " + q.neighbour(next.queue) + ", whose turn it is"
	}
	var with []string
	for _, other := range q.pool.queues {
		if name := q.neighbour(other); other != q && other.running.places > 0 && !slices.Contains(with, name) {
			with = append(with, name)
		}
	}
	taken := q.pool.places()
	if len(with) == 0 || taken < l.InFlight() {
		return ""
	}
	return "next: shares the GPU with " + strings.Join(with, " and ") + ", " + count(taken, "place is", "places are") + " taken"
}

// neighbour is what people call the other one by: its engine, or its model where
// that is q's.
func (q *queue) neighbour(other *queue) string {
	if other.engine == q.engine {
		return other.model.name
	}
	return other.engine.name
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// seconds writes a time that is still to come, or has passed, in whole seconds.
func seconds(d time.Duration) string {
	return strconv.Itoa(int(max(0, d+time.Second-1)/time.Second)) + " s"
}

// thousands writes n with a comma between thousands.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
