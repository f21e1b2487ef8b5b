// Package serve runs HTTP servers whose end can be waited for, over TCP or over
// connections in memory.
package serve

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// Server serves a handler on a listener. Close ends it.
type Server struct {
	http http.Server
	done sync.WaitGroup // Serve and its connections
}

// Start serves h on l.
func Start(l net.Listener, h http.Handler) *Server {
	s := &Server{}
	s.http.Handler = h
	s.http.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew: // told by Serve, which still holds a count of its own
			s.done.Add(1)
		case http.StateClosed, http.StateHijacked:
			s.done.Done()
		}
	}
	s.done.Go(func() { _ = s.http.Serve(l) }) // it always ends with ErrServerClosed
	return s
}

// Close closes the listener and every connection, and returns when the handlers
// have ended.
func (s *Server) Close() {
	_ = s.http.Close()
	s.done.Wait()
}

// Pipe is a listener whose connections are in memory.
type Pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewPipe returns an open listener.
func NewPipe() *Pipe {
	return &Pipe{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial connects to the listener; network and address do not matter.
func (p *Pipe) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Addr: p.Addr(), Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *Pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *Pipe) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
