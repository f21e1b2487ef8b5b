package scheduling

import (
	"time"

	"carpool/batching"
)

// aimd raises the limit by one while the 90th percentile of a window's
// latencies stays below a target, and cuts it by a tenth when it does not.
// Sources: Crankshaw et al., "Clipper" (NSDI 2017) §4.3, for rule and factor;
// Netflix concurrency-limits, AIMDLimit and WindowedLimit, for the windows and
// for growing only while at least half the limit is in use.
type aimd struct {
	deaf
	engineTime bool // latency from the release instead of from the arrival
	limit      float64
	windowEnd  time.Duration
	latencies  []time.Duration
}

const (
	aimdTarget     = 10 * time.Second
	aimdWindow     = 2 * time.Second
	aimdCut        = .9
	aimdPercentile = .9
)

// AIMD steers by the latency that clients see, our own queue included.
func AIMD() Policy {
	return moved("AIMD e2e", func(Scenario) limiter { return &aimd{limit: start} })
}

// AIMDEngine steers by the latency of the engine.
func AIMDEngine() Policy {
	return moved("AIMD engine", func(Scenario) limiter { return &aimd{limit: start, engineTime: true} })
}

func (a *aimd) ended(now time.Duration, r *request) {
	from := r.arrived
	if a.engineTime {
		from = r.released
	}
	a.latencies = append(a.latencies, now-from)
}

func (a *aimd) limits(now time.Duration, _, inFlight int) batching.Limits {
	if now >= a.windowEnd && len(a.latencies) > 0 {
		switch {
		case quantile(sorted(a.latencies), aimdPercentile) > aimdTarget:
			a.limit = max(1, a.limit*aimdCut)
		case 2*float64(inFlight) >= a.limit:
			a.limit = min(ceiling, a.limit+1)
		}
		a.latencies = a.latencies[:0]
		a.windowEnd = now + aimdWindow
	}
	return fixedSize(int(a.limit))
}
