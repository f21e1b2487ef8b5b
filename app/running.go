package app

import (
	"maps"
	"slices"
	"sync"

	"carpool/backends"
	"carpool/backends/launch"
)

// running are the engines that Carpool runs, by name: they are used wherever they
// listen.
type running struct {
	mu      sync.Mutex
	sources map[string]backends.Source
}

// note takes over a state and reports whether an engine came or went.
func (r *running) note(s launch.State) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	source := backends.Source{Name: s.Name, Kind: backends.Kind(s.Kind), URL: s.URL}
	if !s.Alive() {
		_, changed = r.sources[s.Name]
		delete(r.sources, s.Name)
		return changed
	}
	if r.sources == nil {
		r.sources = map[string]backends.Source{}
	}
	changed = r.sources[s.Name] != source
	r.sources[s.Name] = source
	return changed
}

// all are the engines in the order of their names.
func (r *running) all() []backends.Source {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []backends.Source
	for _, name := range slices.Sorted(maps.Keys(r.sources)) {
		all = append(all, r.sources[name])
	}
	return all
}
