package scheduling

import (
	"context"
	"fmt"
	"time"

	"carpool/batching"
)

// flood measures what an app with a few requests waits for while another one
// has filled the queue.
func (s *suite) flood(ctx context.Context) (Section, error) {
	second := time.Second
	scenario := func(slots int) Scenario {
		if slots == 4 {
			return flooded(4, 200, Traffic{From: 20 * second}, Traffic{From: 21 * second, Arrivals: Poisson{.15}}, 500*second)
		}
		return flooded(slots, 150, Traffic{From: 20 * second}, Traffic{From: 21 * second, Arrivals: Poisson{.1}}, 900*second)
	}
	slots := []int{1, 2, 4, 8}
	var scenarios []Scenario
	for _, n := range slots {
		scenarios = append(scenarios, scenario(n))
	}
	policies := orders()
	results, err := grid(ctx, scenarios, policies, s.seeds)
	if err != nil {
		return Section{}, err
	}
	header := []string{"slots"}
	for _, p := range policies {
		header = append(header, p.Name)
	}
	wait := Table{Title: "Light app: TTFT p95 of what it sends until the flood is answered, s", Header: header}
	rate := Table{Title: "Output tok/s until the flood is answered", Header: header}
	own := Table{Title: "Flood: its own TTFT p95, s", Header: header}
	for i, n := range slots {
		waits, rates, owns := []string{fmt.Sprint(n)}, []string{fmt.Sprint(n)}, []string{fmt.Sprint(n)}
		var first, throughput []float64
		for _, runs := range results[i] {
			r, sum := summarize(runs), 0.
			for _, run := range runs {
				sum += busyRate(run, 20*second, "flood") / float64(len(runs))
			}
			beside := waitBeside(runs, "light", "flood").Seconds()
			first, throughput = append(first, beside), append(throughput, sum)
			waits = append(waits, fmt.Sprintf("%.1f", beside))
			rates = append(rates, fmt.Sprintf("%.0f", sum))
			owns = append(owns, fmt.Sprintf("%.0f", r.App("flood").First95.Seconds()))
		}
		wait.Rows, rate.Rows, own.Rows = append(wait.Rows, waits), append(rate.Rows, rates), append(own.Rows, owns)
		s.require(20*first[3] <= first[0], fmt.Sprintf("flood, %d slots: light app's TTFT p95", n), "≤ 1/20 of FIFO's",
			"%.1f s, 1/%.0f of %.0f s", first[3], first[0]/first[3], first[0])
		s.require(throughput[3] >= .98*throughput[0], fmt.Sprintf("flood, %d slots: total throughput", n), "loss ≤ 2 %",
			"%+.1f %%", 100*(throughput[3]/throughput[0]-1))
	}
	urgent, err := s.urgent(ctx, scenario(4))
	if err != nil {
		return Section{}, err
	}
	return Section{
		Title: "A flood beside a light app",
		Text: "One app sends 150 requests at once (200 with 4 slots), another one a short one every 10 s (7 s). FIFO serves " +
			"the flood first. The last column knows the slots. In the design's simulator, with 1, 2, 4 and 8 slots: FIFO " +
			"284, 162, 122, 68 s; fair + fixed 8 23.9, 11.3, 4.4, 0.8; combined 8.2, 3.7, 2.1, 1.1.",
		Tables: []Table{wait, own, rate, urgent},
	}, nil
}

// urgent measures the light app of a flood when its requests are urgent.
func (s *suite) urgent(ctx context.Context, c Scenario) (Table, error) {
	hurried := c
	hurried.Traffic = append([]Traffic(nil), c.Traffic...)
	hurried.Traffic[1].Priority = batching.Urgent
	reserved := combined(Governor()).ordered("reserved", func(s *batching.Settings) { s.ReservedUrgent = 1 })
	t := Table{Title: "The light app's requests are urgent, 4 slots", Header: []string{"", "light TTFT p95 s", "tok/s until the flood is answered"}}
	for _, v := range []struct {
		name     string
		scenario Scenario
		policy   Policy
	}{
		{"normal", c, combined(Governor())},
		{"urgent: to the front", hurried, combined(Governor())},
		{"urgent, one place reserved", hurried, reserved},
	} {
		results, err := grid(ctx, []Scenario{v.scenario}, []Policy{v.policy}, s.seeds)
		if err != nil {
			return Table{}, err
		}
		runs := results[0][0]
		rate := 0.
		for _, r := range runs {
			rate += busyRate(r, 20*time.Second, "flood") / float64(len(runs))
		}
		t.Rows = append(t.Rows, []string{v.name, fmt.Sprintf("%.2f", waitBeside(runs, "light", "flood").Seconds()),
			fmt.Sprintf("%.0f", rate)})
	}
	return t, nil
}
