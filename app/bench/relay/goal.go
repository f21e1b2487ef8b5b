package relay

import (
	"fmt"
	"slices"
)

// Goal is a figure that is asked of Carpool, and what came out.
type Goal struct {
	Asked    string `json:"asked"`
	Measured string `json:"measured"`
	Met      bool   `json:"met"`
}

func (g Goal) verdict() string {
	if g.Met {
		return "met"
	}
	return "NOT MET"
}

// goal is one line of what is asked.
type goal struct {
	scenario, figure string
	asked            string
	of               reading
	unit             string // of what is read
	least, most      float64
}

// reading is how a figure becomes one number.
type reading int

const (
	value    reading = iota // itself
	toPlain                 // to the plain proxy's
	toDirect                // to the engine's own
	over                    // what it is above the engine's own
)

// goals are all that is asked; of least and most the one that is not 0 holds.
var goals = []goal{
	{scenario: "latency", figure: "p50", of: toPlain, most: 1.10, asked: "added latency of one client, p50: at most 1.10 × plain's"},
	{scenario: "latency", figure: "p95", of: toPlain, most: 1.3, asked: "added latency of one client, p95: at most 1.3 × plain's"},
	{scenario: "latency", figure: "p95", of: over, most: 1000, unit: "µs", asked: "a lone request is held less than 1 ms, all that Carpool does included, p95"},
	{scenario: "throughput", figure: "rate", of: toPlain, least: .90, asked: "requests/s of 64 clients: at least 0.90 × plain's"},
	{scenario: "ndjson", figure: "rate", of: toPlain, least: .95, asked: "tokens/s relayed, Ollama's dialect: at least 0.95 × plain's"},
	{scenario: "sse", figure: "rate", of: toPlain, least: .95, asked: "tokens/s relayed, OpenAI's dialect: at least 0.95 × plain's"},
	{scenario: "ndjson", figure: "cpu", of: toPlain, most: 1.2, asked: "CPU for a million tokens, Ollama's dialect: at most 1.2 × plain's"},
	{scenario: "sse", figure: "cpu", of: toPlain, most: 1.2, asked: "CPU for a million tokens, OpenAI's dialect: at most 1.2 × plain's"},
	{scenario: "streams1000", figure: "memory", most: 60, unit: "KiB", asked: "memory of one of 1,000 open streams: at most 60 KiB"},
	{scenario: "streams5000", figure: "memory", most: 60, unit: "KiB", asked: "memory of one of 5,000 open streams: at most 60 KiB"},
	{scenario: "embeddings", figure: "rate", of: toDirect, least: 3, asked: "embedding storm of single texts: at least 3 × direct"},
	{scenario: "waiting", figure: "scheduling", most: 5, unit: "% of a core", asked: "10,000 waiting, 64 running, 200 requests/s: scheduling takes less than 5 % of a core"},
	{scenario: "idle", figure: "memory", most: 40, unit: "MB", asked: "idle without an engine: less than 40 MB (PSS)"},
	{scenario: "idle", figure: "cpu", most: .3, unit: "% of a core", asked: "idle without an engine: less than 0.3 % of a core"},
}

// judged are the goals of the scenarios that ran.
func judged(all []Section) []Goal {
	var table []Goal
	for _, g := range goals {
		for _, s := range all {
			if s.Name != g.scenario {
				continue
			}
			if i := slices.IndexFunc(s.Figures, func(f Figure) bool { return f.Name == g.figure }); i >= 0 {
				table = append(table, g.judge(s.Figures[i]))
			}
		}
	}
	return table
}

// judge takes the median over the rounds, and tells the least and the most of them.
func (g goal) judge(f Figure) Goal {
	values := g.of.values(f)
	if len(values) == 0 {
		return Goal{Asked: g.asked, Measured: "nothing"}
	}
	mid := median(values)
	met := g.most == 0 || mid <= g.most
	if g.least > 0 {
		met = met && mid >= g.least
	}
	digits, unit := 2, " ×"
	if g.unit != "" {
		digits, unit = max(f.digits, 1), " "+g.unit
	}
	measured := fmt.Sprintf("%.*f%s", digits, mid, unit)
	if len(values) > 1 {
		measured += fmt.Sprintf(" (%.*f–%.*f)", digits, slices.Min(values), digits, slices.Max(values))
	}
	return Goal{Asked: g.asked, Measured: measured, Met: met}
}

// values are what each round gave for Carpool.
func (r reading) values(f Figure) []float64 {
	own, engine := f.Rounds[carpool], f.Rounds[direct]
	switch r {
	case toPlain:
		return f.ratios(carpool, plain)
	case toDirect:
		return f.ratios(carpool, direct)
	case over:
		var all []float64
		for i := range min(len(own), len(engine)) {
			all = append(all, own[i]-engine[i])
		}
		return all
	}
	return own
}

// Missed tells how many goals were not met; nil if none, and of a quick run, whose
// figures are not to be trusted.
func (r Report) Missed() error {
	n := 0
	for _, g := range r.Goals {
		if !g.Met {
			n++
		}
	}
	if n == 0 || r.Quick {
		return nil
	}
	return fmt.Errorf("%d of the figures asked for were not met", n)
}
