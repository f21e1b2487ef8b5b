package batching

import (
	"iter"
	"time"
)

// crowd is what runs of one key, and what decisions need to know of all of it. That
// is kept as it changes: thousands may run, and a decision comes with each that begins
// or ends.
type crowd struct {
	fifo     // in order of release
	places   int
	requests int // on board, those of one ride counted one by one
	others   int // places of those that are not urgent
}

func newCrowd() crowd { return crowd{fifo: fifo{chain: byRelease}} }

// push takes in a ticket that was released last.
func (w *crowd) push(t *Ticket) {
	w.link(t, links{prev: w.last})
	w.count(t, 1)
}

// remove takes out one that gives its place back.
func (w *crowd) remove(t *Ticket) {
	w.fifo.remove(t)
	w.count(t, -1)
}

func (w *crowd) count(t *Ticket, sign int) {
	w.places += sign
	w.requests += sign * t.onBoard()
	if t.Request.Priority <= Normal {
		w.others += sign
	}
}

// all are its tickets. That is a walk: nothing for what happens with each event.
func (w *crowd) all() iter.Seq[*Ticket] {
	return func(yield func(*Ticket) bool) {
		for t := w.first; t != nil && yield(t); t = t.links[byRelease].next {
		}
	}
}

// linger keeps the place of a ticket that was cancelled until then.
func (c *Core) linger(t *Ticket, until time.Time) {
	t.state, t.freeAt = leaving, until
	c.leaving.push(t)
}

// freeLeft frees the places whose grace is over.
func (c *Core) freeLeft(now time.Time) {
	for len(c.leaving.items) > 0 && !now.Before(c.leaving.items[0].freeAt) {
		c.free(c.leaving.remove(0))
	}
}

func freeSooner(a, b *Ticket) bool { return a.freeAt.Before(b.freeAt) }
