// Package process finds out which program is at the other end of a connection on
// this machine, and what people call it.
//
// A Finder is told of each connection as it is accepted and answers when it can:
// Ask returns at once, and the answer is kept with the connection. All looking
// up is done by the one goroutine of Run, which takes whatever has come
// together, answers all of it in one pass and then rests for four times as long
// as that took. So it never uses more than a fifth of one core, however many
// connections are opened, and whoever cannot wait goes on without an answer.
//
// It looks only at programs of the user it runs as, unless it runs as root, and
// only at connections between two loopback addresses. Of a command line it gives
// away the base name of a script or module, never an argument.
package process

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// App is a program as people know it. The zero value is an unknown one.
type App struct {
	Name string // "VS Code", "indexer.py"; not made fit to be shown
	ID   string // for its icon: a .desktop id, a Flatpak id or the program's file name, such as "code"
}

// Ends are the two ends of a connection, as its client sees them.
type Ends struct{ Client, Server netip.AddrPort }

const (
	// maxPending bounds the connections that wait for an answer; those above it
	// get none.
	maxPending = 4096
	// restFactor times the length of a pass is the rest after it.
	restFactor = 4
	// passLimit ends a pass that hangs, such as one that waits for lsof.
	passLimit = 5 * time.Second
)

// system is what a Finder needs of the operating system. Only Run's goroutine
// calls it.
type system interface {
	owners(ctx context.Context, wanted []Ends) map[Ends]int32 // process ids of those found
	app(ctx context.Context, pid int32) App
	close()
}

// Finder finds programs. Its methods may be called from any goroutine.
type Finder struct {
	open func() system
	wake chan struct{}

	mu      sync.Mutex
	pending []*Peer
	ended   bool
}

// New returns a Finder that answers while Run runs.
func New() *Finder { return newFinder(openSystem) }

func newFinder(open func() system) *Finder {
	return &Finder{open: open, wake: make(chan struct{}, 1)}
}

// Peer is the program at the other end of one connection.
type Peer struct {
	ends  Ends
	known chan struct{}
	app   App // written before known is closed
}

// Done is closed when the program is known, or known not to be found.
func (p *Peer) Done() <-chan struct{} { return p.known }

// App waits for Done; zero means that the program was not found.
func (p *Peer) App() App {
	<-p.known
	return p.app
}

// Name is App's.
func (p *Peer) Name() string { return p.App().Name }

func (p *Peer) answer(a App) {
	p.app = a
	close(p.known)
}

// Ask begins to look for the program at the client's end of a connection to
// server. It never blocks.
func (f *Finder) Ask(client, server netip.AddrPort) *Peer {
	p := &Peer{ends: Ends{unmapped(client), unmapped(server)}, known: make(chan struct{})}
	if !p.ends.Client.Addr().IsLoopback() || !p.ends.Server.Addr().IsLoopback() || !f.add(p) {
		p.answer(App{})
		return p
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return p
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func (f *Finder) add(p *Peer) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended || len(f.pending) >= maxPending {
		return false
	}
	f.pending = append(f.pending, p)
	return true
}

func (f *Finder) take() []*Peer {
	f.mu.Lock()
	defer f.mu.Unlock()
	peers := f.pending
	f.pending = nil
	return peers
}

// Run answers until ctx ends; then all that still wait, and all that come, are
// told that nothing was found. It is called once.
func (f *Finder) Run(ctx context.Context) {
	s := f.open()
	defer s.close()
	defer f.end()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		began := time.Now()
		pass(ctx, s, f.take())
		select {
		case <-ctx.Done():
			return
		case <-time.After(restFactor * time.Since(began)):
		}
	}
}

func (f *Finder) end() {
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	for _, p := range f.take() {
		p.answer(App{})
	}
}

// pass answers peers. Those of one program are answered as soon as it is named.
func pass(ctx context.Context, s system, peers []*Peer) {
	ctx, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	wanted := make([]Ends, len(peers))
	for i, p := range peers {
		wanted[i] = p.ends
	}
	found := s.owners(ctx, wanted)
	of := map[int32][]*Peer{}
	for _, p := range peers {
		pid, ok := found[p.ends]
		if !ok {
			p.answer(App{})
			continue
		}
		of[pid] = append(of[pid], p)
	}
	for pid, peers := range of {
		app := s.app(ctx, pid)
		for _, p := range peers {
			p.answer(app)
		}
	}
}
