package tuner

import (
	"fmt"
	"time"
)

// shortageLasts is how long a model runs with half its limit after its engine ran out
// of memory.
const shortageLasts = time.Minute

// shortage bounds a key whose engine ran out of memory, whatever the mode. Its zero
// value bounds nothing.
type shortage struct {
	bound
	at time.Time
}

// add halves the limit that was in force. Who was let in before the last halving
// tells nothing new: one lack of memory ends all that run.
func (s *shortage) add(now, released time.Time, inForce int) {
	if inForce <= 0 || !released.After(s.at) {
		return
	}
	size := max(1, inForce/2)
	s.bound = bound{size, fmt.Sprintf("the engine ran out of memory: %d at once for a minute", size)}
	s.at = now
}

// on is the lesser of b and what the shortage bounds at now.
func (s *shortage) on(now time.Time, b bound) bound {
	if s.size == 0 || now.Sub(s.at) >= shortageLasts || b.size > 0 && b.size <= s.size {
		return b
	}
	return s.bound
}
