// Package batching decides which requests run on the GPU together, and when.
package batching

import (
	"context"
	"errors"
	"time"
)

// Errors of Acquire.
var (
	ErrQueueFull    = errors.New("queue is full")
	ErrAppQueueFull = errors.New("app has too many waiting requests")
	ErrQueueTimeout = errors.New("waited too long in the queue")
	ErrClosed       = errors.New("scheduler is closed")
)

// Observer hears of batches. Its methods are called outside the scheduler's
// lock, from the goroutine that caused the event; they must not block.
type Observer interface {
	BatchStarted(Batch)
	BatchEnded(Batch)
}

// Options are fixed for a scheduler's life.
type Options struct {
	FirstBatch uint64   // id of the first batch; 0 = 1
	Observer   Observer // nil = none
}

// Scheduler hands out leases. Its methods may be called from any goroutine.
type Scheduler struct{}

// New returns a scheduler that runs by s. It starts no goroutine.
func New(s Settings, o Options) *Scheduler { panic("todo") }

// Acquire waits until r may run. The lease must be released.
// It fails with ErrQueueFull, ErrAppQueueFull, ErrQueueTimeout, ErrClosed or ctx's cause.
func (s *Scheduler) Acquire(ctx context.Context, r Request) (*Lease, error) { panic("todo") }

// Configure replaces the settings; waiting requests are judged by them at once.
func (s *Scheduler) Configure(Settings) { panic("todo") }

// SetLimits gives k limits of its own, in force at once.
func (s *Scheduler) SetLimits(k Key, l Limits) { panic("todo") }

// Snapshot returns the state of every key that is busy or was lately.
func (s *Scheduler) Snapshot() []QueueState { panic("todo") }

// Totals returns the counts since the start.
func (s *Scheduler) Totals() Totals { panic("todo") }

// Shutdown fails all waiting requests and new ones with ErrClosed, then waits
// for the leases in flight, or for ctx.
func (s *Scheduler) Shutdown(ctx context.Context) error { panic("todo") }

// Lease is a request's place on the GPU.
type Lease struct{}

// Batch tells with whom the request was released; its figures of the end are zero.
func (l *Lease) Batch() Batch { panic("todo") }

// Waited is how long the request was queued.
func (l *Lease) Waited() time.Duration { panic("todo") }

// FirstToken reports that the first token has arrived. Later calls do nothing.
func (l *Lease) FirstToken() { panic("todo") }

// Tokens reports n more generated tokens.
func (l *Lease) Tokens(n int) { panic("todo") }

// Release gives the place back. Only the first call counts, so it may be deferred.
func (l *Lease) Release(o Outcome) { panic("todo") }
