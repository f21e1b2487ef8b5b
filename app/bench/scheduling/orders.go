package scheduling

import (
	"time"

	"carpool/backends/sim"
	"carpool/batching"
)

// credit is how far out of turn a prefix may go, in units, as delivered.
const credit = 4000

// fair is p with turns among apps but without regard to prefixes.
func fair(p Policy) Policy {
	return p.ordered("fair + "+p.Name, func(s *batching.Settings) { s.Order = batching.Fair })
}

// combined is p with Carpool's order as delivered.
func combined(p Policy) Policy {
	return p.ordered("combined + "+p.Name, func(s *batching.Settings) {
		s.Order, s.PrefixCredit = batching.Fair, credit
	})
}

// arrival is p with first come first served, named so.
func arrival(p Policy) Policy {
	return p.ordered("fifo + "+p.Name, func(*batching.Settings) {})
}

// orders are the policies that differ by who goes next.
func orders() []Policy {
	return []Policy{arrival(FixedAt(8)), fair(FixedAt(8)), fair(Gradient2()), combined(Governor()), combined(GovernorTold())}
}

// flooded is a run in which one app sends many requests at once and another one
// a few.
func flooded(slots, requests int, flood, light Traffic, length time.Duration) Scenario {
	flood.App, flood.Mix, flood.Arrivals = "flood", standard, Burst{Requests: requests}
	light.App, light.Mix = "light", lightMix
	return Scenario{Machine: engine(sim.GPU(), slots), Told: known(sim.GPU()),
		Traffic: []Traffic{flood, light}, Length: length}
}

// busyRate is the output tokens per second from a moment until an app's last
// answer.
func busyRate(r Result, from time.Duration, app string) float64 {
	until := r.App(app).Last
	sum := 0
	for _, n := range r.PerSecond[from/time.Second : until/time.Second] {
		sum += n
	}
	return ratio(float64(sum), (until - from).Seconds())
}

// waitBeside is the p95 of an app's waits for first tokens while another one
// had not got its last answer, over all runs together.
func waitBeside(runs []Result, app, other string) time.Duration {
	var waits []time.Duration
	for _, r := range runs {
		until := r.App(other).Last
		for _, w := range r.App(app).Waits {
			if w.Arrived < until {
				waits = append(waits, w.For)
			}
		}
	}
	return quantile(sorted(waits), .95)
}
