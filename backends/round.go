package backends

import (
	"slices"
	"time"
)

// due marks and returns the engines to probe now, and how long until the next.
func (r *Registry) due(now time.Time) (all []look, wake time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	wake = time.Hour
	unknown := false
	for _, e := range r.engines {
		unknown = unknown || e.info.Health == Unknown
		switch wait := e.next.Sub(now); {
		case e.probing:
		case wait <= 0:
			e.probing = true
			all = append(all, r.look(e))
		default:
			wake = min(wake, wait)
		}
	}
	if !unknown && !r.isReady {
		r.isReady = true
		close(r.ready)
	}
	return all, wake
}

// look says what to ask an engine: one that is up only as what it is, any other
// as that first.
func (r *Registry) look(e *engine) look {
	l := look{engine: e, stranger: e.info.Health != Up, known: e.memories, makers: []maker{e.maker}}
	if l.stranger {
		for _, m := range e.makers {
			if m.kind != e.maker.kind {
				l.makers = append(l.makers, m)
			}
		}
	}
	settings, name, given, taken := r.settings, e.info.Name, e.name != "", e.maker.kind
	l.key = func(k Kind) string {
		if !given && k != taken {
			return settings.key("", k) // it would have another name
		}
		return settings.key(name, k)
	}
	return l
}

// apply takes over what a probe found. It reports whether this was the first
// real engine ever.
func (r *Registry) apply(p probed) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.engines, p.engine) {
		return false // the settings have changed meanwhile
	}
	e, was := p.engine, p.engine.info.Kind
	if p.report.slots == 0 {
		p.report.slots = r.slots[e.String()]
	}
	e.take(p)
	if e.info.Kind != was && e.name == "" {
		e.info.Name = uniqueName(e.info.Kind, slices.DeleteFunc(slices.Clone(r.engines), func(o *engine) bool { return o == e }))
		r.arrange()
	}
	if e.info.Health != Up {
		return false
	}
	r.seen = true
	first = !r.told
	r.told = true
	return first
}

// hurry makes Run probe an engine as soon as is decent. What answers as no engine
// would is left in peace.
func (r *Registry) hurry(e *engine) {
	if soon := e.ended.Add(probeSoonest); soon.Before(e.next) && (e.wanted || !e.strange) {
		e.next = soon
		r.nudge()
	}
}

func (r *Registry) nudge() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}
