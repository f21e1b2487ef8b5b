package energy

import "time"

// Window is what the last minute took. The zero value is ready. It is for one
// goroutine at a time.
type Window struct {
	marks []mark
	dark  uint64 // as of the last one
}

type mark struct {
	at     time.Time
	joules float64
	tokens int64
}

// reach is how far a window goes back.
const reach = time.Minute

// Add notes the totals of a moment, and the tokens written until then. After a time
// of which the draw is not known it begins anew.
func (w *Window) Add(now time.Time, t Totals, tokens int64) {
	if t.Requests == nil || t.Dark != w.dark {
		w.marks, w.dark = nil, t.Dark
	}
	if t.Requests == nil {
		return
	}
	old := 0
	for old < len(w.marks) && now.Sub(w.marks[old].at) > reach {
		old++
	}
	w.marks = append(append(w.marks[:0], w.marks[old:]...), mark{now, *t.Requests, tokens})
}

// Per1000 is joules for each 1,000 tokens of the window; nil if none was written.
func (w *Window) Per1000() *float64 {
	if len(w.marks) == 0 {
		return nil
	}
	first, last := w.marks[0], w.marks[len(w.marks)-1]
	return Per1000(last.joules-first.joules, last.tokens-first.tokens)
}
