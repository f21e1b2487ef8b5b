package scheduling

import (
	"context"
	"fmt"
	"time"

	"carpool/backends/sim"
)

// upset is a scenario in which the engine changes, and what is asked then.
type upset struct {
	Scenario
	slots   int           // after the change; 0 = the limit that is right is not known
	within  time.Duration // for the limit to be right; 0 = not asked
	batches float64       // the same in requests per slot; 0 = not asked
}

const upsetAt = 300 * time.Second

func upsets() []upset {
	gpu := sim.GPU()
	slow := gpu
	slow.A, slow.C1, slow.Prefill = 2*gpu.A, 2*gpu.C1, gpu.Prefill/2
	make := func(name, text string, before sim.Config, after ...Change) upset {
		return upset{Scenario: Scenario{Name: name, Text: text, Machine: before, Told: known(before.Profile),
			Traffic: []Traffic{{App: "app", Mix: standard, Arrivals: Closed{16, .5}}},
			Length:  900 * time.Second, WarmUp: upsetAt, Change: after}}
	}
	silent := func(c sim.Config) Change { return Change{At: upsetAt, Machine: c} }

	restart := make("restart", "slots 4 → 8, restart seen", engine(gpu, 4), Change{At: upsetAt, Machine: engine(gpu, 8), Seen: true})
	restart.slots, restart.within = 8, 10*time.Second
	up := make("slots-up", "slots 4 → 8, silent", engine(gpu, 4), silent(engine(gpu, 8)))
	up.slots, up.within = 8, 150*time.Second
	down := make("slots-down", "slots 8 → 2, silent", engine(gpu, 8), silent(engine(gpu, 2)))
	down.slots, down.within, down.batches = 2, 15*time.Second, 8
	one := make("slots-one", "slots 8 → 1, silent", engine(gpu, 8), silent(engine(gpu, 1)))
	one.slots = 1
	slower := make("slower", "machine twice as slow, 8 slots", engine(gpu, 8), silent(engine(slow, 8)))
	slower.slots = 8
	game := make("game", "a game takes 20 GB for 100 s, 8 slots", engine(gpu, 8),
		silent(taken(engine(gpu, 8), 20000)), Change{At: 400 * time.Second, Machine: engine(gpu, 8)})
	game.slots = 8
	other := make("other", "dynamic KV, another program takes 1.2 GB for 300 s", engine(sim.Dyn(), 32),
		silent(taken(engine(sim.Dyn(), 32), 1200)), Change{At: 600 * time.Second, Machine: engine(sim.Dyn(), 32)})
	other.Traffic = []Traffic{{App: "app", Mix: long, Arrivals: Closed{32, .5}}}
	return []upset{restart, up, down, one, slower, game, other}
}

func (s *suite) changes(ctx context.Context) (Section, error) {
	all := upsets()
	var scenarios []Scenario
	for _, u := range all {
		scenarios = append(scenarios, u.Scenario)
	}
	others := []Policy{Governor(), FixedAt(8), AIMDEngine(), Gradient2()}
	results, err := grid(ctx, scenarios, append(others, constant()...), s.seeds)
	if err != nil {
		return Section{}, err
	}
	t := Table{Header: []string{"change at 300 s", "governor", "fixed 8", "AIMD engine", "Gradient2",
		"back within 10 %: median s", "worst s", "limit right: median s", "worst s", "worst batches", "spilled s (fixed 8)"}}
	for i, u := range all {
		oracle, _ := best(results[i][len(others):])
		row := []string{u.Text}
		for _, runs := range results[i][:len(others)] {
			row = append(row, fmt.Sprintf("%.0f", 100*summarize(runs).Tokens/oracle))
		}
		var back, right []time.Duration
		batches := 0.
		for _, r := range results[i][0] {
			back = append(back, since(recovered(r.PerSecond, upsetAt, .9*oracle), upsetAt))
			at := settled(r.Limits, upsetAt, u.slots, u.slots+1, 20*time.Second, u.Length)
			right = append(right, since(at, upsetAt))
			batches = max(batches, ratio(float64(finishedBetween(r, upsetAt, at)), float64(u.slots)))
		}
		row = append(row, both(back)...)
		if u.slots > 0 {
			row = append(append(row, both(right)...), fmt.Sprintf("%.1f", batches))
			s.requireUpset(u, right, batches)
		} else {
			row = append(row, "–", "–", "–")
		}
		spilled := func(policy int) float64 { return summarize(results[i][policy]).Spilled.Seconds() }
		t.Rows = append(t.Rows, append(row, fmt.Sprintf("%.0f (%.0f)", spilled(0), spilled(1))))
	}
	return Section{
		Title: "When the engine changes",
		Text: "The change comes after 300 of 900 s; throughput is that of the 600 s after it, in % of the best constant " +
			"size for that time. The limit is right when it is within [slots, slots + 1] for 20 s; batches are requests " +
			"that ended until then, per slot. In the design's simulator: throughput 101, 101, 99, 99, 100, 99 and 74 %; right " +
			"after 5, 46, 10, 3, 0 and 17 s.",
		Tables: []Table{t},
	}, nil
}

// both prints the median and the worst.
func both(times []time.Duration) []string {
	median, worst := middle(times)
	return []string{span(median), span(worst)}
}

func (s *suite) requireUpset(u upset, right []time.Duration, batches float64) {
	if u.within == 0 {
		return
	}
	median, worst := middle(right)
	wanted, measured := fmt.Sprintf("within %.0f s", u.within.Seconds()), fmt.Sprintf("median %s s, worst %s s", span(median), span(worst))
	met := worst <= u.within
	if u.batches > 0 {
		wanted += fmt.Sprintf(" and %.0f batches", u.batches)
		measured += fmt.Sprintf(", %.1f batches", batches)
		met = met && batches <= u.batches
	}
	s.require(met, u.Text+": limit right", wanted, "%s", measured)
}
