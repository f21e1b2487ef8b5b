package app

import (
	"context"
	"sync"
)

// watchers hand out snapshots: each reader has a channel of one place, in which
// a newer snapshot replaces one that was not read yet.
type watchers struct {
	mu     sync.Mutex
	all    map[chan Snapshot]bool // true = it wants the whole
	closed bool
}

// add returns a reader's channel, holding first.
func (w *watchers) add(first Snapshot, whole bool) chan Snapshot {
	c := make(chan Snapshot, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	c <- first
	if w.closed {
		close(c)
		return c
	}
	if w.all == nil {
		w.all = map[chan Snapshot]bool{}
	}
	w.all[c] = whole
	return c
}

func (w *watchers) remove(c chan Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.all[c]; ok {
		delete(w.all, c)
		close(c)
	}
}

// watched tells whether anyone would read a snapshot, and the whole of it.
func (w *watchers) watched() (any, whole bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wants := range w.all {
		any, whole = true, whole || wants
	}
	return any, whole
}

func (w *watchers) publish(s Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.all {
		select {
		case <-c: // not read yet: the newer one takes its place
		default:
		}
		c <- s
	}
}

func (w *watchers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for c := range w.all {
		delete(w.all, c)
		close(c)
	}
}

// Watch delivers a snapshot at once, then each second and after each change of
// a setting. A slow reader gets the latest and misses those between. The
// channel is closed when ctx or the app ends.
func (a *App) Watch(ctx context.Context) <-chan Snapshot {
	return a.watch(ctx, a.Snapshot(), true)
}

// WatchState is Watch for who does not care what runs and waits, nor for the live
// charts: Queues and Live may be nil, and cost nothing if nobody else wants them.
func (a *App) WatchState(ctx context.Context) <-chan Snapshot {
	return a.watch(ctx, a.state(), false)
}

func (a *App) watch(ctx context.Context, first Snapshot, whole bool) <-chan Snapshot {
	c := a.watchers.add(first, whole)
	context.AfterFunc(ctx, func() { a.watchers.remove(c) })
	return c
}

// changed asks for a snapshot now rather than at the next second.
func (a *App) changed() {
	select {
	case a.refresh <- struct{}{}:
	default: // one is already due
	}
}
