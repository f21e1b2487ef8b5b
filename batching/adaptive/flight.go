package adaptive

import "time"

// request is one that was released and has not ended. They form a list in order
// of release, which is the order in which an engine lets them in.
type request struct {
	id   uint64
	work Work // its prompt is corrected
	prev *request
	next *request

	estimate int // of the prompt's tokens, as it was told
	released time.Duration
	place    int  // requests in flight right after its release, itself included
	full     bool // it took the last place under the limit
	alone    int  // Governor.stirred right after a release to streams that all had their first token; 0 = there were others

	// The wait for its first token is measured in time in which the engine
	// decoded, from here on. mayRun: a place got free while it was the first
	// of those that waited for one, so from is that moment.
	from   time.Duration
	read   int // of Governor.read, at from
	mayRun bool

	streaming bool
	first     time.Duration
	last      time.Duration // of its last gap
	tokens    int           // reported so far
	burst     int           // tokens since last that count for the next gap
	epoch     int           // of Governor.epoch, at last
}

// hidden means that nothing shows whether it runs.
func (r *request) hidden() bool { return !r.work.Streams }

// release puts a request at the end of the list.
func (g *Governor) release(id uint64, w Work) *request {
	r := g.spare
	if r == nil {
		r = &request{}
	} else {
		g.spare = r.next
	}
	estimate := w.Prompt
	w.Prompt = int(float64(estimate) * g.prompts.scale)
	*r = request{id: id, work: w, estimate: estimate, prev: g.newest, released: g.now, from: g.active, read: g.read}
	if g.newest != nil {
		g.newest.next = r
	} else {
		g.oldest = r
	}
	g.newest = r
	if g.waiter == nil {
		g.waiter = r
	}
	g.flight[id] = r
	r.place = len(g.flight) + g.leaving()
	g.heldPrompts += w.Prompt
	if r.hidden() {
		g.hiddens++
	} else {
		g.pending++
	}
	return r
}

// start counts a request as a stream.
func (g *Governor) start(r *request) {
	r.streaming, r.first, r.last = true, g.now, g.now
	if r.hidden() {
		r.work.Streams = true
		g.hiddens--
	} else {
		g.pending--
	}
	g.streams++
	g.read += r.work.Prompt
	g.epoch++
	r.epoch = g.epoch
	g.proven = max(g.proven, g.streams)
	g.peak = max(g.peak, g.streams)
}

// remove takes a request out of the list.
func (g *Governor) remove(r *request) {
	delete(g.flight, r.id)
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		g.oldest = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		g.newest = r.prev
	}
	if g.waiter == r {
		g.waiter = r.next
	}
	g.heldPrompts -= r.work.Prompt
	g.heldChunks -= r.tokens
	switch {
	case r.streaming:
		g.streams--
		g.epoch++
	case r.hidden():
		g.hiddens--
	default:
		g.pending--
	}
	r.next, g.spare = g.spare, r
}

// held is the tokens in flight.
func (g *Governor) held() float64 {
	return float64(g.heldPrompts) + float64(g.heldChunks)*g.perChunk
}

// grace is how long an engine may go on with a request whose client left.
const grace = 3 * time.Second

// leaving is how many canceled requests the engine may still work on.
func (g *Governor) leaving() int {
	for len(g.canceled) > 0 && g.now-g.canceled[0] > grace {
		g.canceled = g.canceled[1:]
	}
	return len(g.canceled)
}
