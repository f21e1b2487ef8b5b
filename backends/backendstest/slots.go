package backendstest

import (
	"context"
	"slices"
)

// line is the requests that share slots, first come, first served.
type line struct {
	busy    int
	waiting []chan struct{} // closed when a slot is theirs
}

// SetSlots changes how many requests are worked on at once, of each model in LM
// Studio, in all elsewhere; more wait inside. 0 = any number.
func (e *Engine) SetSlots(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slots = n
	for _, l := range e.lines {
		e.fill(l)
	}
}

// Busy returns how many requests have a slot, and how many wait for one.
func (e *Engine) Busy() (busy, waiting int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.lines {
		busy += l.busy
		waiting += len(l.waiting)
	}
	return busy, waiting
}

// getSlot waits for a slot. It returns false if the client left or the engine
// stopped.
func (e *Engine) getSlot(ctx context.Context, stopped chan struct{}, name string) bool {
	mine := make(chan struct{})
	e.mu.Lock()
	l := e.lines[name]
	if l == nil {
		l = &line{}
		e.lines[name] = l
	}
	l.waiting = append(l.waiting, mine)
	e.fill(l)
	e.mu.Unlock()
	if wait(ctx, stopped, mine) {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.Index(l.waiting, mine); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		return false
	}
	l.busy--
	e.fill(l)
	return false
}

func (e *Engine) freeSlot(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.lines[name]
	l.busy--
	e.fill(l)
}

// fill gives free slots to those that wait.
func (e *Engine) fill(l *line) {
	for len(l.waiting) > 0 && (e.slots == 0 || l.busy < e.slots) {
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
		l.busy++
	}
}
