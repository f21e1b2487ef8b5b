package scheduling

import (
	"context"
	"fmt"
	"time"

	"carpool/backends/sim"
)

// utilization shows what the card's utilisation is for: a hint to look for a
// slot sooner while the card idles, and no growth while another program needs it.
func (s *suite) utilization(ctx context.Context) (Section, error) {
	always := func(share float64) func(time.Duration) float64 {
		return func(time.Duration) float64 { return share }
	}
	const gone = 100 * time.Second // the other program ends
	silent := upsets()[1].Scenario
	busy, idle := silent, silent
	busy.Text, busy.Busy = "slots 4 → 8 silent, card 95 % busy", always(.95)
	idle.Text, idle.Busy = "slots 4 → 8 silent, card 40 % busy", always(.4)
	cold := Scenario{Text: "cold start, 8 slots", Machine: engine(sim.GPU(), 8), Told: known(sim.GPU()),
		Traffic: []Traffic{{App: "app", Mix: standard, Arrivals: Closed{16, .5}}}, Length: 300 * time.Second}
	shared := cold
	shared.Text += ", another program uses 40 % of the card for 100 s"
	shared.Others = func(now time.Duration) float64 {
		if now < gone {
			return .4
		}
		return 0
	}
	scenarios := []Scenario{busy, idle, cold, shared}
	results, err := grid(ctx, scenarios, []Policy{Governor()}, s.seeds)
	if err != nil {
		return Section{}, err
	}
	t := Table{Header: []string{"scenario", "limit right: median s", "worst s", "highest limit before 100 s"}}
	var right [4]time.Duration // median after the change or the start
	var early [4]int
	for i, c := range scenarios {
		var from time.Duration
		if len(c.Change) > 0 {
			from = upsetAt
		}
		var times []time.Duration
		for _, r := range results[i][0] {
			times = append(times, since(settled(r.Limits, from, 8, 9, 20*time.Second, c.Length), from))
			for _, l := range r.Limits {
				if l.At < gone {
					early[i] = max(early[i], l.Limit)
				}
			}
		}
		right[i], _ = middle(times)
		t.Rows = append(t.Rows, append(append([]string{c.Text}, both(times)...), fmt.Sprint(early[i])))
	}
	s.require(right[1] < right[0], "an idle card shortens the wait for a slot probe", "limit right sooner than on a busy one",
		"median %s s instead of %s s", span(right[1]), span(right[0]))
	s.require(early[3] <= start && right[3] >= gone && right[3] != never, "another program on the card stops growth",
		fmt.Sprintf("≤ %d until it ends", start), "at most %d, then right %s s after the start", early[3], span(right[3]))
	return Section{
		Title: "GPU utilisation",
		Text: "The card's utilisation is scripted, as a driver would report it each second. It is a hint, not a load " +
			"measure: below 60 % while the limit binds, the next slot probe comes sooner; while other programs use more " +
			"than 30 %, the limit does not grow.",
		Tables: []Table{t},
	}, nil
}
