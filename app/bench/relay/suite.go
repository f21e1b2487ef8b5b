package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options say what is measured.
type Options struct {
	Program string   // path of the carpool that is measured, and whose parts are the engine and the plain proxy
	Version string   // of it
	Quick   bool     // one short round: no figure to quote
	Only    []string // names of scenarios; nil = all but those of a server
	Note    func(format string, args ...any)
}

// Report is what the suite measured.
type Report struct {
	Version  string    `json:"version"`
	Date     time.Time `json:"date"`
	Machine  Machine   `json:"machine"`
	On       string    `json:"on"` // what Carpool had at work, by its own word
	Quick    bool      `json:"quick"`
	Sections []Section `json:"sections"`
	Goals    []Goal    `json:"goals"` // of the scenarios that ran
}

// Section is one load.
type Section struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Text    string   `json:"text"`
	Rounds  int      `json:"rounds"`
	Figures []Figure `json:"figures"`
}

// Figure is a column of a section: a median (of failures the sum) for each target, and over the rounds the
// median of what it was to the plain proxy in the same round.
type Figure struct {
	Name    string             `json:"name"`
	Unit    string             `json:"unit"`
	Median  map[string]float64 `json:"median"`
	ToPlain map[string]float64 `json:"to_plain"` // without those where there is no plain proxy
	// Rounds are what each round gave for each target.
	Rounds map[string][]float64 `json:"rounds"`
	digits int
	added  bool
}

// Measure runs the suite. It fails if a program cannot be started, and, with what the
// other scenarios gave, if one could not be measured.
func Measure(ctx context.Context, o Options) (r Report, err error) {
	r = Report{Version: o.Version, Date: time.Now(), Quick: o.Quick, Machine: thisMachine(ctx)}
	todo, err := chosen(scenarios(o.Quick), o.Only)
	if err != nil {
		return r, err
	}
	s, err := set(ctx, o)
	if s != nil {
		defer func() { err = errors.Join(err, s.strike()) }()
	}
	if err != nil {
		return r, err
	}
	r.On = s.on
	r.Sections, err = s.play(ctx, todo, o.Note)
	r.Goals = judged(r.Sections)
	return r, err
}

// play measures one scenario after the other. One that cannot be measured is in the
// error, and takes nothing from the others, which took minutes.
func (s *stage) play(ctx context.Context, todo []scenario, note func(format string, args ...any)) (sections []Section, err error) {
	if note == nil {
		note = func(string, ...any) {}
	}
	for _, sc := range todo {
		begun := time.Now()
		section, failed := s.measure(ctx, sc)
		if ctx.Err() != nil {
			return sections, errors.Join(err, failed, ctx.Err())
		}
		if failed != nil {
			failed = fmt.Errorf("%s: %w", sc.name, failed)
			note("%v", failed)
			err = errors.Join(err, failed)
			continue
		}
		sections = append(sections, section)
		note("%s: %s", sc.name, time.Since(begun).Round(time.Second))
	}
	return sections, err
}

func chosen(all []scenario, only []string) ([]scenario, error) {
	if len(only) == 0 {
		return slices.DeleteFunc(all, func(s scenario) bool { return s.apart }), nil
	}
	var todo []scenario
	for _, name := range only {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("scenario %q is not known", name)
		}
		todo = append(todo, all[i])
	}
	return todo, nil
}

// measure runs the rounds of a scenario, in each of which every target has its turn.
func (s *stage) measure(ctx context.Context, sc scenario) (Section, error) {
	turns := map[string][]sample{}
	for range sc.rounds {
		for _, t := range s.targets {
			if !slices.Contains(sc.targets, t.name) {
				continue
			}
			if sc.fresh {
				if err := t.restart(ctx); err != nil {
					return Section{}, fmt.Errorf("%s: %w", t.name, err)
				}
			}
			got, err := sc.run(ctx, s, t)
			if err != nil {
				return Section{}, fmt.Errorf("%s: %w", t.name, err)
			}
			turns[t.name] = append(turns[t.name], got)
		}
	}
	section := Section{Name: sc.name, Title: sc.title, Text: sc.text, Rounds: sc.rounds}
	for _, f := range sc.figures {
		section.Figures = append(section.Figures, f.of(turns))
	}
	return section, nil
}

func (f figure) of(turns map[string][]sample) Figure {
	all := Figure{Name: f.name, Unit: f.unit, digits: f.digits, added: f.added,
		Median: map[string]float64{}, ToPlain: map[string]float64{}, Rounds: map[string][]float64{}}
	for name, samples := range turns {
		for _, got := range samples {
			all.Rounds[name] = append(all.Rounds[name], got[f.name])
		}
	}
	for name, values := range all.Rounds {
		if f.sum {
			for _, v := range values {
				all.Median[name] += v
			}
			continue
		}
		all.Median[name] = median(values)
		if ratios := all.ratios(name, plain); len(ratios) > 0 && (!f.added || name != direct) {
			all.ToPlain[name] = median(ratios)
		}
	}
	return all
}

// ratios are what a target was to another in each round; of what is added over direct
// in both.
func (f Figure) ratios(name, to string) []float64 {
	var all []float64
	peers, engine := f.Rounds[to], f.Rounds[direct]
	for i, v := range f.Rounds[name] {
		base := 0.0
		if f.added {
			base = engine[i]
		}
		if i < len(peers) && peers[i] != base {
			all = append(all, (v-base)/(peers[i]-base))
		}
	}
	return all
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
