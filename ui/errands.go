package ui

import (
	"context"
	"sync"
)

// errands does what takes long off Fyne's goroutine, all at the same time.
type errands struct {
	mu      sync.Mutex
	waiting []func(context.Context)
	wake    chan struct{}
}

func newErrands() *errands { return &errands{wake: make(chan struct{}, 1)} }

// put has run do something.
func (e *errands) put(do func(context.Context)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting = append(e.waiting, do)
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// run does what is put until ctx ends, and returns when nothing is being done.
func (e *errands) run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-e.wake:
		case <-ctx.Done():
			return
		}
		for _, do := range e.take() {
			all.Go(func() { do(ctx) })
		}
	}
}

func (e *errands) take() []func(context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.waiting
	e.waiting = nil
	return all
}
