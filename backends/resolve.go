package backends

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Resolve says which engine serves model: one that has it by that exact name, or
// the same with ":latest"; else, for "engine/model", that engine. Of several that
// have it, choose says which; those in but, by name, are not asked. A name that no
// engine has goes to the only engine if that is Ollama, for its own 404, or
// llama-server; never where but names one. A list
// older than 5 s is read again once before a name counts as unknown. Resolve waits
// for engines that were never probed, and for those that load their model, while
// none that is up has it; those that are down fail at once.
//
// The caller sends its request there and tells how that went, by Served or Failed:
// it may be the one that tries an engine after its rest.
func (r *Registry) Resolve(ctx context.Context, model string, but ...string) (Target, error) {
	for {
		t, err := r.Look(ctx, model, but...)
		if err != nil || r.enters(t.Name) {
			return t, err
		}
	}
}

// enters notes that a request goes to an engine. False where it rests again since
// it was looked at, because another one tries it.
func (r *Registry) enters(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, now := r.named(name), time.Now()
	if e == nil {
		return true
	}
	if _, rests := e.breaker.rests(now); rests {
		return false
	}
	e.breaker.enter(now)
	return true
}

// Look is Resolve for a caller that only wants to know, or whose request says
// nothing of how the engine does.
func (r *Registry) Look(ctx context.Context, model string, but ...string) (Target, error) {
	for began := time.Now(); ; {
		if err := r.settle(ctx, model); err != nil {
			return Target{}, err
		}
		t, err := r.find(ctx, model, but)
		if err == nil || time.Since(began) >= firstProbe {
			return t, err
		}
		// The settings may name other engines since it was settled.
		if news, _ := r.awaited(model); news == nil {
			return t, err
		}
	}
}

// find resolves a model among the engines as they are known, after a second look at
// the lists that are old.
func (r *Registry) find(ctx context.Context, model string, but []string) (Target, error) {
	t, stale, err := r.resolve(model, but, r.loads(model, but))
	for _, news := range stale {
		select {
		case <-news:
		case <-ctx.Done():
			return Target{}, context.Cause(ctx)
		}
	}
	if stale != nil {
		t, _, err = r.resolve(model, but, r.loads(model, but))
	}
	return t, err
}

// loads are how busy a model is on each of several engines that have it, by name.
// Who tells may ask the registry in turn, so no lock is held.
func (r *Registry) loads(model string, but []string) map[string]Load {
	if r.options.Load == nil {
		return nil
	}
	r.mu.Lock()
	all, _ := r.having(model, but)
	keys := make(map[string]string, len(all))
	for _, h := range all {
		keys[h.info.Name] = h.model
	}
	r.mu.Unlock()
	if len(keys) < 2 {
		return nil
	}
	loads := make(map[string]Load, len(keys))
	for engine, name := range keys {
		loads[engine] = r.options.Load(engine, name)
	}
	return loads
}

