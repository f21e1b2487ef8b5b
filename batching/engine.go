package batching

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// EngineState is what an engine tells of itself.
type EngineState struct {
	Loaded []string  // models loaded at that time; nil = not told
	At     time.Time // when it told so; zero = now
}

// Switch is a model that took another one's place in its engine.
type Switch struct {
	Engine string
	From   string // what was loaded until then
	To     string
	Reason string // for people
}

// engine is what is known of one engine: which models it has loaded, and which
// of them it can hold at once.
type engine struct {
	name   string
	models map[string]*model
	loaded []*model
	fits   map[pair]bool // of two models: loaded at once, or one driven out by the other; neither = not known
	told   []string      // what it said last
	known  bool          // what is loaded was told, or follows from what was sent
	sent   time.Time     // when a model was last sent for
	queues []*queue      // of its models with, until the last Step, a waiting or running request
	hold   *Hold         // nil = none

	longest time.Duration // of the load times measured; 0 = none was
	outlook outlook
}

// pair is two models, the lesser name first.
type pair struct{ a, b string }

func pairOf(a, b string) pair {
	if a > b {
		a, b = b, a
	}
	return pair{a, b}
}

// model is what is known of one model on its engine. It outlives its queue.
type model struct {
	name   string
	engine *engine
	queue  *queue // nil = nothing of it waits or runs
	used   uint64 // number of the last ticket sent to it
	loaded bool   // as far as is known
	// The engine does not have it: it will refuse at once, and load nothing.
	unlisted bool
	since    time.Time     // its first token after it was loaded; zero = none yet
	loader   *Ticket       // the request that had it loaded; nil if none did
	load     time.Duration // what loading takes; 0 = not measured
	before   time.Duration // load without what the loader showed

	ratio    float64       // real prompt tokens per estimated one
	rate     float64       // prompt tokens read per second; 0 = unknown
	service  time.Duration // from release to end, a running mean; 0 = unknown
	finished finished
}

// modelsRemembered bounds how many models an engine's state keeps.
const modelsRemembered = 64

func (c *Core) engine(name string) *engine {
	e := c.engines[name]
	if e == nil {
		e = &engine{name: name, models: map[string]*model{}, fits: map[pair]bool{}, hold: c.holdOf(name)}
		c.engines[name] = e
	}
	return e
}

func (e *engine) model(name string) *model {
	m := e.models[name]
	if m == nil {
		e.forget()
		m = &model{name: name, engine: e, ratio: 1}
		e.models[name] = m
	}
	return m
}

// forget makes room for one more model where too many are known.
func (e *engine) forget() {
	if len(e.models) < modelsRemembered {
		return
	}
	var oldest *model
	for _, m := range e.models {
		if m.loaded || m.queue != nil {
			continue
		}
		if oldest == nil || cmp.Or(cmp.Compare(m.used, oldest.used), cmp.Compare(m.name, oldest.name)) < 0 {
			oldest = m
		}
	}
	if oldest == nil {
		return
	}
	delete(e.models, oldest.name)
	e.remeasure()
	for p := range e.fits {
		if p.a == oldest.name || p.b == oldest.name {
			delete(e.fits, p)
		}
	}
}

func (e *engine) drop(q *queue) {
	q.model.queue = nil
	i := slices.Index(e.queues, q)
	e.queues = slices.Delete(e.queues, i, i+1)
}

// busy tells whether something of m waits or runs.
func (m *model) busy() bool {
	return m.queue != nil && (m.queue.line.depth > 0 || m.queue.running.places > 0)
}

// answers tells whether something of m is in flight.
func (m *model) answers() bool { return m.queue != nil && m.queue.running.places > 0 }

// exclude tells whether two models may drive each other out. They may until the
// engine has shown both loaded at once.
func (e *engine) exclude(a, b *model) bool {
	return a != b && !a.unlisted && !b.unlisted && !e.fits[pairOf(a.name, b.name)]
}

// rivals are the loaded models that m may drive out.
func (e *engine) rivals(m *model) iter.Seq[*model] {
	return func(yield func(*model) bool) {
		for _, x := range e.loaded {
			if e.exclude(x, m) && !yield(x) {
				return
			}
		}
	}
}

func (e *engine) place(m *model, since time.Time, loader *Ticket) {
	m.loaded, m.since, m.loader, m.before = true, since, loader, m.load
	e.loaded = append(e.loaded, m)
}

