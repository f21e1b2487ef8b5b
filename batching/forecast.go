package batching

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A forecast says in which order those that wait would leave if nothing else
// came. The first of each key is certain; behind it, what the answers before it
// will cost is a guess. It changes nothing and looks at MaxListed of each key.

// seat is a waiting ticket's place in a forecast.
type seat struct {
	ticket *Ticket
	share  float64 // what its app will have had by then
	turn   int     // how many models of its engine come before its own
}

// foresee fills in who waits, where, why and how long still. states are those of
// c.order.
func (c *Core) foresee(now time.Time, states []QueueState) {
	all := make([][]seat, len(states))
	for i, q := range c.order {
		all[i] = c.seats(q, now)
	}
	one := c.inOneLine(all, now)
	for i, q := range c.order {
		st := &states[i]
		st.Waiting = make([]Waiting, 0, len(all[i]))
		if len(all[i]) == 0 {
			q.foreseeOutside(st)
			continue
		}
		kept, ahead := c.whyKept(q, now), c.ahead(q, now)
		for n, s := range all[i] {
			t := s.ticket
			before := n // of those that wait for the same places
			w := Waiting{Ticket: t.number, ID: t.Request.ID, App: t.Request.App, Priority: t.Request.Priority, Queued: t.Queued, Position: ahead + n + 1}
			if at, ok := one[t]; ok {
				w.Position = at
				if q.pool.shared() && kept == "" {
					before = at - 1
				}
			}
			w.Expected = c.expected(q, &st.Limits, before, kept == "", now)
			if w.Why = kept; kept == "" {
				w.Why = c.whyWaits(q, &st.Limits, all[i], n, before, w.Position, now)
			}
			st.Waiting = append(st.Waiting, w)
		}
		q.foreseeOutside(st)
	}
}

// foreseeOutside adds those that wait for company and those that are held, behind
// the line.
func (q *queue) foreseeOutside(st *QueueState) {
	at := q.line.depth
	add := func(t *Ticket, why string) {
		at++
		st.Waiting = append(st.Waiting, Waiting{Ticket: t.number, ID: t.Request.ID, App: t.Request.App, Priority: t.Request.Priority,
			Queued: t.Queued, Position: at, Why: why})
	}
	for _, t := range q.porch {
		if len(st.Waiting) < MaxListed {
			add(t, "waiting for company")
		}
	}
	for i := range q.pen {
		for t := q.pen[i].first; t != nil && len(st.Waiting) < MaxListed; t = t.links[byArrival].next {
			add(t, q.engine.hold.Reason)
		}
	}
}

// seats are the first MaxListed of q in the order in which they would leave.
func (c *Core) seats(q *queue, now time.Time) []seat {
	if q.line.depth == 0 {
		return nil
	}
	seats := make([]seat, 0, min(q.line.depth, MaxListed))
	turn := len(c.earlier(q, now))
	seated := map[*Ticket]bool{}
	sit := func(t *Ticket, share float64) {
		if !seated[t] && len(seats) < MaxListed {
			seated[t] = true
			if c.settings.Order == Arrival {
				share = 0 // it counts for nothing
			}
			seats = append(seats, seat{t, share, turn})
		}
	}
	first := c.next(q, now, false)
	if q.pool.shared() && c.hasTurn(q, now) {
		first = q.pool.next
	}
	if first != nil {
		sit(first, first.app.share)
	}
	for _, t := range slices.Backward(q.line.moved) {
		sit(t, t.app.share)
	}
	if c.settings.Order == Arrival {
		for i := range q.line.class {
			for t := q.line.class[i].all.first; t != nil && len(seats) < MaxListed; t = t.links[byArrival].next {
				sit(t, 0)
			}
		}
		return seats
	}
	had := map[*account]float64{} // shares of those that leave before
	for i := range q.line.class {
		h := heap[*cursor]{less: cursorBefore}
		for _, n := range q.line.class[i].lanes.items {
			at := newCursor(n, now)
			if share, ok := had[n.app]; ok {
				at.share = share
			}
			h.push(at)
		}
		for len(h.items) > 0 && len(seats) < MaxListed {
			at := h.items[0]
			sit(at.ticket, at.share)
			at.share += float64(c.promptOf(at.ticket)+unitsPerOutput*at.ticket.output) / at.lane.app.weight
			had[at.lane.app] = at.share
			if at.advance(); at.ticket == nil {
				h.remove(0)
			} else {
				h.fix(0)
			}
		}
	}
	return seats
}

// cursor goes along a lane without touching it.
type cursor struct {
	lane   *lane
	ticket *Ticket // next of the lane
	oldest *Ticket // of those left
	share  float64
	short  heap[*Ticket]    // those left but ticket, where length decides
	taken  map[*Ticket]bool // then, those before
}

