package app

import (
	"math"
	"slices"
	"sync"
	"time"
)

// liveSamples is how many seconds the live charts reach back.
const liveSamples = 600

// rateWindow is the time over which tokens per second are averaged.
const rateWindow = 5 * time.Second

// live keeps the last ten minutes of samples in memory.
type live struct {
	mu      sync.Mutex
	samples []Sample
	counts  []tokenCount // the last rateWindow, oldest first
}

type tokenCount struct {
	at    time.Time
	total uint64
}

// rate adds a reading of the token counter and returns tokens per second over
// the last rateWindow.
func (l *live) rate(now time.Time, total uint64) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts = append(l.counts, tokenCount{now, total})
	old := 0
	for old < len(l.counts)-2 && now.Sub(l.counts[old].at) > rateWindow {
		old++
	}
	l.counts = append(l.counts[:0], l.counts[old:]...)
	return rateOf(l.counts)
}

// lastRate is the rate at the last reading.
func (l *live) lastRate() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return rateOf(l.counts)
}

func rateOf(counts []tokenCount) float64 {
	if len(counts) < 2 {
		return 0
	}
	first, last := counts[0], counts[len(counts)-1]
	if last.total < first.total { // an estimate was corrected downwards
		return 0
	}
	return float64(last.total-first.total) / last.at.Sub(first.at).Seconds()
}

func (l *live) add(s Sample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.samples) == liveSamples {
		l.samples = slices.Delete(l.samples, 0, 1)
	}
	l.samples = append(l.samples, s)
}

// all is a copy, oldest first.
func (l *live) all() []Sample {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.samples)
}

// percentile is the nearest-rank percentile p (0 < p <= 1) of values, which it
// sorts; nil for no values.
func percentile(values []float64, p float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	rank := int(math.Ceil(p * float64(len(values))))
	v := values[rank-1] // a pointer into values would keep all of them
	return &v
}
