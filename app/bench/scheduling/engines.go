package scheduling

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"carpool/backends/sim"
)

// The random engines come in sets. Rules are tuned on the first one only.
const (
	tuningSet  = 1
	heldOutSet = 2
	memorySet  = 3
)

// randomEngine is one engine and its load, drawn by its set and number.
func randomEngine(set, number int) Scenario {
	r := rand.New(rand.NewPCG(uint64(set), uint64(number)))
	p := sim.GPU()
	p.Name = "random"
	slots := []int{1, 1, 2, 3, 4, 4, 6, 8, 8, 12, 16, 32}[r.IntN(12)]
	p.A = .004 * math.Exp(2.25*r.Float64())
	p.C1 = p.A * (.01 + .25*r.Float64())
	p.C2 = p.C1 * (1 + 4*r.Float64())
	p.Knee = 4 + r.IntN(28)
	p.Prefill = 500 * math.Exp(2.3*r.Float64())
	p.NBatch = []int{512, 2048}[r.IntN(2)]
	clients := 4 + r.IntN(44)
	think := .2 + r.Float64()
	m := Mix{ShortShare: r.Float64(), Short: 10 + 60*r.Float64(), Long: 100 + 400*r.Float64(), Prompt: 100 * math.Exp(2.7*r.Float64())}
	return Scenario{
		Text:    fmt.Sprintf("#%d: %d slots, %d clients, %.0f ms + %.1f ms per stream", number, slots, clients, 1000*p.A, 1000*p.C1),
		Machine: engine(p, slots), Told: known(p),
		Traffic: []Traffic{{App: "app", Mix: m, Arrivals: Closed{clients, think}}},
		Length:  1500 * time.Second, WarmUp: 300 * time.Second,
	}
}

// tightEngine is a random engine on a card that its requests can fill.
func tightEngine(number int) Scenario {
	s := randomEngine(memorySet, number)
	r := rand.New(rand.NewPCG(memorySet, uint64(1000+number)))
	p := &s.Machine.Profile
	slots := 8 + r.IntN(40)
	p.KV, p.MiBPerToken = sim.Dynamic, .05*math.Exp(2.3*r.Float64())
	p.Memory = p.Weights + 1000 + 4000*r.Float64()
	clients := 16 + r.IntN(40)
	s.Machine.Models[0].Slots = slots
	s.Traffic[0].Arrivals = Closed{clients, s.Traffic[0].Arrivals.(Closed).Think}
	s.Told = known(*p)
	s.Length, s.WarmUp = 400*time.Second, 60*time.Second
	s.Text = fmt.Sprintf("#%d: %d slots, %d clients, room for %.0f tokens", number, slots, clients, (p.Memory-p.Weights)/p.MiBPerToken)
	return s
}

// tuned measures the set that rules were tuned on.
func (s *suite) tuned(ctx context.Context) (Section, error) {
	section, _, err := s.engines(ctx, tuningSet)
	section.Title = "Random engines, tuning set"
	section.Text += " The governor's rules were tuned on this set."
	return section, err
}

// heldOut measures the set that was never looked at.
func (s *suite) heldOut(ctx context.Context) (Section, error) {
	section, shares, err := s.engines(ctx, heldOutSet)
	if err != nil {
		return Section{}, err
	}
	section.Title = "Random engines, held-out set"
	section.Text += " No rule was tuned on this set."
	median, low, least := share(shares, .5), share(shares, .05), shares[0]
	s.require(median >= .98 && low >= .90 && least >= .80, "random engines, held out: governor / best fixed size",
		"median ≥ .98, p5 ≥ .90, min ≥ .80", "median %.3f, p5 %.3f, min %.3f", median, low, least)
	return section, nil
}

// share is the q-th of sorted figures.
func share(sorted []float64, q float64) float64 { return sorted[int(q*float64(len(sorted)))] }

