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
	return &stream{governed: g, id: g.next}
}

// stream tells a governor of one request.
type stream struct {
	*governed
	id uint64
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
}

// look takes over what the engine tells of itself.
func (g *governed) look(now time.Time, e backends.Info, restarted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if restarted {
		g.governor.Reset(now, e.Label+" has restarted")
	}
	f := adaptive.Facts{Slots: e.Slots, KVTokens: e.KVTokens, Preallocated: e.Preallocated}
	g.engine = e
	i := slices.IndexFunc(e.Models, func(m backends.Model) bool { return m.Name == g.key.Model })
	if i >= 0 && e.Models[i].Slots > 0 {
		f.Slots = e.Models[i].Slots // whatever the engine's setting
	}
	if i >= 0 && !e.Preallocated && e.Models[i].Memory.Known {
		kv := e.Models[i].Memory
		f.MiBPerToken = float64(kv.KVPerToken()+kv.WindowPerToken()) / mebibyte // as within a window
	}
	if f != g.facts {
		g.facts = f
		g.governor.Tell(now, f)
	}
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

// decide asks the governor. It returns what is to be told if that has changed.
func (g *governed) decide(now time.Time, l batching.Load) (adaptive.Decision, *Decision) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.decision
	g.decision = g.governor.Tick(now, l.Waiting, l.InFlight)
	if l.Waiting > 0 && l.InFlight >= g.decision.Limit {
		g.binding = now
	}
	if !g.decision.Changed {
		return g.decision, nil
	}
	g.decided = now
	st := g.governor.State()
	d := Decision{At: now, Key: g.key, Kind: ByBudget, OldLimit: before.Limit, Limit: g.decision.Limit,
		Slots: st.Slots, SlotsBy: string(st.SlotsBy), TokenBudget: g.decision.Tokens, Reason: g.decision.Reason,
		InFlight: l.InFlight, Waiting: l.Waiting}
	switch {
	case before.Limit != d.Limit:
		d.Kind = ByLimit
	case g.slots != d.Slots:
		d.Kind = BySlots
	}
	g.slots = d.Slots
	return g.decision, &d
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
