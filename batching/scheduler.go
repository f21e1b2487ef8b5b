// Package batching decides which requests run on the GPU together, and when.
//
// It lends time, not work: Acquire waits until a request may run and returns a
// Lease; the caller keeps its goroutine, its context and its connection, and
// gives the place back with Release. The package never sees a prompt, never
// touches a request in flight, and knows nothing of engines, GPUs or history.
//
// Core holds the rules and is pure; Scheduler is the lock, the timer and the
// hand-over around it. design.md tells why the rules are what they are.
package batching

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of Acquire.
var (
	ErrQueueFull    = errors.New("queue is full")
	ErrAppQueueFull = errors.New("app has too many waiting requests")
	ErrQueueTimeout = errors.New("waited too long in the queue")
	ErrClosed       = errors.New("scheduler is closed")
	ErrSuperseded   = errors.New("a newer request took its place")
	ErrCancelled    = errors.New("cancelled by the user")
)

// Options are fixed for a scheduler's life. The zero value is ready to use.
type Options struct {
	FirstBatch uint64       // id of the first batch; 0 = 1
	Mark       func() any   // kept in Batch.Mark of each batch released; called under the lock, so it must be quick; nil = none
	Ended      func(Batch)  // hears of each batch that ended, outside the lock; must not block; nil = none
	Switched   func(Switch) // hears of each model that took another one's place, outside the lock; must not block; nil = none
	Observer   Observer     // nil = none
}

// Scheduler hands out leases. Its methods may be called from any goroutine. It
// owns no goroutine; its one timer stops when nothing waits for a moment.
type Scheduler struct {
	ended    func(Batch)
	switched func(Switch)
	observer Observer
	tokens   atomic.Int64

	mu     sync.Mutex
	core   *Core
	timer  *time.Timer
	closed bool
	idle   chan struct{} // closed when closed and no member runs
	live   int           // released and not ended, by the client's view
}

// New returns a scheduler that runs by s.
func New(s Settings, o Options) *Scheduler {
	sc := &Scheduler{core: NewCore(s, o), ended: o.Ended, switched: o.Switched, observer: o.Observer, idle: make(chan struct{})}
	sc.timer = time.AfterFunc(time.Hour, sc.wake)
	sc.timer.Stop()
	return sc
}

// Acquire waits until r may run. The lease must be released.
//
// It fails with ErrTooLarge, ErrQueueFull, ErrAppQueueFull, ErrQueueTimeout, ErrSuperseded,
// ErrCancelled or ErrClosed, or with the cause of ctx if that ended while r waited. If r was released first,
// the lease is returned although ctx has ended, so that every released request
// has exactly one Release.
func (s *Scheduler) Acquire(ctx context.Context, r Request) (*Lease, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t, err := s.arrive(r)
	if err != nil {
		return nil, err
	}
	select {
	case <-t.ready:
	case <-ctx.Done():
		if s.leave(t) {
			return nil, context.Cause(ctx)
		}
		<-t.ready
	}
	if t.err != nil {
		return nil, t.err
	}
	return &Lease{scheduler: s, ticket: t, report: Untold()}, nil
}

func (s *Scheduler) arrive(r Request) (*Ticket, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	now := time.Now()
	t, err := s.core.Arrive(now, r)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	t.ready = make(chan struct{})
	s.settle(now)
	return t, nil
}

func (s *Scheduler) leave(t *Ticket) bool {
	s.mu.Lock()
	left := s.core.Leave(t)
	s.settle(time.Now())
	return left
}

func (s *Scheduler) firstToken(t *Ticket) {
	s.mu.Lock()
	now := time.Now()
	s.core.FirstToken(now, t)
	s.settle(now)
}

func (s *Scheduler) end(t *Ticket, o Outcome, r Report) {
	s.mu.Lock()
	now := time.Now()
	s.core.End(now, t, o, r)
	s.live--
	stream := t.stream
	if ride := t.ride; ride != nil {
		stream = nil
		if ride.open == 0 {
			stream, o, r = ride.host.stream, ride.outcome, ride.report
		}
	}
	if stream != nil {
		stream.Ended(now, o, r)
	}
	s.settle(now)
}

func (s *Scheduler) wake() {
	s.mu.Lock()
	s.settle(time.Now())
}

