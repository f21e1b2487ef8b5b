package scheduling

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"carpool/backends/sim"
	"carpool/batching"
	"carpool/batching/adaptive"
)

// world is one run: the senders, the scheduler's core and the engine, driven
// from event to event in virtual time.
type world struct {
	scenario Scenario
	now      time.Duration
	agenda   agenda
	changes  []Change

	core    *batching.Core
	keys    []*keyed
	wake    time.Duration // when the core wants to be stepped
	tick    time.Duration
	reading time.Duration // the next one of the card's memory

	machine  *sim.Machine
	requests []*request // by id
	waiting  map[*batching.Ticket]*request
	observed observation
}

// keyed is what belongs to one model.
type keyed struct {
	key               batching.Key
	limiter           limiter // nil = constant
	limits            batching.Limits
	waiting, inFlight int
}

// request is one request's life. Times that have not come are negative.
type request struct {
	size
	id     uint64
	sender *sender
	keyed  *keyed
	ticket *batching.Ticket

	arrived, released, first, last, done time.Duration
	beside                               int // in flight with it when it was released, itself included
	seen                                 int // tokens that reached the client
	cached                               int // prompt tokens the engine had
	refused                              bool
}

const (
	tickEvery    = 100 * time.Millisecond
	readingEvery = time.Second
)

// moment is a time of the run as a point in time.
func moment(t time.Duration) time.Time { return time.Unix(0, int64(t)) }

// Run runs one scenario under one policy. Equal seeds give equal requests,
// whatever the policy, and equal results.
func Run(s Scenario, p Policy, seed uint64) Result {
	w := newWorld(s, p, seed)
	w.run()
	return w.observed.result(w)
}

func newWorld(s Scenario, p Policy, seed uint64) *world {
	w := &world{
		scenario: s,
		changes:  s.Change,
		core:     batching.NewCore(p.Settings, batching.Options{}),
		machine:  sim.New(s.Machine),
		waiting:  map[*batching.Ticket]*request{},
		wake:     never,
		tick:     tickEvery,
	}
	w.observed.begin(s)
	var common limiter
	for i := range s.Machine.Models {
		k := &keyed{key: key(i)}
		if p.limiter != nil {
			if common == nil || !p.shared {
				common = p.limiter(s)
			}
			k.limiter = common
		}
		w.keys = append(w.keys, k)
	}
	if p.limiter == nil {
		w.observed.limit(0, p.Settings.InFlight())
	}
	w.readCard()
	for _, k := range w.keys {
		w.adjust(k)
	}
	for i, t := range s.Traffic {
		senders := t.Arrivals.senders(t, func(sender int) *rand.Rand {
			return rand.New(rand.NewPCG(seed, uint64(i)<<32|uint64(sender)))
		})
		for _, sender := range senders {
			w.agenda.add(sender.pace.first(), sender)
		}
	}
	return w
}

// run goes from event to event. What the engine did comes before what happens
// to it at the same time, and both before new requests.
func (w *world) run() {
	for {
		engine, ok := w.machine.Next()
		if !ok {
			engine = never
		}
		change := never
		if len(w.changes) > 0 {
			change = w.changes[0].At
		}
		next := min(engine, change, w.agenda.next(), w.tick, w.reading, w.wake)
		if next >= w.scenario.Length {
			break
		}
		w.now = next
		switch next {
		case engine:
			w.hear(w.machine.Advance(next))
		case change:
			w.change()
		case w.reading:
			w.readCard()
		case w.agenda.next():
			w.send(w.agenda.take())
		case w.tick:
			w.tick += tickEvery
			w.adjustAll()
			w.settle()
		default:
			w.settle()
		}
	}
	w.now = w.scenario.Length
}

// send puts a sender's next request into the queue.
func (w *world) send(s *sender) {
	k := w.keys[s.model]
	r := &request{size: s.sizes.draw(), id: uint64(len(w.requests)), sender: s, keyed: k,
		arrived: w.now, released: -1, first: -1, last: -1, done: -1}
	w.requests = append(w.requests, r)
	w.agenda.add(s.pace.sent(w.now), s)
	t, err := w.core.Arrive(moment(w.now), batching.Request{
		Key: k.key, ID: strconv.FormatUint(r.id, 10), App: s.app, Priority: s.priority,
		PromptTokens: r.prompt, PromptLeast: r.prompt, MaxTokens: r.told, Prefix: r.prefix, PrefixTokens: r.prefixTokens, Streams: true})
	switch {
	case errors.Is(err, batching.ErrTooLarge):
		r.refused = true
		w.agenda.add(s.pace.answered(w.now), s)
		return
	case err != nil:
		panic(err) // every policy's queue is as good as endless
	}
	r.ticket = t
	w.waiting[t] = r
	k.waiting++
	w.adjust(k)
	w.settle()
}

