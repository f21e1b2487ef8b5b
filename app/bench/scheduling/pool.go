package scheduling

import (
	"context"
	"fmt"
	"time"

	"carpool/backends/sim"
	"carpool/batching/adaptive"
)

// pool measures a long time of an engine with one KV pool of known size: no
// running request may ever be thrown out.
func (s *suite) pool(ctx context.Context) (Section, error) {
	var scenarios []Scenario
	for _, mix := range []Mix{long, standard} {
		for _, slots := range []int{8, 16, 32} {
			c := Scenario{Text: fmt.Sprintf("%d slots, prompts of %.0f", slots, mix.Prompt),
				Machine: engine(sim.Pooled(), slots), Told: adaptive.Facts{KVTokens: sim.Pooled().PoolTokens},
				Traffic: []Traffic{{App: "app", Mix: mix, Arrivals: Closed{24, .5}}}, Length: 1200 * time.Second}
			scenarios = append(scenarios, s.short(c))
		}
	}
	results, err := grid(ctx, scenarios, []Policy{Governor(), FixedAt(4), FixedAt(8)}, s.seeds)
	if err != nil {
		return Section{}, err
	}
	t := Table{Header: []string{"scenario", "governor: requests", "evictions", "tok/s", "fixed 4: evictions", "tok/s", "fixed 8: evictions", "tok/s"}}
	requests, evictions := 0, 0
	for i, c := range scenarios {
		row := []string{c.Text}
		for j, runs := range results[i] {
			r := summarize(runs)
			if j == 0 {
				requests, evictions = requests+r.Requests, evictions+r.Evictions
				row = append(row, fmt.Sprint(r.Requests))
			}
			row = append(row, fmt.Sprint(r.Evictions), fmt.Sprintf("%.0f", r.Tokens))
		}
		t.Rows = append(t.Rows, row)
	}
	s.require(evictions == 0 && (requests > 20_000 || s.Quick), "known KV pool: evictions", "0 in more than 20,000 requests",
		"%d in %d", evictions, requests)
	return Section{
		Title: "A KV pool of known size",
		Text: "One pool of 16,384 tokens for all slots, 24 clients. When it is over full the engine throws out the newest " +
			"running request, which starts again: its work is lost.",
		Tables: []Table{t},
	}, nil
}
