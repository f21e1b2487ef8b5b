package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"carpool/app/yield"
	"carpool/backends"
	"carpool/batching"
)

const (
	idleBefore   = 10 * time.Second // an automatic yield unloads a model: without a request for so long
	unloadsAgain = 30 * time.Second // after an engine did not do it
)

// unloader has models leave the GPU's memory while Carpool makes way, each once.
type unloader struct {
	unloadParts
	plan unloadPlan

	mu   sync.Mutex
	kept []string // guarded by mu
}

// unloadParts are what an unloader looks at and what it moves.
type unloadParts struct {
	state   func() yield.State
	idle    func() bool // idle models leave in an automatic yield, too
	engines func() []backends.Info
	loads   func() []batching.Load
	pause   func(engine, why string) (resume func())
	unload  func(ctx context.Context, engine, model string) error // up to 10 s
	done    func(k batching.Key, err error)                       // hears of each try
}

func newUnloader(p unloadParts) *unloader { return &unloader{unloadParts: p} }

// run unloads what is to be unloaded until ctx ends, one model at a time.
func (u *unloader) run(ctx context.Context) {
	eachSecond(ctx, func(now time.Time) { u.step(ctx, now) })
}

func (u *unloader) step(ctx context.Context, now time.Time) {
	s := u.state()
	if u.plan.isAnother(s) {
		u.plan = unloadPlan{begun: s.Since, manual: s.Manual}
		u.setKept(nil)
	}
	if !s.On || !s.Manual && !u.idle() {
		return
	}
	for _, e := range u.engines() {
		if e.Health != backends.Up || !slices.Contains(s.Engines, e.Name) {
			continue
		}
		for _, model := range u.plan.due(now, e, u.loads()) {
			u.try(ctx, e, model)
		}
	}
}

// try unloads one model, unless a request has come for it meanwhile: none is let in
// before it is known how that ended.
func (u *unloader) try(ctx context.Context, e backends.Info, model string) {
	resume := u.pause(e.Name, "its model leaves the GPU")
	defer resume()
	if wanted(e, model, u.plan.manual, u.loads()) {
		return
	}
	err := u.unload(ctx, e.Name, model)
	if ctx.Err() != nil {
		return
	}
	k := batching.Key{Engine: e.Name, Model: model}
	u.plan.tried(time.Now(), k, err)
	if errors.Is(err, backends.ErrCannotUnload) {
		u.setKept(append(u.Kept(), err.Error()))
	}
	u.done(k, err)
}

// Kept says which models stay in the memory that was given away, and why.
func (u *unloader) Kept() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.kept)
}

func (u *unloader) setKept(all []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kept = all
}

// unloadPlan says which models are to leave in one yield.
type unloadPlan struct {
	begun  time.Time // the yield
	manual bool
	since  map[batching.Key]time.Time // nobody has asked for the model
	next   map[batching.Key]time.Time // it may be tried again; zero = never
}

func (p *unloadPlan) isAnother(s yield.State) bool {
	return !p.begun.Equal(s.Since) || p.manual != s.Manual
}

// due are the loaded models of an engine that are to be unloaded now. The user's
// order takes them once nothing runs there, another program's need once nobody has
// asked for them for a while.
func (p *unloadPlan) due(now time.Time, e backends.Info, loads []batching.Load) (models []string) {
	if p.since == nil {
		p.since = map[batching.Key]time.Time{}
	}
	for _, m := range e.Models {
		k := batching.Key{Engine: e.Name, Model: m.Name}
		if !m.Loaded || wanted(e, m.Name, p.manual, loads) {
			delete(p.since, k)
			continue
		}
		since, idle := p.since[k]
		if !idle {
			since = now
			p.since[k] = now
		}
		next, tried := p.next[k]
		again := !tried || !next.IsZero() && !now.Before(next)
		if again && (p.manual || now.Sub(since) >= idleBefore) {
			models = append(models, m.Name)
		}
	}
	return models
}

// wanted reports whether a model must stay for now. A request whose model the engine
// does not list may be for any of them.
func wanted(e backends.Info, model string, manual bool, loads []batching.Load) bool {
	return slices.ContainsFunc(loads, func(l batching.Load) bool {
		if l.Engine != e.Name || l.InFlight == 0 && (manual || l.Waiting == l.Held) {
			return false
		}
		listed := slices.ContainsFunc(e.Models, func(m backends.Model) bool { return m.Name == l.Model })
		return manual || l.Model == model || !listed
	})
}

// tried takes note of how a try ended.
func (p *unloadPlan) tried(now time.Time, k batching.Key, err error) {
	if p.next == nil {
		p.next = map[batching.Key]time.Time{}
	}
	p.next[k] = time.Time{}
	if err != nil && !errors.Is(err, backends.ErrCannotUnload) {
		p.next[k] = now.Add(unloadsAgain)
	}
}
