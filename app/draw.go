package app

import (
	"context"
	"sync"
	"time"

	"carpool/app/energy"
	"carpool/batching"
)

// draw counts the joules of a benchmark's requests as the meter counts those of apps,
// beside which they run.
type draw struct {
	meter *meter

	mu   sync.Mutex
	runs []*energy.Run // since the last Joules
}

// Released implements batching.Observer.
func (d *draw) Released(now time.Time, r batching.Request) batching.Stream {
	s := &meterStream{Stream: silent{}, meter: d.meter, key: r.Key, run: d.meter.runs.Begin(now, d.meter.gpuOf(r.Engine))}
	d.mu.Lock()
	d.runs = append(d.runs, s.run)
	d.mu.Unlock()
	return s
}

// Joules implements trial.Draw. They are known at the GPU reading after the last end.
func (d *draw) Joules(ctx context.Context) *float64 {
	d.mu.Lock()
	runs := d.runs
	d.runs = nil
	d.mu.Unlock()
	const often = 50 * time.Millisecond
	look := time.NewTicker(often)
	defer look.Stop()
	sum := 0.0
	for _, r := range runs {
		joules, settled := r.Joules()
		for !settled {
			select {
			case <-look.C:
			case <-ctx.Done():
				return nil
			}
			joules, settled = r.Joules()
		}
		if joules == nil {
			return nil
		}
		sum += *joules
	}
	return &sum
}

// silent is a stream that nobody hears of.
type silent struct{}

func (silent) Tokens(time.Time, int)                              {}
func (silent) Ended(time.Time, batching.Outcome, batching.Report) {}
