package scheduling

import (
	"context"
	"fmt"
	"time"

	"carpool/backends/sim"
	"carpool/batching"
)

// prefixes measures agents whose prompts begin alike.
func (s *suite) prefixes(ctx context.Context) (Section, error) {
	c := Scenario{Machine: engine(sim.Mac(), 4), Told: known(sim.Mac()), Length: 600 * time.Second, WarmUp: 60 * time.Second,
		Traffic: []Traffic{{App: "agent", Arrivals: Agents{Apps: 12, Out: 2, Think: .2},
			Mix: Mix{ShortShare: 1, Short: 150, Prompt: 3300, Prefix: 3000}}}}
	wide := fair(FixedAt(4)).ordered("fair, credit 16,000 + fixed 4", func(s *batching.Settings) { s.PrefixCredit = 16_000 })
	policies := []Policy{arrival(FixedAt(4)), fair(FixedAt(4)), combined(FixedAt(4)), wide,
		arrival(Governor()), combined(Governor()), combined(GovernorTold())}
	results, err := grid(ctx, []Scenario{c}, policies, s.seeds)
	if err != nil {
		return Section{}, err
	}
	t := Table{Header: []string{"order", "prompt tokens saved", "tok/s", "TTFT p95 s", "longest s"}}
	for j, p := range policies {
		r := summarize(results[0][j])
		var p95, longest time.Duration
		for _, a := range r.Apps {
			p95, longest = max(p95, a.First95), max(longest, a.Longest)
		}
		t.Rows = append(t.Rows, []string{p.Name, fmt.Sprintf("%.0f %%", 100*r.Saved), fmt.Sprintf("%.0f", r.Tokens),
			fmt.Sprintf("%.1f", p95.Seconds()), fmt.Sprintf("%.1f", longest.Seconds())})
	}
	return Section{
		Title: "Prompts that begin alike",
		Text: "Twelve agents on a mac with 4 slots, each with a private prefix of 3,000 tokens in prompts of 3,300 and two " +
			"requests out at any time. A slot keeps the prefix of its last request. Longest is the longest wait for a first " +
			"token of any agent in any run. In the design's simulator (saved, tok/s, longest): fifo 4 %, 51, 70 s; fair 0 %, " +
			"50, 83; credit 4,000 53 %, 79, 70; credit 16,000 78 %, 110, 134.",
		Tables: []Table{t},
	}, nil
}

// shortestFirst measures answers in order of their expected length, inside one
// app.
func (s *suite) shortestFirst(ctx context.Context) (Section, error) {
	t := Table{Header: []string{"order", "mean latency s", "short p95 s", "long p95 s"}}
	shortest := combined(FixedAt(1)).ordered("shortest first", func(s *batching.Settings) { s.ShortestFirst = true })
	for _, v := range []struct {
		name      string
		foresight Foresight
		policy    Policy
	}{
		{"arrival", Exact, combined(FixedAt(1))},
		{"shortest first, lengths known", Exact, shortest},
		{"shortest first, lognormal error (sd 1)", Rough, shortest},
	} {
		mix := standard
		mix.Foresight = v.foresight
		c := Scenario{Machine: engine(sim.GPU(), 1), Told: known(sim.GPU()), Length: 1800 * time.Second,
			Traffic: []Traffic{{App: "app", Mix: mix, Arrivals: Poisson{.42}}}}
		results, err := grid(ctx, []Scenario{c}, []Policy{v.policy}, s.seeds)
		if err != nil {
			return Section{}, err
		}
		a := summarize(results[0][0]).App("app")
		t.Rows = append(t.Rows, []string{v.name, fmt.Sprintf("%.1f", a.Latency.Seconds()),
			fmt.Sprintf("%.1f", a.Short95.Seconds()), fmt.Sprintf("%.1f", a.Long95.Seconds())})
	}
	return Section{
		Title: "Shortest answer first",
		Text: "One app, one slot, 85 % load; answers of up to 100 tokens count as short. It is optional and off as " +
			"delivered, because an answer's length is rarely known before. In the design's " +
			"simulator: mean 8.2, 5.3 and 5.9 s.",
		Tables: []Table{t},
	}, nil
}
