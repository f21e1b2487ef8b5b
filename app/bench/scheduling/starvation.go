package scheduling

import (
	"context"
	"fmt"
	"time"

	"carpool/backends/sim"
	"carpool/batching"
)

// starvation puts everything together that could keep a light app waiting.
func (s *suite) starvation(ctx context.Context) (Section, error) {
	const limit = 60 * time.Second
	var scenarios []Scenario
	slots := []int{1, 2, 4, 8}
	for _, n := range slots {
		scenarios = append(scenarios, Scenario{Machine: engine(sim.GPU(), n, n), Told: known(sim.GPU()), Length: 600 * time.Second,
			Traffic: []Traffic{
				{App: "flood", Mix: standard, From: 10 * time.Second, Arrivals: Burst{Requests: 400}},
				{App: "other model", Model: 1, Mix: lightMix, Arrivals: Poisson{.05}},
				{App: "same model", Mix: lightMix, Arrivals: Poisson{.05}},
				{App: "urgent", Priority: batching.Urgent, Mix: lightMix, Arrivals: Poisson{.05}},
			}})
	}
	policies := []Policy{Direct(), combined(Governor())}
	results, err := grid(ctx, scenarios, policies, s.seeds)
	if err != nil {
		return Section{}, err
	}
	light := []string{"other model", "same model", "urgent"}
	t := Table{Header: []string{"slots", "order", "other model: longest s", "same model: longest s", "urgent: longest s", "swaps"}}
	var longest time.Duration
	for i, n := range slots {
		for j, p := range policies {
			r := summarize(results[i][j])
			row := []string{fmt.Sprint(n), p.Name}
			for _, app := range light {
				row = append(row, fmt.Sprintf("%.1f", r.App(app).Longest.Seconds()))
				if j == 1 {
					longest = max(longest, r.App(app).Longest)
				}
			}
			t.Rows = append(t.Rows, append(row, fmt.Sprintf("%.0f", r.Swaps)))
		}
	}
	s.require(longest <= limit, "longest wait of any light app", "≤ 60 s to its first token",
		"%.1f s in %d runs", longest.Seconds(), len(slots)*len(s.seeds))
	return Section{
		Title: "Nobody starves",
		Text: "A flood of 400 requests on one model, a light app on the same and one on another model, and a stream of urgent " +
			"requests. The longest wait for a first token of any request in any run.",
		Tables: []Table{t},
	}, nil
}
