package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"carpool/app/control"
	"carpool/app/gateway"
	"carpool/app/takeover"
	"carpool/backends"
	"carpool/backends/launch"
)

// takeoverLook is how soon a takeover that is begun, ended or lost is noticed.
const takeoverLook = time.Second

// Takeover tells of an engine's own port that Carpool has.
type Takeover struct {
	Address   string `json:"address"` // "127.0.0.1:11434"; "" = none is taken over
	Engine    string `json:"engine"`  // host:port where the engine listens instead
	Listening bool   `json:"listening"`
	Problem   string `json:"problem"` // why not
}

// takenPort borrows the port from its guard while a takeover is in force. Who else
// the state folder is used by, the command line above all, says so by its record.
type takenPort struct {
	stateDir, socket string
	command          []string
	log              *slog.Logger
	changed          func() // hears of each change, once the settings must follow

	record atomic.Pointer[takeover.Record] // nil = none is in force
	state  atomic.Pointer[Takeover]

	mu      sync.Mutex // held while the lease changes
	lease   *takeover.Lease
	open    []net.Listener // of lease, as they are served
	serving sync.WaitGroup
	closed  bool
}

func newTakenPort(o Options, log *slog.Logger, changed func()) *takenPort {
	t := &takenPort{stateDir: o.StateDir, command: o.Guard, log: log, changed: changed}
	t.state.Store(&Takeover{})
	socket, err := GuardSocket(o.StateDir)
	if err != nil {
		t.fail(nil, err)
		return t
	}
	t.socket = socket
	if t.command == nil {
		t.command = GuardCommand(o.StateDir)
	}
	// Read before the engines are looked for: the port is then never taken for one.
	r, err := takeover.Load(o.StateDir)
	if err != nil {
		t.fail(nil, err)
		return t
	}
	t.record.Store(r)
	return t
}

// GuardSocket is where the guard of a state folder is asked.
func GuardSocket(stateDir string) (string, error) {
	path, err := control.SocketPath(stateDir)
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), ".sock")+"-g.sock"), nil
}

// GuardCommand starts the guard of a state folder.
func GuardCommand(stateDir string) []string {
	program, err := os.Executable()
	if err != nil {
		program = "carpool"
	}
	return []string{program, "takeover-guard", "--state", stateDir}
}

// now is the state.
func (t *takenPort) now() Takeover { return *t.state.Load() }

// acceptor is how the port's listeners are served: each bounded, until it is closed.
type acceptor struct {
	bound func(net.Listener) net.Listener
	serve func(net.Listener)
}

// run follows the record until ctx ends.
func (t *takenPort) run(ctx context.Context, with acceptor) {
	look := time.NewTicker(takeoverLook)
	defer look.Stop()
	defer t.release()
	for {
		lost := t.follow(ctx, with)
		select {
		case <-ctx.Done():
			return
		case <-lost:
		case <-look.C:
		}
	}
}

// follow returns what tells that the guard is gone; nil = there is none to lose.
func (t *takenPort) follow(ctx context.Context, with acceptor) <-chan struct{} {
	r, err := takeover.Load(t.stateDir)
	if err != nil {
		t.fail(t.record.Load(), err)
		return nil
	}
	if was := t.record.Load(); (was == nil) != (r == nil) || r != nil && was.Engine != r.Engine {
		t.record.Store(r)
		t.changed()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil
	case r == nil:
		t.letGo()
		t.tell(Takeover{})
		return nil
	case t.lease == nil:
		t.lease, err = takeover.Take(ctx, t.socket, t.command)
		if err == nil {
			t.serve(with)
		}
	default:
		err = t.replace()
	}
	if err != nil {
		t.fail(r, err)
		return nil
	}
	t.tell(Takeover{Address: r.Addresses()[0], Engine: r.Engine, Listening: true})
	return t.lease.Lost()
}

// serve begins to accept. t.mu is held.
func (t *takenPort) serve(with acceptor) {
	for _, l := range t.lease.Listeners() {
		l = with.bound(l)
		t.open = append(t.open, l)
		t.serving.Go(func() { with.serve(l) })
	}
}

// replace starts another guard where it has ended. t.mu is held.
func (t *takenPort) replace() error {
	select {
	case <-t.lease.Lost():
	default:
		return nil
	}
	t.log.Warn("takeover", "event", "the guard of the port ended and is replaced")
	lease, err := t.lease.Adopt(t.socket, t.command)
	if err == nil {
		t.lease = lease
	}
	return err
}

// release gives the port back for good.
func (t *takenPort) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.letGo()
}

// letGo gives the port back once nobody accepts here any more. t.mu is held.
func (t *takenPort) letGo() {
	if t.lease == nil {
		return
	}
	for _, l := range t.open {
		_ = l.Close()
	}
	t.serving.Wait()
	_ = t.lease.Release()
	t.lease, t.open = nil, nil
}

func (t *takenPort) fail(r *takeover.Record, err error) {
	s := Takeover{Problem: "the engine's port is not taken over: " + err.Error()}
	if r != nil {
		s.Address, s.Engine = r.Addresses()[0], r.Engine
		s.Problem = fmt.Sprintf("Carpool does not have %s: %s", s.Address, err)
	}
	t.tell(s)
}

func (t *takenPort) tell(s Takeover) {
	if was := t.state.Swap(&s); *was != s {
		t.log.Info("takeover", "address", s.Address, "engine", s.Engine, "listening", s.Listening, "problem", s.Problem)
	}
}

// engine adds the engine that was moved, and says which addresses are Carpool's own.
func (t *takenPort) engine(all []backends.Source) ([]backends.Source, []string) {
	r := t.record.Load()
	if r == nil {
		return all, nil
	}
	moved := backends.Source{Name: r.Kind, Kind: backends.Kind(r.Kind), URL: "http://" + r.Engine}
	known := func(o backends.Source) bool { return o.Name == moved.Name || o.URL == moved.URL }
	if !slices.ContainsFunc(all, known) {
		all = append(all, moved)
	}
	return all, r.Addresses()
}

// limits let in those who call Carpool by the port that was taken over.
func (t *takenPort) limits(l gateway.Limits) gateway.Limits {
	if r := t.record.Load(); r != nil {
		l.AllowedHosts = slices.Clone(l.AllowedHosts)
		for _, name := range []string{"127.0.0.1", "localhost", "[::1]", "host.docker.internal"} {
			l.AllowedHosts = append(l.AllowedHosts, name+":"+strconv.Itoa(r.Port))
		}
	}
	return l
}

// portFor is where an engine that Carpool starts goes instead of to the port that
// was taken over; 0 = to its usual one.
func (t *takenPort) portFor(k launch.Kind) int {
	r := t.record.Load()
	if r == nil || string(k) != r.Kind {
		return 0
	}
	_, port, err := net.SplitHostPort(r.Engine)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	return n
}

// settled puts the settings in force again after a takeover began or ended.
func (a *App) settled() {
	a.settings.Lock()
	defer a.settings.Unlock()
	a.commit()
}