// settle waits for engines that may have a model, while none that is up has it.
func (r *Registry) settle(ctx context.Context, model string) error {
	began := time.Now()
	for {
		news, longest := r.awaited(model)
		if news == nil {
			return nil
		}
		timer := time.NewTimer(time.Until(began.Add(longest)))
		select {
		case <-news:
			timer.Stop()
		case <-timer.C:
			return nil
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// awaited returns what to wait for before it is known which engine serves, and how
// long at most; nil if it is known.
func (r *Registry) awaited(model string) (news <-chan struct{}, longest time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if all, _ := r.having(model, nil); len(all) > 0 {
		return nil, 0
	}
	for _, e := range r.engines {
		if e.info.Health == Unknown {
			return e.news, firstProbe
		}
	}
	if !r.isReady {
		return r.ready, firstProbe
	}
	for _, e := range r.engines {
		if e.loading {
			return e.news, loadLongest
		}
	}
	return nil, 0
}

// holder is an engine that is up and has a model by a name of its own.
type holder struct {
	*engine
	model    string
	prefixed bool // it was asked for by the engine's name, too
}

// having lists who has a model, the preferred first. left tells that there are
// more, which are not asked.
func (r *Registry) having(model string, but []string) (all []holder, left bool) {
	add := func(e *engine, name string, prefixed bool) {
		if slices.Contains(but, e.info.Name) {
			left = true
			return
		}
		all = append(all, holder{e, name, prefixed})
	}
	for _, e := range r.engines {
		if name, ok := e.info.find(model); ok && e.info.Health == Up {
			add(e, name, false)
		}
	}
	if len(all) > 0 || left {
		return all, left
	}
	for _, e := range r.engines {
		rest, ok := strings.CutPrefix(model, e.info.Name+"/")
		if !ok || e.info.Health != Up {
			continue
		}
		if name, ok := e.info.find(rest); ok {
			add(e, name, true)
		} else if e.info.AnswersAnyName() {
			add(e, e.info.Models[0].Name, true)
		}
	}
	return all, left
}

// resolve answers by what is known. stale are closed when lists too old to call
// the name unknown have been read again.
func (r *Registry) resolve(model string, but []string, loads map[string]Load) (t Target, stale []<-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	isDemo := r.demoReady() && demoKnows(model)
	all, left := r.having(model, but)
	switch {
	case isDemo:
		return r.demoTarget(), nil, nil
	case len(all) > 0:
		t, err = r.pick(all, loads, now)
		return t, nil, err
	case left:
		return Target{}, nil, nobodyElse(model)
	}
	for _, e := range r.engines {
		if e.info.Health != Up {
			r.hurry(e)
		} else if now.Sub(e.ended) > listFresh {
			e.next = time.Time{}
			r.nudge()
			stale = append(stale, e.news)
		}
	}
	if len(but) > 0 {
		return Target{}, stale, nobodyElse(model)
	}
	t, err = r.unknown(model, now)
	return t, stale, err
}

func nobodyElse(model string) error {
	return fmt.Errorf("%w: no other engine has model '%s'", ErrNoEngine, model)
}

// pick chooses among those that have a model, and leaves out who rests.
func (r *Registry) pick(all []holder, loads map[string]Load, now time.Time) (Target, error) {
	var awake []holder
	var contenders []contender
	var soonest *Resting
	for _, h := range all {
		if until, rests := h.breaker.rests(now); rests {
			if soonest == nil || until.Before(soonest.Until) {
				soonest = &Resting{Until: until, what: h.resting(until)}
			}
			continue
		}
		awake = append(awake, h)
		contenders = append(contenders, contender{loaded: h.info.loaded(h.model), load: loads[h.info.Name]})
	}
	if len(awake) == 0 {
		return Target{}, soonest
	}
	best, why := choose(contenders)
	h := awake[best]
	t := r.target(h.engine, h.model)
	t.Prefixed = h.prefixed
	if len(all) > 1 {
		t.Why = why
	}
	return t, nil
}

// unknown is where a name goes that no engine has that is up.
func (r *Registry) unknown(model string, now time.Time) (Target, error) {
	var up []*engine
	for _, e := range r.engines {
		if e.info.Health == Up {
			up = append(up, e)
		}
	}
	for _, e := range r.engines {
		if e.info.Health != Up && (e.info.has(model) || e.name != "" && strings.HasPrefix(model, e.name+"/")) {
			return Target{}, fmt.Errorf("%w for model '%s': %s", ErrNoEngine, model, e.info.Problem)
		}
	}
	switch {
	case len(up) == 1 && up[0].info.AnswersAnyName() && r.isAlone(up[0]):
		return r.pick([]holder{{up[0], up[0].info.Models[0].Name, false}}, nil, now)
	case len(up) == 1 && up[0].info.Kind == KindOllama:
		return r.pick([]holder{{up[0], model, false}}, nil, now)
	case len(up) > 0:
		return Target{}, notThere(model, up)
	case !r.demoReady() || r.seen && r.settings.URL != "demo":
		return Target{}, r.noEngine()
	}
	return Target{}, r.onlyDemo(model)
}

// isAlone reports whether no other engine is known that may have a model, also if
// it is down now.
func (r *Registry) isAlone(e *engine) bool {
	return !slices.ContainsFunc(r.engines, func(o *engine) bool { return o != e && (o.found || o.wanted) })
}

// notThere says that no engine has a model, in the words that Ollama's clients
// know.
func notThere(model string, up []*engine) error {
	names := make([]string, len(up))
	for i, e := range up {
		names[i] = e.info.Name
	}
	return fmt.Errorf("model '%s' not found: %w (%s)", model, ErrUnknownModel, strings.Join(names, ", "))
}
