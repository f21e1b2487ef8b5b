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
	out, in counts // tokens
}

// counts are the readings of a counter in the last rateWindow, oldest first.
type counts []count

type count struct {
	at    time.Time
	total uint64
}

// rates adds readings of the counters of tokens and returns how many a second there
// were of each over the last rateWindow.
func (l *live) rates(now time.Time, out, in uint64) (outPS, inPS float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.add(now, out)
	l.in.add(now, in)
	return l.out.rate(), l.in.rate()
}

// lastRate is the rate of tokens written at the last reading.
func (l *live) lastRate() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.rate()
}

func (c *counts) add(now time.Time, total uint64) {
	*c = append(*c, count{now, total})
	old := 0
	for old < len(*c)-2 && now.Sub((*c)[old].at) > rateWindow {
		old++
	}
	*c = append((*c)[:0], (*c)[old:]...)
}

func (c counts) rate() float64 {
	if len(c) < 2 {
		return 0
	}
	first, last := c[0], c[len(c)-1]
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

// load is how much was going on since then: in how many seconds something ran or
// waited, and how many did on average over these.
func (l *live) load(since time.Time) (busy int, running, waiting float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.samples {
		if s.At.Before(since) || s.Running+s.Waiting == 0 {
			continue
		}
		busy++
		running += float64(s.Running)
		waiting += float64(s.Waiting)
	}
	if busy == 0 {
		return 0, 0, 0
	}
	return busy, running / float64(busy), waiting / float64(busy)
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
