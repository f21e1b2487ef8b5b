package adaptive

import (
	"fmt"
	"time"
)

const (
	probeEvery   = 30 * time.Second
	probeRarest  = 2 * time.Minute
	probeLongest = 20 * time.Second
	probeTries   = 8 // requests of one probe
)

// probe is one request more than the known slots, to see whether there is
// another slot by now.
type probe struct {
	on    bool
	id    uint64 // of the request; 0 = it has not come yet
	has   bool   // id is set
	began time.Duration
	ends  int // Governor.ends when the request was let in

	rested time.Duration // when slots were last found or probed
	every  time.Duration
	tries  int  // requests that said nothing
	never  bool // a probe made the engine load the model again
}

// rest puts the next probe off without judging the last one.
func (p *probe) rest(now time.Duration) {
	p.on, p.has, p.tries = false, false, 0
	p.rested = now
	if p.every == 0 {
		p.every = probeEvery
	}
}

// watchProbe starts a probe when it is time, and ends one that takes too long.
func (g *Governor) watchProbe() {
	p := &g.slots.probe
	if p.on {
		g.awaitProbe()
		return
	}
	if g.slots.n == 0 || g.slots.by == Told || p.never || !g.mayGrow() || g.limit < g.slots.n || g.slots.n >= g.top() {
		return
	}
	wait, reason := p.every, fmt.Sprintf("trying %d at once", g.slots.n+1)
	if u := g.memory.utilization; u >= 0 && u < .6 && g.boundFor >= 10*time.Second {
		wait = max(10*time.Second, wait/3)
		reason = fmt.Sprintf("GPU only %s busy: %s", percent(u), reason)
	}
	if g.now-p.rested < wait {
		return
	}
	p.on, p.has, p.began = true, false, g.now
	g.reason = reason
}

// awaitProbe ends a probe whose request does not start. The request that waits
// longest is the probe or stands before it, so both say the same.
func (g *Governor) awaitProbe() {
	p := &g.slots.probe
	r := g.flight[p.id]
	switch {
	case !p.has:
		if g.now-p.began > probeLongest || !g.binding {
			g.endProbe(failed)
		}
	case r == nil:
		g.endProbe(unclear)
	case !r.hidden() && g.overdue(r, g.unread()):
		g.endProbe(failed)
	case g.now-p.began > probeLongest:
		g.endProbe(failed)
	}
}

type verdict uint8

const (
	unclear verdict = iota
	failed
	succeeded
)

// endProbe takes the outcome and settles when the next probe is due.
func (g *Governor) endProbe(v verdict) {
	p := &g.slots.probe
	if p.tries++; v == unclear && p.tries < probeTries {
		p.has = false
		return
	}
	p.rest(g.now)
	n := g.slots.n
	if v == succeeded {
		g.slots.n, g.slots.by = 0, unknownSlots
		p.every = probeEvery
		g.startup = true
		g.set(max(n+1, g.limit), fmt.Sprintf("engine now runs more than %d at once", n))
		return
	}
	p.every = min(2*p.every, probeRarest)
	g.reason = runsAtOnce(n)
}

// probed takes the first token of the probe's request.
func (g *Governor) probed(r *request) {
	switch p := &g.slots.probe; {
	case !p.is(r):
	case p.ends == g.ends:
		g.endProbe(succeeded)
	default:
		g.endProbe(unclear)
	}
}

// is tells whether a request is the one that probes.
func (p *probe) is(r *request) bool { return p.on && p.has && p.id == r.id }

// probeSpoiled takes the end of another request: the probe may run in its slot
// now. If it had time enough to start before, it was kept waiting.
func (g *Governor) probeSpoiled() {
	p := &g.slots.probe
	if !p.on || !p.has {
		return
	}
	r := g.flight[p.id]
	if r == nil || r.streaming || r.hidden() {
		return
	}
	if g.active-r.from > max(300*time.Millisecond, 2*g.reading(g.unread())) {
		g.endProbe(failed)
	} else {
		g.endProbe(unclear)
	}
}

// unread is the prompt tokens of all requests without a first token.
func (g *Governor) unread() int {
	n := 0
	for r := g.oldest; r != nil; r = r.next {
		if !r.streaming {
			n += r.work.Prompt
		}
	}
	return n
}
