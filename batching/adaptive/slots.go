package adaptive

import (
	"fmt"
	"time"
)

// slots is how many requests the engine runs at once, as far as that is known.
// What an engine is given beyond that stands in a line of its own, out of reach
// of our order.
type slots struct {
	n  int // 0 = not known
	by SlotSource

	firsts float64 // first tokens since the limit changed, of requests admitted at the full limit
	probe  probe
}

// tellSlots takes what the engine itself said, which is better than what was
// seen.
func (g *Governor) tellSlots() {
	n := g.facts.Slots
	switch {
	case n > 0:
		g.slots.n, g.slots.by = n, Told
		g.startup, g.trial.on, g.slots.probe.on = false, false, false
		g.knee = 0
		g.set(n, runsAtOnce(n))
	case g.slots.by == Told:
		g.slots.n, g.slots.by = 0, unknownSlots
		g.startup = true
	}
}

func runsAtOnce(n int) string { return fmt.Sprintf("engine runs %d at once", n) }

// found takes a count that was seen, and stops growth there.
func (g *Governor) found(n int, by SlotSource) {
	n = max(n, g.streams, 1)
	if g.slots.by == Told {
		return
	}
	s := &g.slots
	if s.probe.on {
		g.endProbe(failed)
	}
	s.probe.rest(g.now)
	if s.n != n {
		s.n, s.by = n, by
	}
	g.startup = false
	if g.trial.on {
		// It goes on below the slots, and ends there.
		g.trial.from = min(g.trial.from, n)
		g.trial.on = g.trial.to < n
	}
	if n < g.limit {
		g.set(n, runsAtOnce(n))
	}
}

// more takes the sight of more requests at once than were thought possible.
func (g *Governor) more(n int) {
	if s := &g.slots; s.n > 0 && n > s.n && s.by != Told {
		s.n = n
		if g.limit < n && !g.trial.on && g.knee == 0 {
			g.set(n, runsAtOnce(n))
		}
	}
}

// detectByOldest finds a request that waits for its first token although the
// engine decodes all the time: it is not in a slot, so the slots are those that
// were let in before it. If one that was let in later has its first token, it is
// no line that the request stands in: its prompt is read beside others, or its
// slot hangs.
func (g *Governor) detectByOldest() {
	if g.pending == 0 || g.streams == 0 {
		return
	}
	slots, before, unread := 0, g.leaving(), 0
	for r := g.oldest; r != nil; r = r.next {
		switch {
		case r.streaming:
			slots = 0
		case !r.hidden():
			unread += r.work.Prompt
			if slots == 0 && g.overdue(r, unread) {
				slots = before
			}
		}
		before++
	}
	if slots > 0 {
		g.found(slots, ByFirstTokens)
	}
}

// overdue means that a request had more than time enough for its first token:
// twice what it takes to read its prompt and all that were read before it since
// it was let in. unread is the tokens still to read, its own included.
func (g *Governor) overdue(r *request, unread int) bool {
	return g.active-r.from > max(time.Second, 2*g.reading(unread+g.read-r.read))
}

// reading is how long the engine takes for so many prompt tokens now.
func (g *Governor) reading(tokens int) time.Duration {
	return seconds(g.prompts.expected(tokens).Seconds() * max(1, g.speed.ratio))
}

// placeGotFree tells that a request ended: the first of those that wait for a
// slot may have entered it, so its patience begins anew.
func (g *Governor) placeGotFree() {
	if g.pending == 0 {
		return
	}
	for ; g.waiter != nil; g.waiter = g.waiter.next {
		if r := g.waiter; !r.streaming && !r.hidden() && !r.mayRun {
			r.mayRun, r.from, r.read = true, g.active, g.read
			return
		}
	}
}

// detectByPeak finds that the limit was filled again and again, and yet fewer
// ran at once. A first token weighs the share of time in which no prompt was
// read, as only then can all be seen at once.
func (g *Governor) detectByPeak(r *request) {
	if !r.full || g.hiddens > 0 || g.slots.probe.on {
		return
	}
	limit := g.effective()
	reading := g.reading(g.read - g.limitRead)
	g.slots.firsts += max(0, 1-reading.Seconds()/max(g.now-g.limitAt, time.Second).Seconds())
	enough := float64(max(12, limit))
	if limit > 4 && g.proven >= limit-1 {
		enough *= 2
	}
	if g.proven > 0 && g.proven < limit-comings(limit) && g.slots.firsts >= enough {
		g.found(g.proven, ByPeakStreams)
	}
}

// detectByWait takes the engine's own word of how long it held a request back.
// It is exact but for the engine's own overhead, which grows with the work of a
// step and is far below the time that a slot stays taken: with n in flight at its
// release there were fewer than n slots, unless that many were seen since.
func (g *Governor) detectByWait(r *request, e End) {
	if !e.Timed || e.LoadTime > reload {
		return
	}
	if e.EngineWait <= max(250*time.Millisecond, e.PromptTime/2, e.EvalTime/8) {
		if g.slots.probe.is(r) && !r.streaming {
			g.endProbe(succeeded)
		}
		if r.hidden() {
			g.ran(r.place)
		}
		return
	}
	if r.place > 1 && g.lastSeen(r.place) < r.released {
		if n := r.place - 1; g.slots.n == 0 || n < g.slots.n {
			g.found(n, ByEngineWait)
		} else if n == g.slots.n {
			g.slots.by = ByEngineWait
		}
	}
}

// reload is the load time above which an engine really loaded the model.
const reload = 500 * time.Millisecond

// ran takes evidence that n requests of which not all are seen ran at once.
func (g *Governor) ran(n int) {
	n = min(n, g.effective())
	g.proven = max(g.proven, n)
	g.peak = max(g.peak, n)
	g.more(n)
}

// saw notes that d streams run.
func (g *Governor) saw(d int) {
	for len(g.seen) <= d {
		g.seen = append(g.seen, -1)
	}
	g.seen[d] = g.now
}

// lastSeen is when d or more streams last ran; negative = never.
func (g *Governor) lastSeen(d int) time.Duration {
	last := time.Duration(-1)
	for ; d < len(g.seen); d++ {
		last = max(last, g.seen[d])
	}
	return last
}
