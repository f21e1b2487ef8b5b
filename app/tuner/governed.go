package tuner

import (
	"slices"
	"sync"
	"time"

	"carpool/backends"
	"carpool/batching"
	"carpool/batching/adaptive"
)

// governed is one key's governor and the lock that its streams share.
type governed struct {
	key batching.Key

	mu       sync.Mutex
	governor *adaptive.Governor
	next     uint64 // id of the next request
	running  int
	decision adaptive.Decision
	bound    bound // in force beside it
	short    shortage
	inForce  int       // the limit as last decided; 0 = no bound
	decided  time.Time // of the last change
	slots    int       // as last told
	used     time.Time // last release
	facts    adaptive.Facts
	engine   backends.Info // as of the last look
	binding  time.Time     // when a request last waited at the limit
}

// released opens a request's account with the governor.
func (g *governed) released(now time.Time, r batching.Request) *stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next++
	g.running++
	g.used = now
	g.governor.Released(now, g.next, adaptive.Work{
		Prompt: r.PromptTokens, MaxTokens: r.MaxTokens, Streams: r.Streams, Embedding: r.Embedding,
		Urgent: r.Priority > batching.Normal,
	})
	return &stream{governed: g, id: g.next, released: now}
}

// stream tells a governor of one request.
type stream struct {
	*governed
	id       uint64
	released time.Time
}

// Tokens implements batching.Stream.
func (s *stream) Tokens(now time.Time, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.governor.Tokens(now, s.id, n)
}

// Ended implements batching.Stream.
func (s *stream) Ended(now time.Time, o batching.Outcome, r batching.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if o == batching.Exhausted {
		s.short.add(now, s.released, s.inForce)
	}
	wait, timed := r.Wait()
	s.governor.Ended(now, s.id, adaptive.End{
		Outcome: outcomes[o],
		Prompt:  r.PromptTokens, Cached: r.CachedTokens, Output: r.OutputTokens,
		EngineWait: wait, Timed: timed,
		PromptTime: r.Prompt, EvalTime: r.Eval, LoadTime: r.Load,
	})
}

var outcomes = map[batching.Outcome]adaptive.Outcome{
	batching.Served:   adaptive.Served,
	batching.Canceled: adaptive.Canceled,
	batching.Overload: adaptive.Overload,
	batching.Failed:   adaptive.Failed,

	batching.Exhausted: adaptive.Overload,
}

// look takes over what the engine tells of itself.
func (g *governed) look(now time.Time, e backends.Info, restarted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if restarted {
		g.governor.Reset(now, e.Label+" has restarted")
	}
	g.engine = e
	if f := facts(e, g.key.Model); f != g.facts {
		g.facts = f
		g.governor.Tell(now, f)
	}
}

// facts are what e tells of one of its models.
func facts(e backends.Info, model string) adaptive.Facts {
	f := adaptive.Facts{Slots: e.Slots, KVTokens: e.KVTokens, Preallocated: e.Preallocated}
	i := slices.IndexFunc(e.Models, func(m backends.Model) bool { return m.Name == model })
	if i < 0 {
		return f
	}
	if slots := e.Models[i].Slots; slots > 0 {
		f.Slots = slots // whatever the engine's setting
	}
	if kv := e.Models[i].Memory; kv.Known && !e.Preallocated {
		f.MiBPerToken = float64(kv.KVPerToken()+kv.WindowPerToken()) / mebibyte // as within a window
	}
	return f
}

func (g *governed) sample(now time.Time, m adaptive.Memory) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.governor.Memory(now, m)
}

func (g *governed) configure(now time.Time, c adaptive.Config) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.governor.Configure(now, c)
}

// decide asks the governor. It returns the limits in force from now on, at most b,
// and what is to be told if they have changed. Requests that wait for b, or are held,
// say nothing of the governor's own limit.
func (g *governed) decide(now time.Time, l batching.Load, general batching.Limits, b bound) (batching.Limits, *Decision) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before, _ := g.shown(general)
	over := g.bound
	b = g.short.on(now, b)
	waiting := l.Waiting - l.Held
	if b.lowers(limited(general, g.decision)) {
		waiting = 0
	}
	g.decision, g.bound = g.governor.Tick(now, waiting, l.InFlight), b
	if waiting > 0 && l.InFlight >= g.decision.Limit {
		g.binding = now
	}
	own := limited(general, g.decision)
	g.inForce = b.on(own).InFlight()
	limit, reason := g.shown(general)
	if limit == before && (!g.decision.Changed || b.lowers(own)) {
		return b.on(own), nil
	}
	if b.size == 0 && over.lowers(own) {
		reason = "over: " + over.reason
	}
	g.decided = now
	st := g.governor.State()
	d := Decision{At: now, Key: g.key, Kind: ByBudget, OldLimit: before, Limit: limit,
		Slots: st.Slots, SlotsBy: string(st.SlotsBy), TokenBudget: g.decision.Tokens, Reason: reason,
		InFlight: l.InFlight, Waiting: l.Waiting}
	switch {
	case before != limit:
		d.Kind = ByLimit
	case g.slots != d.Slots:
		d.Kind = BySlots
	}
	g.slots = d.Slots
	return b.on(own), &d
}

// shown is the limit that people see, with its reason: the bound's where it is less
// than the governor's. The caller holds mu.
func (g *governed) shown(general batching.Limits) (int, string) {
	if l := limited(general, g.decision); g.bound.lowers(l) {
		l = g.bound.on(l)
		return l.InFlight(), l.Reason
	}
	return g.decision.Limit, g.decision.Reason
}

// limits are those in force under a Cap's bound.
func (g *governed) limits(now time.Time, general batching.Limits, b bound) batching.Limits {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := general
	if g.decision.Limit > 0 {
		l = limited(general, g.decision)
	}
	return g.short.on(now, b).on(l)
}

// last is the decision in force, and when a request was last released.
func (g *governed) last() (adaptive.Decision, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.decision, g.used
}

// adviceFor is how long advice is given after requests had to wait.
const adviceFor = 10 * time.Minute

func (g *governed) state(now time.Time, l batching.Limits) State {
	g.mu.Lock()
	defer g.mu.Unlock()
	st := g.governor.State()
	s := State{Key: g.key, Limit: l.InFlight(), Slots: st.Slots, SlotsBy: string(st.SlotsBy),
		Reason: l.Reason, Phase: string(st.Phase), MiBPerToken: st.MiBPerToken,
		TokenBudget: l.Tokens, Decided: g.decided}
	if st.Slots > 0 && s.Limit >= st.Slots && !g.binding.IsZero() && now.Sub(g.binding) < adviceFor {
		s.Advice = g.engine.SlotsAdvice(g.key.Model, st.Slots)
	}
	return s
}
