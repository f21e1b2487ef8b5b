package scheduling

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say what to measure.
type Options struct {
	Quick bool     // few seeds and shorter runs, for a first look and for CI
	Only  []string // names of sections or of controller scenarios; none = all
}

// suite is one measurement of everything asked for.
type suite struct {
	Options
	seeds  []uint64
	report Report
}

// part is a section's name and how it is measured.
type part struct {
	name    string
	measure func(*suite, context.Context) (Section, error)
}

func parts() []part {
	return []part{
		{"controllers", (*suite).controllers},
		{"cold-start", (*suite).coldStart},
		{"changes", (*suite).changes},
		{"utilization", (*suite).utilization},
		{"pool", (*suite).pool},
		{"memory", (*suite).memory},
		{"engines", (*suite).tuned},
		{"held-out", (*suite).heldOut},
		{"flood", (*suite).flood},
		{"models", (*suite).models},
		{"prefixes", (*suite).prefixes},
		{"shortest-first", (*suite).shortestFirst},
		{"starvation", (*suite).starvation},
	}
}

// Names are what Options.Only may hold.
func Names() []string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	for _, s := range controllerScenarios() {
		names = append(names, s.Name)
	}
	return names
}

// Measure runs the suite on all processors.
func Measure(ctx context.Context, o Options) (Report, error) {
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			return Report{}, fmt.Errorf("%q is not one of %s", name, strings.Join(Names(), ", "))
		}
	}
	s := &suite{Options: o, seeds: []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}
	if o.Quick {
		s.seeds = s.seeds[:3]
	}
	s.report.Quick, s.report.Seeds = o.Quick, s.seeds
	for _, p := range parts() {
		if !s.wants(p.name) {
			continue
		}
		section, err := p.measure(s, ctx)
		if err != nil {
			return Report{}, fmt.Errorf("%s: %w", p.name, err)
		}
		section.Name = p.name
		s.report.Sections = append(s.report.Sections, section)
	}
	return s.report, nil
}

// wants tells whether a section is asked for, as a whole or in part.
func (s *suite) wants(section string) bool {
	return len(s.Only) == 0 || slices.Contains(s.Only, section) ||
		section == "controllers" && len(s.chosen()) > 0
}

// chosen are the controller scenarios asked for by name.
func (s *suite) chosen() []Scenario {
	return slices.DeleteFunc(controllerScenarios(), func(c Scenario) bool { return !slices.Contains(s.Only, c.Name) })
}

// require adds a line to the table of requirements.
func (s *suite) require(met bool, name, wanted, measured string, args ...any) {
	s.report.Requirements = append(s.report.Requirements,
		Requirement{Name: name, Wanted: wanted, Measured: fmt.Sprintf(measured, args...), Met: met})
}

// short cuts a scenario for the quick suite to half its length.
func (s *suite) short(c Scenario) Scenario {
	if s.Quick {
		c.Length = max(c.Length/2, c.WarmUp+time.Minute)
	}
	return c
}

// each runs work for 0 … n-1 on all processors.
func each(ctx context.Context, n int, work func(i int)) error {
	var all errgroup.Group
	all.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		all.Go(func() error {
			if ctx.Err() == nil {
				work(i)
			}
			return ctx.Err()
		})
	}
	return all.Wait()
}

// grid runs every scenario under every policy with every seed: the results by
// scenario, policy and seed.
func grid(ctx context.Context, scenarios []Scenario, policies []Policy, seeds []uint64) ([][][]Result, error) {
	results := make([][][]Result, len(scenarios))
	for i := range results {
		results[i] = make([][]Result, len(policies))
		for j := range results[i] {
			results[i][j] = make([]Result, len(seeds))
		}
	}
	err := each(ctx, len(scenarios)*len(policies)*len(seeds), func(n int) {
		i, j, k := n/len(seeds)/len(policies), n/len(seeds)%len(policies), n%len(seeds)
		results[i][j][k] = Run(scenarios[i], policies[j], seeds[k])
	})
	return results, err
}
