package gpu

import (
	"context"
	"errors"
	"slices"
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

// idler is a reader that may have nothing new to tell for long: until that time,
// unless it is zero.
type idler interface{ Idle() time.Time }

// Sampler reads at an interval and keeps the last readings. While there is no GPU
// to read it sleeps until its reader looks for one again.
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

// SetInterval changes the interval; the next read is that far away. It may
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
// given up after 2 s: the GPUs keep their names and are not available until it
// comes back. It is never repeated while it hangs; if it still hangs 2 s
// after ctx ended, Run returns an error and the reader is closed when the read
// comes back. Run may be called once.
func (s *Sampler) Run(ctx context.Context) error {
	// One goroutine uses the reader, so that a hanging call has no rival.
	ask := make(chan struct{})
	answers := make(chan answer, 1)
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
	reading, idle := true, false
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
			if !idle { // else it counts from when there is something to read
				ticker.Reset(time.Duration(s.interval.Load()))
			}
		case a := <-answers:
			reading = false
			s.last.Store(&a.readings)
			every := time.Duration(s.interval.Load())
			switch pause := time.Until(a.idle); {
			case pause > every:
				ticker.Reset(pause)
				idle = true
			case idle:
				ticker.Reset(every)
				idle = false
			}
		case <-limit.C:
			if reading {
				s.giveUp()
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

// answer is what a read gave, and until when another would give the same.
type answer struct {
	readings []Reading
	idle     time.Time
}

func (s *Sampler) read(ctx context.Context) answer {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	a := answer{readings: s.reader.Read(ctx)}
	if r, ok := s.reader.(idler); ok {
		a.idle = r.Idle()
	}
	return a
}

// giveUp says that the GPUs which were read last are not available.
func (s *Sampler) giveUp() {
	readings := slices.Clone(s.Last())
	for i := range readings {
		readings[i].clear(hung)
		readings[i].At = time.Now()
	}
	s.last.Store(&readings)
}
