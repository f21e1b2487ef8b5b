package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"carpool/app/gateway"
)

// networkRetry is how soon an address that could not be opened, or was lost, is tried
// again: a notebook's is not there before its network is.
const networkRetry = 2 * time.Second

// LAN tells whether other computers may come in.
type LAN struct {
	Address   string `json:"address"` // where they may; "" = nowhere
	Listening bool   `json:"listening"`
	Problem   string `json:"problem"` // why not
}

// network listens for other computers, while and where the settings say so.
type network struct {
	token *token
	log   *slog.Logger
	admit func(token string, open bool) // tells the gateway
	told  func()                        // hears of each change
	wake  chan struct{}
	conns *connections
	bind  binder

	failed struct { // at the address of now; run's own
		cause string
		said  error
	}
	wanted atomic.Pointer[string] // address; "" = closed
	state  atomic.Pointer[LAN]    // nil = not begun
	mu     sync.Mutex             // held while the token or opened changes
	opened bool                   // those with the token are let in; guarded by mu
}

// newNetwork has the gateway know the token from the start, if there is one: not even
// the first request shows it to an engine.
func newNetwork(stateDir string, log *slog.Logger, conns *connections, admit func(string, bool), told func()) *network {
	var lc net.ListenConfig
	n := &network{token: newToken(stateDir), log: log, admit: admit, told: told, wake: make(chan struct{}, 1),
		conns: conns, bind: lc.Listen}
	n.shut()
	return n
}

// configure has it listen at address, or nowhere. It never blocks.
func (n *network) configure(address string) {
	n.wanted.Store(&address)
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// now is the state, which follows configure a moment later.
func (n *network) now() LAN {
	if s := n.state.Load(); s != nil {
		return *s
	}
	return LAN{}
}

// run listens until ctx ends, on a server that others shut down: what was let in
// may end.
func (n *network) run(ctx context.Context, server *http.Server) {
	var open net.Listener
	var at string
	var lost chan error // of open
	var serving sync.WaitGroup
	leave := func() {
		if open != nil {
			_ = open.Close()
			serving.Wait()
			open, lost = nil, nil
			n.log.Info("closed to the network", "address", at)
		}
	}
	defer leave()
	retry := time.NewTicker(networkRetry)
	defer retry.Stop()
	for first := true; ; first = false {
		if set := *n.wanted.Load(); first || set != at || open == nil && at != "" {
			leave()
			if set != at {
				n.failed.cause = ""
			}
			at = set
			var err error
			if at != "" {
				open, err = n.listen(ctx, at)
			}
			if open != nil {
				l, end := open, make(chan error, 1)
				lost = end
				serving.Go(func() { n.serve(server, l, end) })
			}
			n.tell(LAN{Address: at, Listening: open != nil}, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		case <-retry.C:
		case err := <-lost:
			leave()
			n.tell(LAN{Address: at}, fmt.Errorf("the network cannot reach Carpool: %s was lost: %w", at, err))
			select {
			case <-ctx.Done():
				return
			case <-retry.C:
			}
		}
	}
}

// serve accepts connections until l is closed, or tells that it is lost.
func (n *network) serve(server *http.Server, l net.Listener, lost chan<- error) {
	err := server.Serve(l)
	if !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		lost <- err
	}
}

// listen opens the address, once there is a token to ask for.
func (n *network) listen(ctx context.Context, address string) (net.Listener, error) {
	if err := n.open(); err != nil {
		return nil, err
	}
	kind := "tcp6"
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().Is4() {
		kind = "tcp4"
	}
	l, err := n.bind(ctx, kind, address)
	if err != nil {
		if n.failed.cause != err.Error() {
			n.failed.cause, n.failed.said = err.Error(), n.unheard(ctx, address, err)
		}
		return nil, n.failed.said
	}
	n.failed.cause = ""
	return gateway.Network(n.conns.on(l)), nil
}

// unheard says why an address cannot be opened. It asks who has a taken one, which
// is not for each try.
func (n *network) unheard(ctx context.Context, address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("the network cannot reach Carpool: %s is taken by %s; end it, or choose another port (gateway.lan)", address, owner(ctx, address))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("the network cannot reach Carpool: this computer does not have the address %s now (gateway.lan)", address)
	}
	return fmt.Errorf("the network cannot reach Carpool: listen on %s: %w (gateway.lan)", address, err)
}

// open has the gateway let in those with the token, of which there is one then.
func (n *network) open() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	word, err := n.token.read()
	n.opened = err == nil
	n.admit(word, n.opened)
	return err
}

// shut has the gateway let in nobody. It still knows the token, if there is one:
// engines must not.
func (n *network) shut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opened = false
	n.admit(n.token.known(), false)
}

// tell publishes a state that is another one than before.
func (n *network) tell(s LAN, err error) {
	if err != nil {
		s.Problem = err.Error()
	}
	if !s.Listening {
		n.shut()
	}
	if last := n.state.Swap(&s); last != nil && *last == s || last == nil && s == (LAN{}) {
		return
	}
	switch {
	case s.Problem != "":
		n.log.Warn("network", "problem", s.Problem)
	case s.Listening:
		n.log.Info("open to the network", "address", s.Address)
	}
	n.told()
}

// LANToken is what programs of other computers send as their key. There is none
// before the first call, or before Carpool was first opened to the network.
func (a *App) LANToken() (string, error) {
	a.network.mu.Lock()
	defer a.network.mu.Unlock()
	return a.network.token.read()
}

// RotateLANToken replaces the token: the old one is worth nothing from then on.
func (a *App) RotateLANToken() (string, error) {
	a.network.mu.Lock()
	defer a.network.mu.Unlock()
	word, err := a.network.token.rotate()
	if err == nil {
		a.network.admit(word, a.network.opened)
		a.network.configure(*a.network.wanted.Load()) // a token that could not be read is no trouble any more
	}
	return word, err
}
