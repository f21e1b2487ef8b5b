package relay

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// hot are the scenarios that are worth a profile, if none is asked for.
var hot = []string{"latency", "throughput", "ndjson", "sse", "streams1000"}

// Profile sends Carpool the load of scenarios, and has its process write profiles into
// a folder for each of them below folder: of CPU, allocations, mutexes, and of its
// goroutines when there were most. It returns the names of those that are done.
func Profile(ctx context.Context, o Options, folder string) (names []string, err error) {
	folder, err = filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	only := o.Only
	if len(only) == 0 && !o.Quick {
		only = hot
	}
	todo, err := chosen(scenarios(o.Quick), only)
	if err != nil {
		return nil, err
	}
	s, err := set(ctx, o)
	if s != nil {
		defer func() { err = errors.Join(err, s.strike()) }()
	}
	if err != nil {
		return nil, err
	}
	t := s.targets[slices.IndexFunc(s.targets, func(t *target) bool { return t.name == carpool })]
	for _, sc := range todo {
		if err := s.profile(ctx, sc, t, filepath.Join(folder, sc.name)); err != nil {
			return names, fmt.Errorf("%s: %w", sc.name, err)
		}
		names = append(names, sc.name)
	}
	return names, nil
}

// profile runs all rounds of a scenario on one process, which writes at its end.
func (s *stage) profile(ctx context.Context, sc scenario, t *target, folder string) error {
	t.start = func(ctx context.Context) (*program, error) {
		return s.carpoolWith(ctx, s.busySettings(everything), "--profiles", folder)
	}
	if err := t.restart(ctx); err != nil {
		return err
	}
	for range sc.rounds {
		if _, err := sc.run(ctx, s, t); err != nil {
			return err
		}
	}
	return t.program.stop()
}
