package launch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Options are fixed for a supervisor's life.
type Options struct {
	LogDir string // the engines' logs, engine-NAME.log; "" = none are written
	// Changed is told each new state, one after the other, from a goroutine of its
	// engine, which waits for it. It must not call Start or Stop. nil = not told.
	Changed func(State)
}

// Errors of Start and Stop.
var (
	ErrStarted    = errors.New("was started already")
	ErrNotStarted = errors.New("was not started by Carpool")
	errEnded      = errors.New("carpool is shutting down")
)

// settle is how long Start waits for an engine to take connections.
const settle = 20 * time.Second

// Supervisor keeps engines running, one of each kind. Its methods may be called
// from any goroutine.
type Supervisor struct {
	options Options
	life    func(*engine) life // how an engine is run; tests have their own
	orders  chan *engine       // to Run: start it
	ended   chan struct{}      // Run has returned

	mu      sync.Mutex
	engines []*engine // the last of each name, in the order of their first start
}

// NewSupervisor returns one that keeps nothing running before Run.
func NewSupervisor(o Options) *Supervisor {
	return &Supervisor{options: o, life: realLife, orders: make(chan *engine), ended: make(chan struct{})}
}

// Run owns the engines until ctx ends, and returns when none is left. It must be
// called once.
func (s *Supervisor) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer close(s.ended)
	defer all.Wait()
	for {
		select {
		case e := <-s.orders:
			all.Go(func() { e.run(ctx, s.life(e)) })
		case <-ctx.Done():
			return
		}
	}
}

// Start starts an engine and keeps it running. It returns when the engine takes
// connections, when its first run has ended, or after 20 s, with its state then.
// The error says how a first run ended; the engine is tried again all the same,
// until Stop. It fails with ErrStarted where one of its kind runs; one that does
// not get to serve is replaced.
func (s *Supervisor) Start(ctx context.Context, p Plan) (State, error) {
	e := s.newEngine(p)
	if err := s.replace(ctx, e); err != nil {
		return State{}, err
	}
	select {
	case s.orders <- e:
	case <-s.ended:
		s.forget(e)
		return State{}, errEnded
	case <-ctx.Done():
		s.forget(e)
		return State{}, context.Cause(ctx)
	}
	select {
	case <-e.settled:
	case <-time.After(settle):
	case <-ctx.Done():
	}
	now := e.snapshot()
	if now.Status == Restarting || now.Status == Failed {
		return now, errors.New(now.Reason)
	}
	return now, nil
}

// Stop ends an engine and waits until nothing of it is left. It fails with
// ErrNotStarted.
func (s *Supervisor) Stop(ctx context.Context, name string) error {
	e, err := s.find(name)
	if err != nil {
		return err
	}
	return e.end(ctx)
}

// Restart replaces the process of an engine that runs, at once and without waiting for
// the new one. why is told as the reason until that one is up. It fails with
// ErrNotStarted.
func (s *Supervisor) Restart(name, why string) error {
	e, err := s.find(name)
	if err != nil {
		return err
	}
	select {
	case e.again <- why:
	default: // one is asked for already
	}
	return nil
}

// States lists the engines that were started, also those that were stopped.
func (s *Supervisor) States() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]State, 0, len(s.engines))
	for _, e := range s.engines {
		all = append(all, e.snapshot())
	}
	return all
}

// Log is the end of what an engine has printed, oldest line first. It fails with
// ErrNotStarted.
func (s *Supervisor) Log(name string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.engines {
		if e.name() == name {
			return e.log.last(), nil
		}
	}
	return nil, fmt.Errorf("%s %w", name, ErrNotStarted)
}

// find returns an engine that is kept running.
func (s *Supervisor) find(name string) (*engine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.engines {
		if e.name() == name && e.snapshot().Alive() {
			return e, nil
		}
	}
	return nil, fmt.Errorf("%s %w", name, ErrNotStarted)
}

// replace puts e in the place of the one of its kind, which it ends first.
func (s *Supervisor) replace(ctx context.Context, e *engine) error {
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.engines, func(o *engine) bool { return o.name() == e.name() })
		if i < 0 {
			s.engines = append(s.engines, e)
			s.mu.Unlock()
			return nil
		}
		old := s.engines[i]
		now := old.snapshot()
		if now.Status == Stopped {
			s.engines[i] = e
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		if now.Status == Running || now.Status == Starting {
			return fmt.Errorf("%s %w: it is %s at %s", e.name(), ErrStarted, now.Status, now.URL)
		}
		if err := old.end(ctx); err != nil {
			return err
		}
	}
}

// forget marks an engine as ended that Run never got.
func (s *Supervisor) forget(e *engine) {
	e.set(func(st *State) { st.Status = Stopped })
	close(e.ended)
}

func (s *Supervisor) newEngine(p Plan) *engine {
	e := &engine{plan: p, changed: s.options.Changed, settled: make(chan struct{}), stop: make(chan struct{}), again: make(chan string, 1), ended: make(chan struct{})}
	e.state = State{Name: string(p.Kind), Kind: p.Kind, Label: p.Label, Status: Starting, Since: time.Now(),
		URL: p.URL(), Slots: p.Slots, Context: p.Context, Why: p.Why, Errors: []string{}}
	if s.options.LogDir != "" {
		e.state.LogFile = filepath.Join(s.options.LogDir, "engine-"+e.name()+".log")
	}
	e.log = newLogbook(e.state.LogFile, e.read)
	return e
}

// listens returns nil when something takes connections at an address.
func listens(ctx context.Context, address string) error {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}
