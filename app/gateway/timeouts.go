package gateway

import (
	"errors"
	"sync/atomic"
	"time"
)

// Causes of a call that the watchdog ended.
var (
	errSilent  = errors.New("no first token")
	errStalled = errors.New("stalled in mid-answer")
)

// unstreamedFactor is how much longer than a stream's first token an unstreamed
// answer may take: it is silent until its last token.
const unstreamedFactor = 4

func (c *call) firstTokenLimit() time.Duration {
	if c.sketch.stream {
		return c.policy.FirstToken
	}
	return unstreamedFactor * c.policy.FirstToken
}

// stallLimit holds between bytes once tokens flow. Engines hold a tool call
// back until it is whole, which can take as long as a first token.
func (c *call) stallLimit() time.Duration {
	if c.sketch.tools {
		return max(c.policy.Stall, c.policy.FirstToken)
	}
	return c.policy.Stall
}

// watchdog ends a call whose engine has been silent for too long. It counts
// only the time in which the engine is waited for: a client that reads slowly
// is no fault of the engine's. One timer serves the whole call; bytes only note
// the time, and the timer looks at that when it fires.
type watchdog struct {
	start time.Time
	limit atomic.Int64 // nanoseconds of silence allowed
	since atomic.Int64 // nanoseconds after start at which the wait began; -1 = not waiting
	fed   atomic.Bool  // a token has come
	done  atomic.Bool
	timer *time.Timer
	bark  func(error)
}

func newWatchdog(limit time.Duration, bark func(error)) *watchdog {
	w := &watchdog{start: time.Now(), bark: bark}
	w.limit.Store(int64(limit))
	w.since.Store(-1)
	// look reads the field, so the timer is set once that has its value.
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Reset(limit)
	return w
}

// wait says that the engine is waited for from now on.
func (w *watchdog) wait() { w.since.Store(int64(time.Since(w.start))) }

// rest says that it is not.
func (w *watchdog) rest() { w.since.Store(-1) }

// tokens says that tokens flow: from here on limit holds between bytes.
func (w *watchdog) tokens(limit time.Duration) {
	if w.fed.CompareAndSwap(false, true) {
		w.limit.Store(int64(limit))
		w.timer.Reset(limit)
	}
}

func (w *watchdog) stop() {
	w.done.Store(true)
	w.timer.Stop()
}

// again sets the timer, unless stop came first: it may run beside look.
func (w *watchdog) again(d time.Duration) {
	w.timer.Reset(d)
	if w.done.Load() {
		w.timer.Stop()
	}
}

func (w *watchdog) look() {
	if w.done.Load() {
		return // stop came while the timer fired
	}
	limit, since := time.Duration(w.limit.Load()), w.since.Load()
	if since < 0 {
		w.again(limit)
		return
	}
	if left := limit - (time.Since(w.start) - time.Duration(since)); left > 0 {
		w.again(left)
		return
	}
	if w.fed.Load() {
		w.bark(errStalled)
	} else {
		w.bark(errSilent)
	}
}
