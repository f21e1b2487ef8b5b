package backends

import (
	"fmt"
	"time"
)

// Resting is the error of Resolve where every engine that has the model answered
// with failures of late. It is an ErrNoEngine.
type Resting struct {
	Until time.Time
	what  string
}

// Error implements error.
func (e *Resting) Error() string { return ErrNoEngine.Error() + ": " + e.what }

// Unwrap is for errors.Is.
func (e *Resting) Unwrap() error { return ErrNoEngine }

// resting says that the engine is left alone, and until when.
func (e *engine) resting(until time.Time) string {
	return fmt.Sprintf("%s failed %d times in a row and is tried again in %d s", e.info.Label, breakAfter,
		max(1, int(time.Until(until).Round(time.Second)/time.Second)))
}