// engines measures a set of random engines: the governor's throughput over that
// of the best constant size, in ascending order.
func (s *suite) engines(ctx context.Context, set int) (Section, []float64, error) {
	count := 80
	if s.Quick {
		count = 16
	}
	var scenarios []Scenario
	for i := range count {
		c := randomEngine(set, i)
		if s.Quick {
			c.Length, c.WarmUp = 400*time.Second, 100*time.Second
		}
		scenarios = append(scenarios, c)
	}
	results, err := grid(ctx, scenarios, append([]Policy{Governor()}, constant()...), s.seeds[:1])
	if err != nil {
		return Section{}, nil, err
	}
	type outcome struct {
		share float64
		row   []string
	}
	var all []outcome
	above := 0
	for i, c := range scenarios {
		g := results[i][0][0]
		oracle, size := best(results[i][1:])
		slots := c.Machine.Models[0].Slots
		if g.Limit > float64(slots)+1.5 {
			above++
		}
		got := g.Tokens / oracle
		all = append(all, outcome{got, []string{c.Text, fmt.Sprintf("%.2f", got), fmt.Sprintf("%.1f", g.Limit), fmt.Sprint(size)}})
	}
	slices.SortStableFunc(all, func(a, b outcome) int {
		if a.share < b.share {
			return -1
		}
		return 1
	})
	var shares []float64
	worst := Table{Title: "The worst", Header: []string{"engine", "of best", "mean limit", "best size"}}
	for i, o := range all {
		shares = append(shares, o.share)
		if i < 6 {
			worst.Rows = append(worst.Rows, o.row)
		}
	}
	figures := Table{Header: []string{"engines", "min", "p5", "p25", "median", "mean limit above slots + 1.5"},
		Rows: [][]string{{fmt.Sprint(count), fmt.Sprintf("%.3f", shares[0]), fmt.Sprintf("%.3f", share(shares, .05)),
			fmt.Sprintf("%.3f", share(shares, .25)), fmt.Sprintf("%.3f", share(shares, .5)), fmt.Sprint(above)}}}
	return Section{
		Text: fmt.Sprintf("%d random engines and loads of %.0f s, slots never told: the governor's throughput over that of "+
			"the best of thirteen constant sizes, which is chosen for each engine after the fact.", count, scenarios[0].Length.Seconds()),
		Tables: []Table{figures, worst},
	}, shares, nil
}

// memory measures engines that take memory as requests grow, where only the
// card's reading tells how much is left.
func (s *suite) memory(ctx context.Context) (Section, error) {
	count := 60
	if s.Quick {
		count = 12
	}
	var scenarios []Scenario
	for i := range count {
		scenarios = append(scenarios, tightEngine(i))
	}
	results, err := grid(ctx, scenarios, append([]Policy{Governor(), FixedAt(8)}, constant()...), s.seeds[:1])
	if err != nil {
		return Section{}, err
	}
	over, alone, refused, wrongly, fixedOver := 0, 0, 0, 0, 0
	var shares, fixedShares []float64
	rows := Table{Title: "Runs in which a request alone exceeds the room", Header: []string{"engine", "room, tokens", "refused",
		"longest that ran, tokens", "above the reserve, MiB", "fixed 8: MiB", "tok/s over fixed 8"}}
	for i, c := range scenarios {
		g, f := results[i][0][0], results[i][1][0]
		oracle, _ := best(results[i][2:])
		shares, fixedShares = append(shares, g.Tokens/oracle), append(fixedShares, f.Tokens/oracle)
		p := c.Machine.Profile
		if f.Peak > p.Memory-reserve {
			fixedOver++
		}
		room := int((p.Memory - reserve - p.Weights) / p.MiBPerToken)
		above := g.Peak > p.Memory-reserve
		if above {
			over++
			if g.Largest > room {
				alone++
			}
		}
		refused += g.Refused
		if g.Refused > 0 && g.Least <= room {
			wrongly++
		}
		if above || g.Refused > 0 {
			rows.Rows = append(rows.Rows, []string{c.Text, fmt.Sprint(room), fmt.Sprint(g.Refused), fmt.Sprint(g.Largest),
				beyond(g, p), beyond(f, p), fmt.Sprintf("%.2f", g.Tokens/f.Tokens)})
		}
	}
	rate := Table{Title: "Throughput over that of the best constant size", Header: []string{"policy", "min", "p5", "median"}}
	for i, all := range [][]float64{shares, fixedShares} {
		slices.Sort(all)
		rate.Rows = append(rate.Rows, []string{[]string{"governor", "fixed 8"}[i], fmt.Sprintf("%.2f", all[0]),
			fmt.Sprintf("%.2f", share(all, .05)), fmt.Sprintf("%.2f", share(all, .5))})
	}
	tables := []Table{rate}
	if len(rows.Rows) > 0 {
		tables = append(tables, rows)
	}
	s.require(30*over <= count && over == alone && wrongly == 0, "random engines with dynamic KV: never above the reserve",
		"in 58 of 60; in the others one request alone exceeds the room; only such are refused",
		"in %d of %d; in %d of the others one alone does; %d refused, %d of the runs refused one that fits",
		count-over, count, alone, refused, wrongly)
	return Section{
		Title: "Memory that grows with requests",
		Text: fmt.Sprintf("%d random engines of 8–47 slots on cards with 1–5 GB beside the weights. The gateway sees only the "+
			"card's reading once a second and keeps %d MiB free at every moment. "+
			"A request whose prompt alone exceeds what can be free is refused when it arrives, from when it is known for certain "+
			"how much a token takes; what came before may run alone. With fixed 8, %d of the runs went above the reserve.", count, reserve, fixedOver),
		Tables: tables,
	}, nil
}

// beyond is how far a run went above the reserve, in MiB.
func beyond(r Result, p sim.Profile) string {
	if over := r.Peak - (p.Memory - reserve); over > 0 {
		return fmt.Sprintf("%.0f", over)
	}
	return "–"
}
