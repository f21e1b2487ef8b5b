package trial

import (
	"math"
	"time"
)

// progress is what is known of a benchmark that runs.
type progress struct {
	wanted Wanted
	sizes  []int           // of all rows
	paces  []time.Duration // of the rows that are measured: what a whole answer took
	now    time.Duration   // that the row has taken which is being measured
	done   float64         // of that row, 0..1
}

const (
	firstGrowth = 1.3 // from one size to the next, until two have been measured
	mostGrowth  = 2   // as if nothing were gained by twice the size
	telling     = 0.1 // of a row, from which on its own pace is known
)

// estimate tells how much is done, 0..1, and how long the rest will take; 0 = not
// known. Of sizes to come it knows how the time of an answer grew from one measured
// size to the next.
func (p progress) estimate() (done float64, left time.Duration) {
	var past, rest time.Duration
	for i, pace := range p.paces {
		past += p.row(i, pace)
	}
	at := len(p.paces)
	if at == len(p.sizes) {
		return 1, 0 // only the joules are waited for
	}
	pace, known := p.pace()
	current := p.row(at, pace)
	if p.done >= telling {
		current = time.Duration(float64(p.now) / p.done)
		pace, known = current/time.Duration(p.wanted.rounds(p.sizes[at])), true
	}
	if !known {
		return 0, 0
	}
	past += p.now
	rest = max(0, current-p.now)
	for i := at + 1; i < len(p.sizes); i++ {
		if p.sizes[i] > 1 {
			pace = time.Duration(float64(pace) * p.growth())
		}
		rest += p.row(i, pace)
	}
	if past+rest == 0 {
		return 0, 0
	}
	return float64(past) / float64(past+rest), rest
}

// row is how long the i-th takes at a pace.
func (p progress) row(i int, pace time.Duration) time.Duration {
	return time.Duration(p.wanted.rounds(p.sizes[i])) * pace
}

// pace is what an answer will take in the row that is being measured.
func (p progress) pace() (time.Duration, bool) {
	n := len(p.paces)
	switch {
	case n == 0:
		return 0, false
	case p.sizes[n] <= 1: // as with batching off
		return p.paces[n-1], true
	}
	return time.Duration(float64(p.paces[n-1]) * p.growth()), true
}

// growth is by how much an answer took longer in the last size than in the one
// before it.
func (p progress) growth() float64 {
	n := len(p.paces)
	if n < 3 || p.paces[n-2] == 0 {
		return firstGrowth
	}
	return math.Min(math.Max(float64(p.paces[n-1])/float64(p.paces[n-2]), 1), mostGrowth)
}
