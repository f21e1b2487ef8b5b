package backends

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// Resolve says which engine serves model: exact name, or the same with ":latest".
// A name that no engine has goes to Ollama for its own 404. A list older than
// 5 s is read again once before a name counts as unknown. Resolve waits only
// for an engine that was never probed; one that is down fails at once.
func (r *Registry) Resolve(ctx context.Context, model string) (Target, error) {
	if err := r.settle(ctx); err != nil {
		return Target{}, err
	}
	t, stale, err := r.resolve(model)
	if stale == nil {
		return t, err
	}
	select {
	case <-stale:
		t, _, err = r.resolve(model)
	case <-ctx.Done():
		return Target{}, context.Cause(ctx)
	}
	return t, err
}

// Preferred is the engine for calls that name no model.
func (r *Registry) Preferred() (Target, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.up(); e != nil {
		return e.target(), nil
	}
	if r.demoReady() {
		return r.demoTarget(), nil
	}
	return Target{}, r.noEngine()
}

// Target is the engine of that name, if it is up.
func (r *Registry) Target(name string) (Target, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.engines {
		switch {
		case e.info.Name != name:
		case e.info.Health == Up:
			return e.target(), nil
		default:
			return Target{}, fmt.Errorf("%w: %s", ErrNoEngine, e.info.Problem)
		}
	}
	if name == string(KindDemo) && r.demoReady() {
		return r.demoTarget(), nil
	}
	return Target{}, fmt.Errorf("%w: none is called %s", ErrNoEngine, name)
}

// Snapshot returns all engines known, the active one first. An address where
// nothing was ever found is not an engine; only while no engine is up, one of them
// is listed to say what is missing.
func (r *Registry) Snapshot() []Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Info
	up, speaker := r.up(), r.speaker()
	for _, e := range r.engines {
		if e.info.Seen.IsZero() && (up != nil || e != speaker) {
			continue
		}
		info := e.info
		info.Models = slices.Clone(info.Models)
		info.Active = e == up
		all = append(all, info)
	}
	if r.demoReady() {
		info := r.demo.info()
		info.Active = up == nil
		all = append(all, info)
	}
	slices.SortStableFunc(all, func(a, b Info) int {
		switch {
		case a.Active == b.Active:
			return 0
		case a.Active:
			return -1
		}
		return 1
	})
	return all
}

// settle waits for the first probe of an engine while none is up.
func (r *Registry) settle(ctx context.Context) error {
	timer := time.NewTimer(firstProbe)
	defer timer.Stop()
	for {
		news := r.awaited()
		if news == nil {
			return nil
		}
		select {
		case <-news:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// awaited returns what to wait for before it is known which engine serves, nil
// if it is.
func (r *Registry) awaited() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up() != nil {
		return nil
	}
	for _, e := range r.engines {
		if e.info.Health == Unknown {
			return e.news
		}
	}
	if !r.isReady {
		return r.ready
	}
	return nil
}

// resolve answers by what is known. stale, if not nil, is closed when a list too
// old to call the name unknown has been read again.
func (r *Registry) resolve(model string) (t Target, stale <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	isDemo := r.demoReady() && demoKnows(model)
	up := r.up()
	switch {
	case isDemo:
		return r.demoTarget(), nil, nil
	case up != nil:
		if !up.info.serves(model) && time.Since(up.ended) > listFresh {
			up.next = time.Time{}
			r.nudge()
			stale = up.news
		}
		return up.target(), stale, nil
	}
	for _, e := range r.engines {
		r.hurry(e)
	}
	if !r.demoReady() || r.seen && r.url != "demo" {
		return Target{}, nil, r.noEngine()
	}
	return Target{}, nil, r.onlyDemo(model)
}

// up is the engine that serves: the first candidate that is well.
func (r *Registry) up() *engine {
	for _, e := range r.engines {
		if e.info.Health == Up {
			return e
		}
	}
	return nil
}

// speaker is the candidate that says what is missing while no engine is up: the
// first that was ever recognized, else the first.
func (r *Registry) speaker() *engine {
	for _, e := range r.engines {
		if e.found {
			return e
		}
	}
	if len(r.engines) == 0 {
		return nil
	}
	return r.engines[0]
}

// demoServes reports whether the settings let the demo engine answer.
func (r *Registry) demoServes() bool {
	switch {
	case r.url == "demo", r.mode == "always":
		return true
	case r.mode == "never":
		return false
	}
	return !r.seen
}

// demoReady reports whether the demo engine answers now: also not before it is
// known that nothing else does.
func (r *Registry) demoReady() bool { return r.demoServes() && r.demo != nil && r.isReady }

// noEngine says why nothing serves and what to do.
func (r *Registry) noEngine() error {
	if e := r.speaker(); e != nil {
		return fmt.Errorf("%w: %s", ErrNoEngine, e.info.Problem)
	}
	return fmt.Errorf("%w: start Ollama with `ollama serve`, or set engine.url", ErrNoEngine)
}

// onlyDemo says why a model cannot be had while the demo engine serves.
func (r *Registry) onlyDemo(model string) error {
	if r.url == "demo" {
		return fmt.Errorf("model '%s' not found: %w; the demo engine was chosen, which has only %s (simulated); set engine.url for another", model, ErrUnknownModel, DemoModel)
	}
	return fmt.Errorf("model '%s' not found: %w; until a real engine is found only %s (simulated) answers: start Ollama, or set engine.url", model, ErrUnknownModel, DemoModel)
}

func (e *engine) target() Target {
	info := e.info
	info.Models = slices.Clone(info.Models)
	info.Active = true
	return Target{Info: info, Base: e.url, Transport: e.transport}
}

func (r *Registry) demoTarget() Target {
	info := r.demo.info()
	info.Active = r.up() == nil
	return Target{Info: info, Base: demoBase, Transport: r.demo.Transport()}
}

var demoBase = &url.URL{Scheme: "http", Host: "demo.carpool.invalid"}
