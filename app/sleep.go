package app

import "time"

// sleptAtLeast is how far the clock must have gone between two ticks, which are a
// second apart, for the computer to have slept. It is far more than a busy machine's
// ticks are late.
const sleptAtLeast = 30 * time.Second

// sleep notices that the computer slept. It is the tick's alone.
type sleep struct{ last time.Time }

// since tells how long the computer slept between the tick before and this one; 0 = it
// did not. Where the monotonic clock stands still in sleep, as on Linux and macOS, the
// wall clock tells; on Windows both go on. A wall clock that is set ahead looks the
// same, and costs a look at the engines; one that is set back is no sleep.
func (s *sleep) since(now time.Time) time.Duration {
	last := s.last
	s.last = now
	if last.IsZero() {
		return 0
	}
	if passed := max(now.Sub(last), now.Round(0).Sub(last.Round(0))); passed >= sleptAtLeast {
		return passed
	}
	return 0
}

// wake has the engines looked at anew if the computer slept: one on another machine may
// be gone, and its connections are dead though nobody has said so. The reader of the
// GPUs has a clock of its own for this. Requests that run keep their deadlines, which
// stood still meanwhile.
func (a *App) wake(now time.Time) {
	if slept := a.sleep.since(now); slept > 0 {
		a.log.Info("the computer slept, or its clock was set", "for", slept.Round(time.Second))
		a.engines.Renew()
	}
}
