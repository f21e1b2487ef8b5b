package backendstest

import (
	"context"
	"time"
)

// Held is an inference request that has arrived and waits.
type Held struct {
	Request
	release chan Script
	script  Script
}

// Release lets the request go on, by its script or by the one given.
func (h *Held) Release(s ...Script) {
	if len(s) == 0 {
		s = []Script{h.script}
	}
	select {
	case h.release <- s[0]:
	default: // released before
	}
}

// Hold makes inference requests wait from now on, each until its Held is
// released.
func (e *Engine) Hold() {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.open:
		e.open = make(chan struct{})
	default:
	}
}

// Release ends Hold and lets all that wait go on.
func (e *Engine) Release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.open:
	default:
		close(e.open)
	}
}

// Next waits for the next held request, in order of arrival. It fails the test
// after ten seconds without one.
func (e *Engine) Next() *Held {
	e.t.Helper()
	select {
	case h := <-e.held:
		return h
	case <-time.After(10 * time.Second):
		e.t.Fatal("no request reached the engine")
		return nil
	}
}

// Idle reports whether no held request waits to be fetched by Next.
func (e *Engine) Idle() bool { return len(e.held) == 0 }

// hold waits while the engine holds its requests. It returns false if the
// client left or the engine stopped.
func (e *Engine) hold(ctx context.Context, stopped chan struct{}, q Request, s Script) (Script, bool) {
	e.mu.Lock()
	open := e.open
	e.mu.Unlock()
	select {
	case <-open:
		return s, true
	default:
	}
	h := &Held{Request: q, release: make(chan Script, 1), script: s}
	e.held <- h
	select {
	case s = <-h.release:
		return s, true
	case <-open:
		return s, true
	case <-ctx.Done():
	case <-stopped:
	}
	return s, false
}
