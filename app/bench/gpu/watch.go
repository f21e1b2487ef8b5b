package gpubench

import (
	"context"
	"time"

	"carpool/app/energy"
	"carpool/gpu"
)

// watcher reads the GPU while a run goes on.
type watcher struct {
	options Options
	meter   *energy.Meter
	run     *energy.Run
	peak    *uint64
	quit    chan struct{}
	done    chan struct{}
}

// watched is the name of the one GPU that is watched.
const watched = "GPU"

// watch begins with a reading and goes on until stop.
func watch(ctx context.Context, o Options) *watcher {
	w := &watcher{options: o, meter: energy.New(), quit: make(chan struct{}), done: make(chan struct{})}
	w.run = w.meter.Begin(w.read(ctx), watched)
	go func() {
		defer close(w.done)
		tick := time.NewTicker(o.Every)
		defer tick.Stop()
		for {
			select {
			case <-w.quit:
				return
			case <-tick.C:
				w.read(ctx)
			}
		}
	}()
	return w
}

// stop ends with a reading. The joules are those between the first one and the last;
// nil = not told.
func (w *watcher) stop(ctx context.Context) (joules *float64, peak *uint64) {
	close(w.quit)
	<-w.done
	at, last := w.look(ctx)
	w.run.End(at)
	w.take(at, last)
	joules, _ = w.run.Joules()
	return joules, w.peak
}

// read takes a reading and returns when it was taken.
func (w *watcher) read(ctx context.Context) time.Time {
	at, r := w.look(ctx)
	w.take(at, r)
	return at
}

func (w *watcher) look(ctx context.Context) (time.Time, gpu.Reading) {
	r, _ := device(w.options.Reader.Read(ctx), w.options.Device)
	if r.At.IsZero() {
		return time.Now(), r
	}
	return r.At, r
}

func (w *watcher) take(at time.Time, r gpu.Reading) {
	var readings []energy.Reading
	if r.Available {
		readings = []energy.Reading{{GPU: watched, At: at, Joules: r.Energy, Watts: r.Power}}
	}
	w.meter.Read(at, w.options.Every, readings)
	if r.MemoryUsed != nil && (w.peak == nil || *r.MemoryUsed > *w.peak) {
		w.peak = r.MemoryUsed
	}
}
