package launch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	keptErrors = 5
	shownError = 300 // bytes of one
)

// engine is one that is kept running. Its goroutine is run.
type engine struct {
	plan    Plan
	log     *logbook
	changed func(State)
	settled chan struct{} // closed when it runs, or when its first run has ended
	stop    chan struct{} // closed by end
	again   chan string   // why its process is to be replaced; one place
	ended   chan struct{} // closed when run has returned

	telling sync.Mutex // held from a change to its telling, so that they are told in their order

	mu       sync.Mutex
	state    State
	isSet    bool   // settled is closed
	stopping bool   // stop is closed
	byLoad   bool   // state.Slots are those of a model
	cause    string // of the last error in this run's log that a person can act on; "" = none
	last     string // the last line of this run's log that tells of an error
}

// life is one run of an engine: it calls up when the engine takes connections,
// with its process, 0 for a service, and returns how it ended, or, when ctx has
// ended, after it was ended.
type life func(ctx context.Context, up func(pid int)) (outcome string)

func (e *engine) name() string { return string(e.plan.Kind) }

// run lives one life after the other until ctx ends or the engine is told to
// stop.
func (e *engine) run(ctx context.Context, live life) {
	defer close(e.ended)
	defer e.log.close()
	ctx, cancel := context.WithCancel(ctx)
	var told sync.WaitGroup
	defer told.Wait()
	defer cancel()
	told.Go(func() {
		select {
		case <-e.stop:
			cancel()
		case <-ctx.Done():
		}
	})
	var b backoff
	for ctx.Err() == nil {
		e.begin()
		begun, served := time.Now(), false
		once, asked := e.untilAsked(ctx)
		outcome := live(once, func(pid int) {
			served = true
			e.up(pid)
		})
		why := asked()
		if ctx.Err() != nil {
			break
		}
		if why != "" {
			e.set(func(s *State) {
				s.Status, s.PID, s.Reason = Restarting, 0, why
				s.Restarts++
			})
			continue
		}
		pause := b.ended(time.Since(begun), served)
		e.fell(outcome, pause, b.failed())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	e.set(func(s *State) { s.Status, s.Reason, s.PID = Stopped, "", 0 })
	e.settle()
}

// untilAsked is a context for one run of the engine, which ends when it is to be
// replaced. asked ends the context and says why that was; "" = it was not.
func (e *engine) untilAsked(ctx context.Context) (once context.Context, asked func() (why string)) {
	once, cancel := context.WithCancel(ctx)
	ended := make(chan string)
	go func() {
		defer close(ended)
		select {
		case why := <-e.again:
			cancel()
			ended <- why
		case <-once.Done():
		}
	}()
	return once, func() string {
		cancel()
		return <-ended
	}
}

// end makes run return, and waits for it.
func (e *engine) end(ctx context.Context) error {
	e.mu.Lock()
	if !e.stopping {
		e.stopping = true
		close(e.stop)
	}
	e.mu.Unlock()
	select {
	case <-e.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// begin forgets what the log of the run before told.
func (e *engine) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cause, e.last, e.byLoad = "", "", false
	e.state.Slots = e.plan.Slots
}

// up notes that the engine takes connections.
func (e *engine) up(pid int) {
	e.set(func(s *State) { s.Status, s.Reason, s.PID = Running, "", pid })
	e.settle()
}

// fell notes that a run has ended.
func (e *engine) fell(outcome string, pause time.Duration, failed bool) {
	e.mu.Lock()
	why := outcome
	switch {
	case e.cause != "" && e.last != "":
		why += ": " + e.cause + " (" + e.last + ")"
	case e.last != "":
		why += ": " + e.last
	}
	e.mu.Unlock()
	e.set(func(s *State) {
		s.Status, s.PID = Restarting, 0
		if failed {
			s.Status = Failed
		}
		s.Restarts++
		s.Reason = fmt.Sprintf("%s; it is started again in %v", why, pause)
	})
	e.settle()
}

// read takes a line of the engine's log.
func (e *engine) read(line string) {
	n := read(line)
	if n.err {
		e.failure(shortened(line), n.cause)
	}
	if n.slots > 0 && e.learn(n) {
		e.set(func(s *State) { s.Slots = n.slots })
	}
}

// failure notes a line that tells of an error.
func (e *engine) failure(line, cause string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = line
	if cause != "" {
		e.cause = cause
	}
	// The list was handed out, so it is not changed in place.
	all := append(slices.Clone(e.state.Errors), line)
	e.state.Errors = all[max(0, len(all)-keptErrors):]
}

// learn reports whether what a line says of the slots is news.
func (e *engine) learn(n notice) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	// What one model was loaded with counts only while the engine has not said
	// how it was set: an embedding model has one slot whatever that is.
	if n.load && !e.byLoad && e.state.Slots > 0 {
		return false
	}
	e.byLoad = n.load
	return e.state.Slots != n.slots
}

// set changes the state and tells of it.
func (e *engine) set(change func(*State)) {
	e.telling.Lock()
	defer e.telling.Unlock()
	e.mu.Lock()
	before := e.state.Status
	change(&e.state)
	if e.state.Status != before {
		e.state.Since = time.Now()
	}
	now := e.state
	e.mu.Unlock()
	if e.changed != nil {
		e.changed(now)
	}
}

// settle lets Start return.
func (e *engine) settle() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.isSet {
		e.isSet = true
		close(e.settled)
	}
}

func (e *engine) snapshot() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

func shortened(line string) string {
	line = strings.TrimSpace(line)
	if len(line) > shownError {
		line = strings.ToValidUTF8(line[:shownError], "") + "…"
	}
	return line
}
