package adaptive_test

import (
	"slices"
	"time"

	"carpool/batching/adaptive"
)

var start = time.Unix(1_700_000_000, 0)

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// engine is a scripted one for single rules: a line before some slots, a fixed
// time for a prompt, a fixed time per token. It always has its governor ask as
// often as the real one does. Its requests are let in as the governor says,
// while there are any.
type engine struct {
	*adaptive.Governor
	config adaptive.Config
	now    time.Time

	slots  int
	length int           // tokens of an answer
	spread int           // by which answers differ, so that they do not end together
	read   time.Duration // of a prompt
	gap    func(streams int) time.Duration
	demand int // requests that want to run at any time, in flight or waiting

	plain   bool // answers come in one piece
	timed   bool // the engine tells its times
	urgent  bool // requests are
	stopped bool // it generates nothing

	endsFirst bool // the last tokens of a step come before the others, and who ends is gone by then

	after func() // called after each decision; nil = nothing

	next     uint64
	flight   []*answer // in order of release; the first slots of them run
	nextStep time.Time
	nextTick time.Time
	decision adaptive.Decision
	history  []adaptive.Decision // those that changed
	highest  int                 // limit
	streams  int                 // of the last step
	seen     int                 // most streams since seen was last set to streams
}

type answer struct {
	id       uint64
	released time.Time
	entered  time.Time // zero: still in the engine's line
	tokens   int
}

func newEngine(c adaptive.Config, slots int) *engine { return newEngineAt(start, c, slots) }

func newEngineAt(now time.Time, c adaptive.Config, slots int) *engine {
	e := &engine{Governor: adaptive.New(now, c), config: c, now: now, slots: slots, length: 100,
		read: 50 * time.Millisecond, demand: 1000, nextStep: now, nextTick: now}
	e.constantGap(10 * time.Millisecond)
	e.Tell(now, adaptive.Facts{Preallocated: true})
	return e
}

func (e *engine) constantGap(d time.Duration) { e.gap = func(int) time.Duration { return d } }

// run lets time pass.
func (e *engine) run(d time.Duration) {
	until := e.now.Add(d)
	for {
		at := e.nextTick
		if e.nextStep.Before(at) {
			at = e.nextStep
		}
		if at.After(until) {
			e.now = until
			return
		}
		e.now = at
		if !e.nextStep.After(at) {
			e.step()
		}
		if !e.nextTick.After(at) {
			e.nextTick = at.Add(100 * time.Millisecond)
			e.tick()
		}
	}
}

// until runs until a condition holds and reports whether it ever did.
func (e *engine) until(limit time.Duration, holds func() bool) bool {
	for end := e.now.Add(limit); e.now.Before(end); e.run(10 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return holds()
}

func (e *engine) tick() {
	for {
		waiting := max(0, e.demand-len(e.flight))
		e.decision = e.Tick(e.now, waiting, len(e.flight))
		e.highest = max(e.highest, e.decision.Limit)
		if e.decision.Changed {
			e.history = append(e.history, e.decision)
		}
		if e.after != nil {
			e.after()
		}
		if waiting == 0 || len(e.flight) >= e.decision.Limit {
			return
		}
		e.release()
	}
}

func (e *engine) release() uint64 {
	e.next++
	e.flight = append(e.flight, &answer{id: e.next, released: e.now})
	e.enter()
	e.Released(e.now, e.next, adaptive.Work{Prompt: 100, MaxTokens: e.length, Streams: !e.plain, Urgent: e.urgent})
	return e.next
}

// enter lets those in that have a slot.
func (e *engine) enter() {
	for i, a := range e.flight {
		if i < e.slots && a.entered.IsZero() {
			a.entered = e.now
		}
	}
}

// step gives each running stream a token.
func (e *engine) step() {
	if e.stopped {
		e.nextStep = e.now.Add(10 * time.Millisecond)
		return
	}
	streams := 0
	var done []*answer
	all := slices.Clone(e.flight)
	if e.endsFirst {
		slices.SortStableFunc(all, func(a, b *answer) int { return b.tokens - a.tokens })
	}
	for _, a := range all {
		if a.entered.IsZero() || e.now.Before(a.entered.Add(e.read)) {
			continue
		}
		streams++
		a.tokens++
		if !e.plain {
			e.Tokens(e.now, a.id, 1)
		}
		if a.tokens >= e.length+int(a.id%7)*e.spread {
			if e.endsFirst {
				e.end(a.id, adaptive.Served)
			}
			done = append(done, a)
		}
	}
	e.streams, e.seen = streams, max(e.seen, streams)
	for _, a := range done {
		e.end(a.id, adaptive.Served) // again, where it has ended
	}
	if len(done) > 0 {
		e.tick()
	}
	e.nextStep = e.now.Add(e.gap(max(1, streams)))
}

// end ends a request, whatever it does.
func (e *engine) end(id uint64, o adaptive.Outcome) {
	for i, a := range e.flight {
		if a.id != id {
			continue
		}
		e.flight = append(e.flight[:i], e.flight[i+1:]...)
		end := adaptive.End{Outcome: o, Prompt: 100, Cached: -1, Output: a.tokens, Timed: e.timed}
		if e.timed && !a.entered.IsZero() {
			end.EngineWait, end.PromptTime = a.entered.Sub(a.released), e.read
			end.EvalTime = e.now.Sub(a.entered) - e.read
		}
		e.Ended(e.now, id, end)
		break
	}
	e.enter()
}

// drain ends all that is in flight and stops the demand.
func (e *engine) drain() {
	e.demand = 0
	for len(e.flight) > 0 {
		e.end(e.flight[0].id, adaptive.Served)
	}
	e.tick()
}

// reasons are those of the changes so far.
func (e *engine) reasons() []string {
	var all []string
	for _, d := range e.history {
		all = append(all, d.Reason)
	}
	return all
}
