package app

import (
	"maps"
	"slices"
	"sync"

	"carpool/backends/launch"
)

// unstarted are the reasons why engines were not started with Carpool.
type unstarted struct {
	mu      sync.Mutex
	reasons map[launch.Kind]string
}

func (u *unstarted) note(k launch.Kind, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.reasons == nil {
		u.reasons = map[launch.Kind]string{}
	}
	u.reasons[k] = err.Error()
}

// without are the reasons of those that were not started later.
func (u *unstarted) without(states []launch.State) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []string
	for _, k := range slices.Sorted(maps.Keys(u.reasons)) {
		if !slices.ContainsFunc(states, func(s launch.State) bool { return s.Kind == k }) {
			all = append(all, u.reasons[k])
		}
	}
	return all
}
