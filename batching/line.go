package batching

import "time"

// line holds the waiting tickets of one key in the order in which they leave:
// class first, then arrival. Every operation but walk is O(1), so a queue of
// thousands costs no more per decision than one of ten.
type line struct {
	class [3]fifo // urgent, normal, background
	depth int
}

// fifo is a doubly linked list through the tickets themselves, so that a client
// that leaves is taken out without a search or an allocation.
type fifo struct{ first, last *Ticket }

func (l *line) of(p Priority) *fifo {
	switch {
	case p > Normal:
		return &l.class[0]
	case p < Normal:
		return &l.class[2]
	}
	return &l.class[1]
}

func (l *line) push(t *Ticket) {
	f := l.of(t.Request.Priority)
	t.prev, t.next = f.last, nil
	if f.last == nil {
		f.first = t
	} else {
		f.last.next = t
	}
	f.last = t
	l.depth++
}

func (l *line) remove(t *Ticket) {
	f := l.of(t.Request.Priority)
	if t.prev == nil {
		f.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		f.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
	l.depth--
}

// head is the ticket that leaves next; nil if none waits.
func (l *line) head() *Ticket {
	for i := range l.class {
		if t := l.class[i].first; t != nil {
			return t
		}
	}
	return nil
}

// urgent tells whether an urgent ticket waits.
func (l *line) urgent() bool { return l.class[0].first != nil }

// oldest is the earliest arrival of any class; false if none waits.
func (l *line) oldest() (time.Time, bool) {
	var at time.Time
	for i := range l.class {
		if t := l.class[i].first; t != nil && (at.IsZero() || t.Queued.Before(at)) {
			at = t.Queued
		}
	}
	return at, l.depth > 0
}

// walk calls visit for the tickets in order until it returns false.
func (l *line) walk(visit func(*Ticket) bool) {
	for i := range l.class {
		for t := l.class[i].first; t != nil; t = t.next {
			if !visit(t) {
				return
			}
		}
	}
}
