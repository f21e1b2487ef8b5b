package backends

import (
	"fmt"
	"net/url"
	"slices"
	"time"
)

// Preferred is the engine for calls that name no model.
func (r *Registry) Preferred() (Target, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.up(); e != nil {
		return r.target(e, ""), nil
	}
	if r.demoReady() {
		return r.demoTarget(), nil
	}
	return Target{}, r.noEngine()
}

// Target is the engine of a name, if it is up.
func (r *Registry) Target(name string) (Target, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name == string(KindDemo) && r.demoReady() {
		return r.demoTarget(), nil
	}
	e := r.named(name)
	switch {
	case e == nil:
		return Target{}, fmt.Errorf("%w: none is called %s", ErrNoEngine, name)
	case e.info.Health != Up:
		return Target{}, fmt.Errorf("%w: %s", ErrNoEngine, e.info.Problem)
	}
	return r.target(e, ""), nil
}

// Known is what is known of the engine of a name; false if there is none. Its lists
// are shared with the registry and must not be changed: unlike Snapshot it costs no
// more where an engine has many models.
func (r *Registry) Known(name string) (Info, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.named(name); e != nil {
		return e.info, true
	}
	if name == string(KindDemo) && r.demoReady() {
		return r.demo.info(), true
	}
	return Info{}, false
}

// Snapshot returns all engines known, the preferred one that is up first, the
// others in their order. A usual address where nothing was ever found is not an
// engine; only while no engine is up, one of them is listed to say what is missing.
func (r *Registry) Snapshot() []Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Info
	up, speaker := r.up(), r.speaker()
	for _, e := range r.engines {
		if e.info.Seen.IsZero() && e.name == "" && (up != nil || e != speaker) {
			continue
		}
		info := e.copy()
		info.Active = e == up
		if until, rests := e.breaker.rests(time.Now()); rests {
			info.Problem = e.resting(until)
		}
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

// up is the preferred engine that is well.
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
	case r.settings.URL == "demo", r.settings.Demo == "always":
		return true
	case r.settings.Demo == "never":
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
	if r.settings.URL == "demo" {
		return fmt.Errorf("model '%s' not found: %w; the demo engine was chosen, which has only %s (simulated); set engine.url for another", model, ErrUnknownModel, DemoModel)
	}
	return fmt.Errorf("model '%s' not found: %w; until a real engine is found only %s (simulated) answers: start Ollama, or set engine.url", model, ErrUnknownModel, DemoModel)
}

// target is the way to an engine, for its own name of a model.
func (r *Registry) target(e *engine, model string) Target {
	info := e.info // with its lists: each request holds a target to its end
	info.Active = e == r.up()
	t := Target{Info: info, Model: model, Base: e.url, Transport: e.transport, Gone: e.life, Struck: e.struck}
	if key := r.settings.key(info.Name, info.Kind); key != "" {
		t.Transport = keyed{e.transport, key}
	}
	return t
}

// copy is what is known of the engine, to be handed out.
func (e *engine) copy() Info {
	info := e.info
	info.Models, info.APIs = slices.Clone(info.Models), slices.Clone(info.APIs)
	return info
}

func (r *Registry) demoTarget() Target {
	info := r.demo.info()
	info.Active = r.up() == nil
	return Target{Info: info, Model: DemoModel + ":latest", Base: demoBase, Transport: r.demo.Transport()}
}

var demoBase = &url.URL{Scheme: "http", Host: "demo.carpool.invalid"}
