package scheduling

import (
	"context"
	"fmt"
	"time"

	"carpool/backends/sim"
)

// models measures two models that fit only one at a time.
func (s *suite) models(ctx context.Context) (Section, error) {
	pair := Table{Title: "Two models, one app each, 4 slots",
		Header: []string{"each, req/s", "order", "swaps", "served req/s", "of offered", "TTFT p95 s", "longest s", "tok/s"}}
	rates := []float64{.1, .3, .6}
	var scenarios []Scenario
	for _, rate := range rates {
		scenarios = append(scenarios, Scenario{Machine: engine(sim.GPU(), 4, 4), Told: known(sim.GPU()),
			Traffic: []Traffic{{App: "first", Mix: standard, Arrivals: Poisson{rate}},
				{App: "second", Model: 1, Mix: standard, Arrivals: Poisson{rate}}},
			Length: 900 * time.Second, WarmUp: 30 * time.Second})
	}
	policies := []Policy{Direct(), arrival(FixedAt(8)), combined(FixedAt(8)), combined(Governor())}
	results, err := grid(ctx, scenarios, policies, s.seeds)
	if err != nil {
		return Section{}, err
	}
	for i, rate := range rates {
		var joined []Result
		for j, p := range policies {
			r := summarize(results[i][j])
			joined = append(joined, r)
			pair.Rows = append(pair.Rows, append([]string{fmt.Sprint(rate), p.Name}, modelFigures(r)...))
		}
		if rate == .3 {
			fifo, ours := min(joined[0].Swaps, joined[1].Swaps), joined[3]
			s.require(ours.Swaps <= .7*fifo, "two models at 0.3/s each: swaps", "≤ 70 % of FIFO's",
				"%.0f of %.0f, %.0f %%", ours.Swaps, fifo, 100*ours.Swaps/fifo)
			s.require(ours.Served >= .95*ours.Offered, "two models at 0.3/s each: served", "≥ 95 % of the offered load",
				"%.0f %%", 100*ours.Served/ours.Offered)
		}
	}
	three, err := s.floodAcross(ctx)
	if err != nil {
		return Section{}, err
	}
	uneven, err := s.uneven(ctx)
	if err != nil {
		return Section{}, err
	}
	return Section{
		Title: "Two models that do not fit together",
		Text: "Loading takes 6 s and needs an idle engine. The engine's own line is first in, first out over both models and " +
			"changes the model whenever the next request is for the other one; fifo is so for each model. The combined order " +
			"stays until the loaded model's queue is empty or the other one has waited long enough to be worth the load. In " +
			"the design's simulator at 0.3/s: FIFO 95 swaps, 0.216 req/s, p95 509 s; combined 64 swaps, 0.583 req/s, 22.7 s.",
		Tables: []Table{pair, three, uneven},
	}, nil
}

func modelFigures(r Result) []string {
	var p95, longest time.Duration
	for _, a := range r.Apps {
		p95, longest = max(p95, a.First95), max(longest, a.Longest)
	}
	return []string{fmt.Sprintf("%.0f", r.Swaps), fmt.Sprintf("%.3f", r.Served), fmt.Sprintf("%.0f %%", 100*ratio(r.Served, r.Offered)),
		fmt.Sprintf("%.1f", p95.Seconds()), fmt.Sprintf("%.1f", longest.Seconds()), fmt.Sprintf("%.0f", r.Tokens)}
}

// floodAcross is a flood on one model beside a light app on each.
func (s *suite) floodAcross(ctx context.Context) (Table, error) {
	c := Scenario{Machine: engine(sim.GPU(), 4, 4), Told: known(sim.GPU()), Length: 600 * time.Second,
		Traffic: []Traffic{
			{App: "flood", Mix: standard, From: 10 * time.Second, Arrivals: Burst{Requests: 300}},
			{App: "other model", Model: 1, Mix: lightMix, Arrivals: Poisson{.05}},
			{App: "same model", Mix: lightMix, Arrivals: Poisson{.1}},
		}}
	policies := []Policy{Direct(), arrival(FixedAt(8)), combined(FixedAt(8)), combined(Governor())}
	results, err := grid(ctx, []Scenario{c}, policies, s.seeds)
	t := Table{Title: "A flood on one model, a light app on each, 4 slots",
		Header: []string{"order", "other model: TTFT p95 s", "longest s", "same model: p95 s", "longest s", "swaps", "tok/s"}}
	for j, p := range policies {
		if err != nil {
			break
		}
		r := summarize(results[0][j])
		other, same := r.App("other model"), r.App("same model")
		t.Rows = append(t.Rows, []string{p.Name, fmt.Sprintf("%.1f", other.First95.Seconds()), fmt.Sprintf("%.1f", other.Longest.Seconds()),
			fmt.Sprintf("%.1f", same.First95.Seconds()), fmt.Sprintf("%.1f", same.Longest.Seconds()),
			fmt.Sprintf("%.0f", r.Swaps), fmt.Sprintf("%.0f", r.Tokens)})
	}
	return t, err
}

// uneven is two models with 6 slots and 1: what one governor for both costs.
func (s *suite) uneven(ctx context.Context) (Table, error) {
	c := Scenario{Machine: engine(sim.GPU(), 6, 1), Told: known(sim.GPU()), Length: 900 * time.Second, WarmUp: 30 * time.Second,
		Traffic: []Traffic{{App: "six", Mix: standard, Arrivals: Poisson{.5}}, {App: "one", Model: 1, Mix: standard, Arrivals: Poisson{.1}}}}
	one := combined(Governor())
	one.Name, one.shared = "one governor for both", true
	policies := []Policy{arrival(FixedAt(8)), one, combined(Governor())}
	results, err := grid(ctx, []Scenario{c}, policies, s.seeds)
	t := Table{Title: "Models with 6 slots and 1, 0.5/s and 0.1/s",
		Header: []string{"policy", "TTFT p95 s, 6 slots", "1 slot", "swaps", "served of offered"}}
	for j, p := range policies {
		if err != nil {
			break
		}
		r := summarize(results[0][j])
		t.Rows = append(t.Rows, []string{p.Name, fmt.Sprintf("%.1f", r.App("six").First95.Seconds()),
			fmt.Sprintf("%.1f", r.App("one").First95.Seconds()), fmt.Sprintf("%.0f", r.Swaps), fmt.Sprintf("%.0f %%", 100*r.Served/r.Offered)})
	}
	return t, err
}