func newCursor(n *lane, now time.Time) *cursor {
	at := &cursor{lane: n, ticket: n.all.first, oldest: n.all.first, share: n.app.share}
	if n.byLength(now) {
		at.short = heap[*Ticket]{items: slices.Clone(n.short.items), less: shorter}
		at.taken = map[*Ticket]bool{}
		at.ticket = at.short.remove(0)
	}
	return at
}

func (at *cursor) advance() {
	if at.taken == nil {
		at.ticket = at.ticket.links[byApp].next
		at.oldest = at.ticket
		return
	}
	at.taken[at.ticket] = true
	for at.oldest != nil && at.taken[at.oldest] {
		at.oldest = at.oldest.links[byApp].next
	}
	at.ticket = nil
	if len(at.short.items) > 0 {
		at.ticket = at.short.remove(0)
	}
}

func cursorBefore(a, b *cursor) bool {
	if a.share != b.share {
		return a.share < b.share
	}
	return a.oldest.earlier(b.oldest)
}

// inOneLine are the positions of those that wait for places of several keys.
func (c *Core) inOneLine(all [][]seat, now time.Time) map[*Ticket]int {
	if c.settings.Mode == Serial {
		return oneLine(all)
	}
	if len(c.pools) == 0 {
		return nil
	}
	shared := map[*pool][][]seat{}
	for i, q := range c.order {
		if !q.pool.shared() {
			continue
		}
		if len(all[i]) > 0 && c.hasTurn(q, now) {
			all[i][0].turn = -1
		}
		shared[q.pool] = append(shared[q.pool], all[i])
	}
	positions := map[*Ticket]int{}
	for _, seats := range shared {
		maps.Copy(positions, oneLine(seats))
	}
	return positions
}

// oneLine is each ticket's position among those of several keys.
func oneLine(all [][]seat) map[*Ticket]int {
	seats := slices.Concat(all...)
	slices.SortStableFunc(seats, func(a, b seat) int {
		return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(b.ticket.front, a.ticket.front),
			cmp.Compare(rank(a.ticket.Request.Priority), rank(b.ticket.Request.Priority)),
			cmp.Compare(a.share, b.share), cmp.Compare(a.ticket.arrived, b.ticket.arrived),
			cmp.Compare(a.ticket.number, b.ticket.number))
	})
	position := make(map[*Ticket]int, len(seats))
	for i, s := range seats {
		position[s.ticket] = i + 1
	}
	return position
}

// earlier are the queues of q's engine whose models come before q's and exclude it.
func (c *Core) earlier(q *queue, now time.Time) []*queue {
	if !c.ordered() || len(q.engine.queues) == 1 {
		return nil
	}
	next := c.outlook(q.engine, now).next.model
	var all []*queue
	for _, other := range q.engine.queues {
		if !q.engine.exclude(other.model, q.model) || other.line.depth == 0 || next == q.model {
			continue
		}
		sooner := other.model.loaded
		if other.model.loaded == q.model.loaded {
			sooner = c.claim(other).Before(c.claim(q))
		}
		if next == other.model || sooner {
			all = append(all, other)
		}
	}
	return all
}

// ahead is how many requests of other models come before q's.
func (c *Core) ahead(q *queue, now time.Time) int {
	n := 0
	for _, other := range c.earlier(q, now) {
		n += other.line.depth
	}
	return n
}

// expected guesses how long one of q still waits with n before it: until its
// model's turn, then as long as those before it take at the pace of q's last
// requests. 0 where that pace is not known.
func (c *Core) expected(q *queue, l *Limits, n int, admitted bool, now time.Time) time.Duration {
	pace, ok := q.pace(l)
	if !ok {
		return 0
	}
	wait := time.Duration(n+1) * pace
	if admitted {
		return wait
	}
	var turn time.Duration
	for _, other := range q.engine.queues {
		if other == q || !q.engine.exclude(other.model, q.model) {
			continue
		}
		if pace, ok := other.pace(c.limits(other)); ok {
			turn = max(turn, time.Duration(other.line.depth)*pace)
		}
	}
	if due, ok := c.due(q); ok {
		turn = min(turn, max(0, due.Sub(now)))
	}
	for _, other := range q.engine.queues {
		if other != q && other.running.places > 0 {
			turn += other.model.service // until the engine is clear
			break
		}
	}
	return turn + q.engine.loadOf(q.model) + wait
}

// pace is the mean time between two places of q that become free.
func (q *queue) pace(l *Limits) (time.Duration, bool) {
	if q.model.service == 0 || l.InFlight() == 0 {
		return 0, false
	}
	return q.model.service / time.Duration(l.InFlight()), true
}
