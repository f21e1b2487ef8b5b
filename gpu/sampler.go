package gpu

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

const (
	// readLimit is how long a driver may take to answer.
	readLimit = 2 * time.Second
	// minInterval is below what a driver's own sampling can tell apart.
	minInterval = 100 * time.Millisecond
)

// hung is the reason while a read does not come back.
const hung = "GPU driver does not answer"

// Sampler reads at an interval and keeps the last reading.
type Sampler struct {
	reader   Reader
	last     atomic.Pointer[[]Reading]
	interval atomic.Int64  // a time.Duration
	changed  chan struct{} // holds one: the interval is new
}

// NewSampler returns a sampler that owns r once Run is called. An interval
// under 100 ms counts as 100 ms.
func NewSampler(r Reader, every time.Duration) *Sampler {
	s := &Sampler{reader: r, changed: make(chan struct{}, 1)}
	s.last.Store(&[]Reading{{Reason: "GPU not read yet"}})
	s.SetInterval(every)
	return s
}

// SetInterval changes the interval; the next reading is that far away. It may
// be called at any time, from any goroutine.
func (s *Sampler) SetInterval(every time.Duration) {
	s.interval.Store(int64(max(every, minInterval)))
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Last returns the last readings, at least one; before the first it says so in
// Reason. It may be called from any goroutine and never waits. What it returned
// is never changed, nor may the caller change it.
func (s *Sampler) Last() []Reading { return *s.last.Load() }

// Run samples until ctx ends, then closes the reader. A read that hangs is
// given up after 2 s and never repeated while it hangs; if it still hangs 2 s
// after ctx ended, Run returns an error and the reader is closed when the read
// comes back. Run may be called once.
func (s *Sampler) Run(ctx context.Context) error {
	// One goroutine uses the reader, so that a hanging call has no rival.
	ask := make(chan struct{})
	answers := make(chan []Reading, 1)
	closed := make(chan error, 1)
	go func() {
		for range ask {
			answers <- s.read(ctx)
		}
		closed <- s.reader.Close()
	}()

	ticker := time.NewTicker(time.Duration(s.interval.Load()))
	defer ticker.Stop()
	limit := time.NewTimer(readLimit)
	defer limit.Stop()

	ask <- struct{}{}
	reading := true
	for {
		select {
		case <-ctx.Done():
			close(ask)
			select {
			case err := <-closed:
				return err
			case <-time.After(readLimit):
				return errors.New(hung)
			}
		case <-s.changed:
			ticker.Reset(time.Duration(s.interval.Load()))
		case r := <-answers:
			reading = false
			s.last.Store(&r)
		case <-limit.C:
			if reading {
				s.last.Store(&[]Reading{{At: time.Now(), Reason: hung}})
			}
		case <-ticker.C:
			if !reading {
				reading = true
				limit.Reset(readLimit)
				ask <- struct{}{}
			}
		}
	}
}

func (s *Sampler) read(ctx context.Context) []Reading {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	return s.reader.Read(ctx)
}