func (e *engine) unload(m *model) {
	m.loaded, m.finished = false, finished{}
	i := slices.Index(e.loaded, m)
	e.loaded = slices.Delete(e.loaded, i, i+1)
}

// loadOf is what loading m takes: as measured, else the longest measured on this
// engine, else a guess that suits a model of a few GB.
func (e *engine) loadOf(m *model) time.Duration {
	if m.load > 0 {
		return m.load
	}
	if e.longest > 0 {
		return e.longest
	}
	return unknownLoad
}

// remeasure follows a change of a model's load time.
func (e *engine) remeasure() {
	e.longest = 0
	for _, m := range e.models {
		e.longest = max(e.longest, m.load)
	}
}

// Loading times.
const (
	unknownLoad = 6 * time.Second
	leastLoad   = 100 * time.Millisecond // less is an engine's overhead, not a load
	unknownRate = 1000                   // prompt tokens per second
)

// SetEngine takes over what an engine tells of itself. Two models told at once
// fit together; one that came as another one went has driven it out. What is in
// flight counts as loaded, whatever the engine said a moment ago, and what it said
// before a model was last sent for says nothing any more.
func (c *Core) SetEngine(now time.Time, name string, s EngineState) {
	e := c.engine(name)
	if s.Loaded == nil || !s.At.IsZero() && s.At.Before(e.sent) {
		return
	}
	loaded := func(m string) bool { return slices.Contains(s.Loaded, m) }
	for i, a := range s.Loaded {
		for _, b := range s.Loaded[:i] {
			e.fits[pairOf(a, b)] = true
		}
		if e.known && !slices.Contains(e.told, a) {
			for _, gone := range e.told {
				if !loaded(gone) {
					e.fits[pairOf(a, gone)] = false
				}
			}
		}
	}
	for _, m := range slices.Clone(e.loaded) {
		if !loaded(m.name) && !m.answers() {
			e.unload(m)
		}
	}
	for _, told := range s.Loaded {
		m := e.model(told)
		if m.loaded || slices.ContainsFunc(e.queues, func(q *queue) bool {
			return q.running.places > 0 && e.exclude(q.model, m)
		}) {
			continue
		}
		e.place(m, now, nil)
	}
	e.told, e.known = slices.Clone(s.Loaded), true
}

// load notes that t goes to a model that is not loaded, and returns which ones
// that drives out.
func (e *engine) load(t *Ticket, now time.Time) (driven []*model) {
	e.sent = now
	m := t.queue.model
	driven = slices.Collect(e.rivals(m))
	for _, x := range driven {
		e.unload(x)
	}
	e.place(m, time.Time{}, t)
	t.loads = e.known
	e.known = true
	return driven
}

// speaks notes t's first sign of life, from which on its model counts as resident.
func (m *model) speaks(t *Ticket, now time.Time) {
	if !m.loaded || !m.since.IsZero() {
		return
	}
	m.since = now
	if m.loader != nil && m.loader.loads {
		rate := m.rate
		if rate == 0 {
			rate = unknownRate
		}
		read := time.Duration(float64(t.prompt-t.cached) / rate * float64(time.Second))
		m.measure(max(now.Sub(m.loader.Released)-read, time.Millisecond))
	}
}

// ended notes what the engine told of a request to m.
func (m *model) ended(t *Ticket, o Outcome, r Report, now time.Time) {
	m.speaks(t, now)
	if t == m.loader {
		switch {
		case r.Load > leastLoad:
			m.measure(r.Load)
		case r.Load > 0: // it was loaded after all
			m.load = m.before
			m.engine.remeasure()
		}
		m.loader = nil
	}
	m.finished.add(t.Request.Prefix)
	if o != Served {
		return
	}
	took := now.Sub(t.Released)
	if m.service == 0 {
		m.service = took
	}
	m.service += time.Duration(learning * float64(took-m.service))
}

// measure sets what loading takes to the mean of what was known and what the
// loader showed.
func (m *model) measure(load time.Duration) {
	m.load = load
	if m.before > 0 {
		m.load = (m.before + load) / 2
	}
	m.engine.remeasure()
}

func clamp[T cmp.Ordered](x, least, most T) T { return min(max(x, least), most) }