// settle puts the core's decisions into effect and gives the lock back. Every
// change of the core ends with it.
func (s *Scheduler) settle(now time.Time) {
	e := s.core.Step(now)
	s.live += len(e.Released)
	for _, t := range e.Released {
		if s.observer != nil && (t.ride == nil || t.ride.host == t) {
			t.stream = s.observer.Released(now, t.call())
		}
		close(t.ready)
	}
	for _, t := range e.Expired {
		t.err = ErrQueueTimeout
		close(t.ready)
	}
	for _, t := range e.Superseded {
		t.err = ErrSuperseded
		close(t.ready)
	}
	var told []func()
	for _, t := range e.Cancelled {
		switch {
		case t.Released.IsZero():
			t.err = ErrCancelled
			close(t.ready)
		case t.onCancel != nil:
			told = append(told, t.onCancel)
		}
	}
	if e.Wake.IsZero() {
		s.timer.Stop()
	} else {
		s.timer.Reset(e.Wake.Sub(now))
	}
	if s.closed && s.live == 0 {
		select {
		case <-s.idle:
		default:
			close(s.idle)
		}
	}
	s.mu.Unlock()
	for _, tell := range told {
		tell()
	}
	if s.ended != nil {
		for _, b := range e.Ended {
			s.ended(b)
		}
	}
	if s.switched != nil {
		for _, w := range e.Switched {
			s.switched(w)
		}
	}
}

// Configure replaces the settings; waiting requests are judged by them at once.
func (s *Scheduler) Configure(settings Settings) {
	s.mu.Lock()
	s.core.Configure(settings)
	s.settle(time.Now())
}

// SetLimits gives k limits of its own, in force at once. Batching off
// (Serial or Passthrough in the settings) goes before them.
func (s *Scheduler) SetLimits(k Key, l Limits) {
	s.mu.Lock()
	s.core.SetLimits(k, l)
	s.settle(time.Now())
}

// Forget takes the limits back that SetLimits gave k. Keys come from clients, so
// whoever gives them limits has to forget some.
func (s *Scheduler) Forget(k Key) {
	s.mu.Lock()
	s.core.Forget(k)
	s.settle(time.Now())
}

// SetEngine takes over what an engine tells of itself, as often as it does.
func (s *Scheduler) SetEngine(name string, e EngineState) {
	s.mu.Lock()
	now := time.Now()
	s.core.SetEngine(now, name, e)
	s.settle(now)
}

// Hold replaces the holds of all engines, by name; nil ends all of them, and what
// was held goes on at once. While an engine has one, its waiting and new requests
// wait, or only the Background ones unless Hold.All, in every mode. What runs is never
// touched, Settings.MaxWait goes on, and Shutdown ends who is held.
func (s *Scheduler) Hold(holds map[string]Hold) {
	s.mu.Lock()
	now := time.Now()
	s.core.Hold(now, holds)
	s.settle(now)
}

// Pause keeps an engine's waiting and new requests from going until then, because it
// asked for that itself. After it one goes, and the others once that one is answered.
// What runs is never touched.
func (s *Scheduler) Pause(engine string, until time.Time, reason string) {
	s.mu.Lock()
	now := time.Now()
	s.core.Pause(now, engine, until, reason)
	s.settle(now)
}

// Loads returns how busy each key with a waiting or running request is.
func (s *Scheduler) Loads() []Load {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.Loads()
}

// Snapshot returns the state of every key with a waiting or running request.
func (s *Scheduler) Snapshot() []QueueState {
	s.mu.Lock()
	states, running := s.core.look(time.Now())
	s.mu.Unlock()
	show(states, running)
	return states
}

// Totals returns the counts since the start.
func (s *Scheduler) Totals() Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.core.Totals()
	t.Tokens = uint64(max(s.tokens.Load(), 0))
	return t
}

// Shutdown fails all waiting requests and new ones with ErrClosed, then waits
// for the leases in flight, or for ctx, whose cause it returns. It may be
// called again to wait again.
func (s *Scheduler) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for _, t := range s.core.LeaveAll() {
		t.err = ErrClosed
		close(t.ready)
	}
	s.settle(time.Now())
	select {
	case <-s.idle:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.mu.Lock()
	s.timer.Stop()
	s.mu.Unlock()
	return nil
}
