package launch

import "time"

const (
	firstPause = 250 * time.Millisecond
	longest    = 30 * time.Second
	longLife   = time.Minute // a run that is no failure to start
	hopeless   = 5           // runs in a row that never served
)

// backoff says how long to wait before an engine is started again. It never
// gives up. The zero value is that of one that was not started yet.
type backoff struct {
	ends   int // short runs in a row
	unborn int // of the last runs, those in a row that never served
}

// ended takes a run that ended by itself, and returns how long to wait for the
// next one: 250 ms after the first, then twice as long each time up to 30 s. A
// run of a minute begins anew.
func (b *backoff) ended(ran time.Duration, served bool) time.Duration {
	if ran >= longLife {
		b.ends = 0
	}
	if served {
		b.unborn = 0
	} else {
		b.unborn++
	}
	pause := min(firstPause<<min(b.ends, 10), longest)
	b.ends++
	return pause
}

// failed reports whether the engine seems unable to serve at all.
func (b *backoff) failed() bool { return b.unborn >= hopeless }