// settle carries out what the core decides.
func (w *world) settle() {
	effects := w.core.Step(moment(w.now))
	for _, t := range effects.Released {
		r := w.waiting[t]
		delete(w.waiting, t)
		k := r.keyed
		k.waiting--
		k.inFlight++
		r.released, r.beside = w.now, k.inFlight
		if k.limiter != nil {
			k.limiter.released(w.now, r)
		}
		w.machine.Submit(w.now, sim.Job{ID: r.id, Model: k.key.Model, Prompt: r.prompt, Output: r.output,
			Prefix: r.prefix, PrefixTokens: r.prefixTokens})
	}
	w.wake = never
	if !effects.Wake.IsZero() {
		w.wake = max(w.now, effects.Wake.Sub(moment(0)))
	}
}

// hear takes in what the engine did.
func (w *world) hear(events []sim.Event) {
	var ended []*request
	for _, e := range events {
		switch e.Kind {
		case sim.Loading:
			w.observed.swaps++
		case sim.Preempted:
			w.observed.evictions++
		case sim.Entered:
			w.requests[e.Job].cached = e.Tokens
		case sim.Token:
			// A request that starts again repeats what its client has seen.
			if r := w.requests[e.Job]; e.Tokens > r.seen {
				w.token(r)
			}
		case sim.Done:
			ended = append(ended, w.requests[e.Job])
		}
	}
	if len(ended) == 0 {
		return
	}
	for _, r := range ended {
		w.end(r)
	}
	w.settle()
}

func (w *world) token(r *request) {
	r.seen++
	r.ticket.Generated(1)
	if l := r.keyed.limiter; l != nil {
		l.tokens(w.now, r, 1)
	}
	w.observed.token(w.now, r)
	r.last = w.now
	if r.first < 0 {
		r.first = w.now
		w.core.FirstToken(moment(w.now), r.ticket)
	}
}

func (w *world) end(r *request) {
	r.done = w.now
	k := r.keyed
	k.inFlight--
	w.core.End(moment(w.now), r.ticket, batching.Served,
		batching.Report{PromptTokens: r.prompt, CachedTokens: r.cached, OutputTokens: r.output})
	if k.limiter != nil {
		k.limiter.ended(w.now, r)
	}
	w.adjust(k)
	w.agenda.add(r.sender.pace.answered(w.now), r.sender)
}

// change alters the engine.
func (w *world) change() {
	c := w.changes[0]
	w.changes = w.changes[1:]
	w.machine.Configure(w.now, c.Machine)
	if !c.Seen {
		return
	}
	for _, k := range w.keys {
		if k.limiter != nil {
			k.limiter.restarted(w.now)
			w.adjust(k)
		}
	}
	w.settle()
}

// readCard takes the reading of the card that a driver would give.
func (w *world) readCard() {
	w.reading = w.now + readingEvery
	if w.scenario.Blind {
		return
	}
	m := adaptive.Memory{Used: w.machine.Memory(), Total: w.scenario.Machine.Profile.Memory, Utilization: -1, Others: -1}
	if f := w.scenario.Busy; f != nil {
		m.Utilization = f(w.now)
	}
	if f := w.scenario.Others; f != nil {
		m.Others = f(w.now)
	}
	for _, k := range w.keys {
		if k.limiter != nil {
			k.limiter.memory(w.now, m)
		}
	}
}

func (w *world) adjustAll() {
	for _, k := range w.keys {
		if k.waiting+k.inFlight > 0 {
			w.adjust(k)
		}
	}
}

// adjust lets a limiter decide.
func (w *world) adjust(k *keyed) {
	if k.limiter == nil {
		return
	}
	l := k.limiter.limits(w.now, k.waiting, k.inFlight)
	if l == k.limits {
		return
	}
	if k == w.keys[0] && l.Size != k.limits.Size {
		w.observed.limit(w.now, l.Size)
	}
	k.limits = l
	w.core.SetLimits(k.key, l)
}
