// Package clocktest gives tests readings of a clock that somebody sets.
package clocktest

import (
	"time"
	"unsafe"
)

// reading is how time.Time keeps a reading of both clocks: a bit, 33 bits of seconds
// since 1885 and 30 of nanoseconds by the wall clock, and the monotonic clock.
type reading struct {
	wall      uint64
	monotonic int64
	_         *time.Location
}

const nanoseconds = 30 // bits

// Set is what time.Now would have returned in place of now if the wall clock had been
// set by so many whole seconds; the monotonic clock is left alone. It panics if now
// has no reading of the monotonic clock.
func Set(now time.Time, by time.Duration) time.Time {
	set := now
	r := (*reading)(unsafe.Pointer(&set))
	r.wall += uint64(int64(by/time.Second) << nanoseconds)
	if set.Sub(now) != 0 || set.Round(0).Sub(now.Round(0)) != by {
		panic("clocktest: the clock was not set: no monotonic reading, or time.Time is made otherwise")
	}
	return set
}
