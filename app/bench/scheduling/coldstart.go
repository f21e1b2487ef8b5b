package scheduling

import (
	"context"
	"fmt"
	"time"

	"carpool/backends/sim"
)

var coldSlots = []int{1, 2, 3, 4, 6, 8, 12, 16, 24}

// overshoot is how far the limit may be above the slots.
func overshoot(slots int) int { return max(1, slots/8) }

// coldStart measures how long the governor takes to find slots that it is never
// told, from nothing.
func (s *suite) coldStart(ctx context.Context) (Section, error) {
	seeds := s.seeds[:min(5, len(s.seeds))]
	profiles := []sim.Profile{sim.GPU(), sim.Mac()}
	var scenarios []Scenario
	for _, p := range profiles {
		p.Knee = 64
		for _, slots := range coldSlots {
			clients := 48
			if slots <= 4 {
				clients = 16
			}
			scenarios = append(scenarios, Scenario{Name: p.Name, Machine: engine(p, slots), Told: known(p),
				Traffic: []Traffic{{App: "app", Mix: standard, Arrivals: Closed{clients, .5}}}, Length: 200 * time.Second})
		}
	}
	results, err := grid(ctx, scenarios, []Policy{Governor()}, seeds)
	if err != nil {
		return Section{}, err
	}
	t := Table{Header: []string{"slots", "gpu: median s", "worst s", "highest limit", "mac: median s", "worst s", "highest limit"}}
	slowest, over := time.Duration(0), ""
	for i, slots := range coldSlots {
		row := []string{fmt.Sprint(slots)}
		for p := range profiles {
			runs := results[p*len(coldSlots)+i][0]
			var times []time.Duration
			for _, r := range runs {
				times = append(times, settled(r.Limits, 0, slots, slots+1, 20*time.Second, 200*time.Second))
			}
			median, worst := middle(times)
			highest := summarize(runs).LimitMax
			row = append(row, span(median), span(worst), fmt.Sprint(highest))
			if p == 0 && slots <= 8 {
				slowest = max(slowest, worst)
			}
			if highest > max(start, slots+overshoot(slots)) {
				over += fmt.Sprintf(" %d at %d slots (%s)", highest, slots, profiles[p].Name)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	s.require(slowest <= 15*time.Second, "cold start, 1–8 slots, gpu: limit settled", "within 15 s", "worst run %s s", span(slowest))
	s.require(over == "", "cold start: limit above the slots", "≤ max(1, slots/8), the start value excepted", "%s", orNone(over))
	return Section{
		Title: "Cold start",
		Text: fmt.Sprintf("Seconds until the limit was within [slots, slots + 1] for 20 s; %d runs each, knee 64, "+
			"48 clients (16 up to 4 slots), slots never told. The start value is %d. In the design's "+
			"simulator, median and worst: gpu 1.2/2.8, 7.5/8.1, –, 8.9/10.4, –, 7.6/14.1, –, 12.2/13.6; mac 16 33/200.", len(seeds), start),
		Tables: []Table{t},
	}, nil
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
