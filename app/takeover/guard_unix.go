//go:build unix

package takeover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Options are a guard's.
type Options struct {
	Socket string // path of the socket where Carpools ask for the port
	Record Record
	Gone   func() bool // the takeover is over, whoever ended it; nil = it never is
	Parent *os.File    // from Adopt: brings the port's sockets, and holds the lease; nil = they are opened
}

// Serve guards the port until ctx ends or it is told to end. It fails where the port
// is taken.
func Serve(ctx context.Context, o Options) error {
	g := &guard{gone: o.Gone, relays: newRelays(o.Record.Engine), end: make(chan struct{})}
	var parent *net.UnixConn
	var err error
	if o.Parent != nil {
		parent, g.listeners, err = inherit(o.Parent)
	} else {
		g.listeners, err = bind(ctx, o.Record.Addresses())
	}
	if err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	asks, err := openSocket(ctx, o.Socket)
	if err != nil {
		return errors.Join(fmt.Errorf("guard: %w", err), closeAll(g.listeners))
	}
	var parts sync.WaitGroup
	if parent != nil {
		g.lent = true
		parts.Go(func() { g.lend(parent, message{}) })
	} else {
		g.accept()
	}
	parts.Go(func() { g.answer(asks, &parts) })
	g.wait(ctx)
	err = errors.Join(asks.Close(), closeAll(g.listeners))
	g.hangUp()
	g.accepting.Wait()
	g.relays.close()
	parts.Wait()
	return err
}

// guard lends its listeners, or accepts on them itself.
type guard struct {
	listeners []*net.TCPListener
	relays    *relays
	gone      func() bool
	accepting sync.WaitGroup // those who accept
	end       chan struct{}
	ended     sync.Once

	mu     sync.Mutex
	lent   bool
	lease  []*net.UnixConn // that are open; nil once hung up
	hungUp bool
}

// message is what is said over the socket, one JSON value each way.
type message struct {
	Ask   string `json:"ask,omitempty"`   // "take", "end"
	Error string `json:"error,omitempty"` // of an answer; "" = it was done
}

const (
	askTake = "take"
	askEnd  = "end"
)

// wait returns when the guard is to end.
func (g *guard) wait(ctx context.Context) {
	sweep := time.NewTicker(idleAfter / 4)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.end:
			return
		case now := <-sweep.C:
			if g.look(now) {
				return
			}
		}
	}
}

// look ends connections that are idle while Carpool has the port, and reports
// whether there is nothing to guard any more: the state folder was removed, as it may
// be.
func (g *guard) look(now time.Time) (over bool) {
	if g.isLent() {
		g.relays.retire(now.Add(-idleAfter))
		return false
	}
	return g.gone != nil && g.gone()
}

func (g *guard) isLent() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lent
}

// answer hears Carpools until the socket is closed.
func (g *guard) answer(asks *net.UnixListener, parts *sync.WaitGroup) {
	for {
		c, err := asks.AcceptUnix()
		if err != nil {
			return
		}
		parts.Go(func() { g.hear(c) })
	}
}

func (g *guard) hear(c *net.UnixConn) {
	const patience = 5 * time.Second
	_ = c.SetDeadline(time.Now().Add(patience))
	var m message
	if json.NewDecoder(io.LimitReader(c, 1<<10)).Decode(&m) != nil {
		_ = c.Close()
		return
	}
	g.mu.Lock()
	taken := g.lent || g.hungUp
	if !taken && m.Ask == askTake {
		g.lent = true
	}
	g.mu.Unlock()
	switch {
	case taken:
		_ = tell(c, message{Error: ErrLent.Error()}, nil)
		_ = c.Close()
	case m.Ask == askTake:
		g.lend(c, message{})
	default:
		if m.Ask == askEnd {
			g.ended.Do(func() { close(g.end) })
		}
		_ = tell(c, message{}, nil)
		_ = c.Close()
	}
}

// lend stops accepting, hands out the listeners, and takes them back when c ends,
// which the system sees to whatever becomes of who has them. g.lent is set.
func (g *guard) lend(c *net.UnixConn, m message) {
	g.refuse()
	g.mu.Lock()
	g.lease = append(g.lease, c)
	hungUp := g.hungUp
	g.mu.Unlock()
	if !hungUp && tell(c, m, g.listeners) == nil {
		_ = c.SetDeadline(time.Time{})
		_, _ = io.Copy(io.Discard, c)
	}
	_ = c.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.hungUp {
		g.lease, g.lent = nil, false
		g.accept()
	}
}

// hangUp ends the lease; none is begun after it.
func (g *guard) hangUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hungUp = true
	for _, c := range g.lease {
		_ = c.Close()
	}
}

// accept begins to pass connections on.
func (g *guard) accept() {
	for _, l := range g.listeners {
		_ = l.SetDeadline(time.Time{})
		g.accepting.Go(func() {
			for {
				c, err := l.AcceptTCP()
				var temporary net.Error
				switch {
				case err == nil:
					g.relays.add(c)
				case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
					return
				case errors.As(err, &temporary): // no files are left, as it may be
					time.Sleep(10 * time.Millisecond)
				default:
					return
				}
			}
		})
	}
}

// refuse returns when nobody accepts here any more. Who connects meanwhile waits in
// the socket's line, which Carpool serves next.
func (g *guard) refuse() {
	for _, l := range g.listeners {
		_ = l.SetDeadline(time.Unix(1, 0))
	}
	g.accepting.Wait()
}

// bind opens the addresses; a machine without IPv6 does with one.
func bind(ctx context.Context, addresses []string) (all []*net.TCPListener, err error) {
	var lc net.ListenConfig
	for i, a := range addresses {
		l, err := lc.Listen(ctx, [...]string{"tcp4", "tcp6"}[i], a)
		if err == nil {
			all = append(all, l.(*net.TCPListener))
			continue
		}
		if i == 0 || isTaken(err) {
			return nil, errors.Join(err, closeAll(all))
		}
	}
	return all, nil
}

func closeAll(all []*net.TCPListener) error {
	var errs []error
	for _, l := range all {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
