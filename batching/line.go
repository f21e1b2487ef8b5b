package batching

import "time"

// line holds the waiting tickets of one key: in each class of priority by
// arrival, by app, and by the beginning of their prompts. Every operation but
// walk is O(1) or logarithmic, so a queue of thousands costs no more per decision
// than one of ten.
type line struct {
	class    [3]class // urgent, normal, background
	depth    int
	moved    []*Ticket // by MoveToFront, the last one last
	shortest bool      // lanes keep their tickets by expected length as well
}

// class is the part of a line that one class of priority has.
type class struct {
	all      fifo              // by arrival
	lanes    heap[*lane]       // one for each app, the one with the lowest share first
	prefixes map[uint64]*alike // those of known prefix
	words    map[string]*fifo  // those that may be merged, by arrival
}

// lane is one app's part of a class. It is never empty.
type lane struct {
	app   *account
	class *class
	place int           // in class.lanes
	all   fifo          // by arrival
	short heap[*Ticket] // by expected length, while line.shortest
}

func newLine(shortest bool) line {
	l := line{shortest: shortest}
	for i := range l.class {
		c := &l.class[i]
		c.lanes.less = laneBefore
		c.lanes.moved = func(l *lane, to int) { l.place = to }
	}
	return l
}

// laneBefore is the order of apps: who has had least, then who came first.
func laneBefore(a, b *lane) bool {
	if a.app.share != b.app.share {
		return a.app.share < b.app.share
	}
	return a.all.first.earlier(b.all.first)
}

// shorter is the order by expected length.
func shorter(a, b *Ticket) bool {
	if a.output != b.output {
		return a.output < b.output
	}
	return a.earlier(b)
}

func rank(p Priority) int {
	switch {
	case p > Normal:
		return 0
	case p < Normal:
		return 2
	}
	return 1
}

func (l *line) push(t *Ticket, a *account) {
	c := &l.class[rank(t.Request.Priority)]
	n := a.lane(c)
	if n == nil {
		n = &lane{app: a, class: c, all: fifo{chain: byApp}}
		n.all.push(t)
		a.lanes = append(a.lanes, n)
		c.lanes.push(n)
	} else {
		if n.all.push(t); n.all.first == t {
			c.lanes.fix(n.place)
		}
	}
	t.lane = n
	c.all.push(t)
	if l.shortest {
		n.sortIn(t)
	}
	c.pushAlike(t)
	if w := t.Request.Merge; w != "" {
		if c.words == nil {
			c.words = map[string]*fifo{}
		}
		if c.words[w] == nil {
			c.words[w] = &fifo{chain: byWord}
		}
		c.words[w].push(t)
	}
	if t.front > 0 {
		l.mark(t)
	}
	l.depth++
}

func (l *line) remove(t *Ticket) {
	n := t.lane
	c := n.class
	l.unmark(t)
	c.removeAlike(t)
	if w := t.Request.Merge; w != "" {
		if f := c.words[w]; f.first == t && f.last == t {
			delete(c.words, w)
		} else {
			f.remove(t)
		}
	}
	c.all.remove(t)
	if l.shortest {
		n.short.remove(t.place)
	}
	if n.all.first == t && n.all.last == t {
		c.lanes.remove(n.place)
		n.all.remove(t)
		n.app.drop(n)
	} else {
		n.all.remove(t)
		c.lanes.fix(n.place)
	}
	t.lane = nil
	l.depth--
}

// sortByLength makes the lanes keep, or forget, the order by expected length.
func (l *line) sortByLength(on bool) {
	if l.shortest == on {
		return
	}
	l.shortest = on
	for i := range l.class {
		for _, n := range l.class[i].lanes.items {
			n.short = heap[*Ticket]{}
			for t := n.all.first; on && t != nil; t = t.links[byApp].next {
				n.sortIn(t)
			}
		}
	}
}

func (n *lane) sortIn(t *Ticket) {
	if n.short.less == nil {
		n.short.less = shorter
		n.short.moved = func(t *Ticket, to int) { t.place = to }
	}
	n.short.push(t)
}

// tooOld is the age from which a request is not overtaken by shorter ones.
const tooOld = time.Minute

// byLength tells whether length decides who of the lane goes first.
func (n *lane) byLength(now time.Time) bool {
	return len(n.short.items) > 0 && now.Sub(n.all.first.Queued) <= tooOld
}

// head is the ticket of the lane that leaves next.
func (n *lane) head(now time.Time) *Ticket {
	if n.byLength(now) {
		return n.short.items[0]
	}
	return n.all.first
}

// head is the first ticket by class and arrival; nil if none waits.
func (l *line) head() *Ticket {
	for i := range l.class {
		if t := l.class[i].all.first; t != nil {
			return t
		}
	}
	return nil
}

// urgent is the oldest urgent ticket; nil if none waits.
func (l *line) urgent() *Ticket { return l.class[0].all.first }

// has tells whether one waits that may be merged by that word.
func (l *line) has(word string) bool {
	for i := range l.class {
		if l.class[i].words[word] != nil {
			return true
		}
	}
	return false
}

// oldest is the ticket of any class that came first; nil if none waits.
func (l *line) oldest() *Ticket {
	var first *Ticket
	for i := range l.class {
		if t := l.class[i].all.first; t != nil && (first == nil || t.earlier(first)) {
			first = t
		}
	}
	return first
}

// chain names one of the lists that go through the tickets.
type chain uint8

const (
	byArrival chain = iota // in a class
	byApp                  // in a lane
	byPrefix               // in a lane, of one prefix
	byWord                 // in a class, of one Request.Merge
	byRelease              // in a crowd
	chains
)

// links are a ticket's neighbours in one list.
type links struct{ prev, next *Ticket }

// fifo is a doubly linked list through the tickets themselves, so that a client
// that leaves is taken out without a search or an allocation.
type fifo struct {
	first, last *Ticket
	chain       chain
}

// push puts t behind those that came before it. It is the last but where it has
// waited elsewhere, on the porch or for another engine.
func (f *fifo) push(t *Ticket) {
	l := links{prev: f.last}
	for l.prev != nil && t.earlier(l.prev) {
		l = links{prev: l.prev.links[f.chain].prev, next: l.prev}
	}
	f.link(t, l)
}

// link puts t between two neighbours.
func (f *fifo) link(t *Ticket, l links) {
	if l.prev == nil {
		f.first = t
	} else {
		l.prev.links[f.chain].next = t
	}
	if l.next == nil {
		f.last = t
	} else {
		l.next.links[f.chain].prev = t
	}
	t.links[f.chain] = l
}

func (f *fifo) remove(t *Ticket) {
	l := &t.links[f.chain]
	if l.prev == nil {
		f.first = l.next
	} else {
		l.prev.links[f.chain].next = l.next
	}
	if l.next == nil {
		f.last = l.prev
	} else {
		l.next.links[f.chain].prev = l.prev
	}
	*l = links{}
}
