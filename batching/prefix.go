package batching

// finished remembers the prefixes of the last requests that ended on a key, the
// latest last. An engine keeps the beginnings of its last prompts in its free
// slots, so they are what it need not read again.
type finished struct {
	last  [32]uint64
	count int
}

func (f *finished) add(prefix uint64) {
	f.last[f.count%len(f.last)] = prefix
	f.count++
}

// newest returns the i-th newest; false if there are not so many.
func (f *finished) newest(i int) (uint64, bool) {
	if i >= min(f.count, len(f.last)) {
		return 0, false
	}
	return f.last[(f.count-1-i)%len(f.last)], true
}

// since tells whether the prefix is among the i newest.
func (f *finished) since(prefix uint64, i int) bool {
	for j := range i {
		if p, _ := f.newest(j); p == prefix {
			return true
		}
	}
	return false
}

// slots is how many of the last prefixes may still be in q's engine: one for each
// free place, as places in use hold what they work on.
func (q *queue) slots(l *Limits) int { return max(1, l.InFlight()-q.running.places) }

// recent tells whether a prefix may still be in the engine.
func (q *queue) recent(prefix uint64, l *Limits) bool {
	if prefix == 0 {
		return false
	}
	for i := range q.slots(l) {
		p, ok := q.model.finished.newest(i)
		if !ok {
			return false
		}
		if p == prefix {
			return true
		}
	}
	return false
}

// warm is the request of n that finds its prefix in the engine and whose app is
// within credit of the one that has had least; nil if there is none. Among
// several, who has had least goes first.
func (q *queue) warm(n *class, credit float64, l *Limits) *Ticket {
	if credit <= 0 || len(n.prefixes) == 0 {
		return nil
	}
	most := n.lanes.items[0].app.share + credit
	var best *Ticket
	for i := range q.slots(l) {
		p, ok := q.model.finished.newest(i)
		if !ok {
			break
		}
		if q.model.finished.since(p, i) {
			continue
		}
		for a := n.prefixes[p]; a != nil; a = a.next {
			t := a.all.first
			if t.app.share > most {
				continue
			}
			if best == nil || t.app.share < best.app.share || t.app.share == best.app.share && t.earlier(best) {
				best = t
			}
		}
	}
	return best
}

// alike are the tickets of one lane with one prefix, by arrival. It is never
// empty.
type alike struct {
	lane *lane
	all  fifo
	next *alike // of another lane with this prefix
}

func (c *class) pushAlike(t *Ticket) {
	p := t.Request.Prefix
	if p == 0 {
		return
	}
	if c.prefixes == nil {
		c.prefixes = map[uint64]*alike{}
	}
	a := c.prefixes[p]
	for a != nil && a.lane != t.lane {
		a = a.next
	}
	if a == nil {
		a = &alike{lane: t.lane, all: fifo{chain: byPrefix}, next: c.prefixes[p]}
		c.prefixes[p] = a
	}
	a.all.push(t)
	t.alike = a
}

func (c *class) removeAlike(t *Ticket) {
	a := t.alike
	if a == nil {
		return
	}
	t.alike = nil
	if a.all.remove(t); a.all.first != nil {
		return
	}
	p := t.Request.Prefix
	if c.prefixes[p] != a {
		before := c.prefixes[p]
		for before.next != a {
			before = before.next
		}
		before.next = a.next
	} else if a.next != nil {
		c.prefixes[p] = a.next
	} else {
		delete(c.prefixes, p)
	}
}
