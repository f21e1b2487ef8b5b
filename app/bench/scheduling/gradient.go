package scheduling

import (
	"time"

	"carpool/batching"
)

// gradient2 compares each latency with its long average: the limit shrinks when
// requests take longer than they did. Source: Netflix concurrency-limits,
// Gradient2Limit.java and ExpAvgMeasurement.java, with the library's defaults.
type gradient2 struct {
	deaf
	limit float64
	long  longAverage
}

const (
	gradientQueue     = 4
	gradientSmoothing = .2
	gradientTolerance = 1.5
)

// Gradient2 is Netflix's limit with its default constants.
func Gradient2() Policy {
	return moved("Gradient2", func(Scenario) limiter { return &gradient2{limit: start} })
}

func (g *gradient2) ended(now time.Duration, r *request) {
	short := (now - r.released).Seconds()
	long := g.long.add(short)
	if long/short > 2 {
		g.long.value *= .95
	}
	if float64(r.beside) < g.limit/2 {
		return
	}
	slope := max(.5, min(1, gradientTolerance*long/short))
	want := g.limit*slope + gradientQueue
	g.limit = max(1, min(ceiling, g.limit*(1-gradientSmoothing)+want*gradientSmoothing))
}

func (g *gradient2) limits(time.Duration, int, int) batching.Limits { return fixedSize(int(g.limit)) }

// longAverage is exponential over 600 samples, plain over the first ten.
type longAverage struct {
	value, sum float64
	count      int
}

func (a *longAverage) add(sample float64) float64 {
	const window, warmUp = 600, 10
	if a.count < warmUp {
		a.count++
		a.sum += sample
		a.value = a.sum / float64(a.count)
	} else {
		const f = 2. / (window + 1)
		a.value = a.value*(1-f) + sample*f
	}
	return a.value
}
