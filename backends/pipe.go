package backends

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// pipe serves a handler over in-memory connections, so that a client sees
// HTTP/1.1 as on a socket, without one.
type pipe struct {
	transport *http.Transport
	server    *http.Server
	conns     chan net.Conn
	closed    chan struct{}
	once      sync.Once
	done      sync.WaitGroup // the server and its connections
}

// newPipe starts to serve h.
func newPipe(h http.Handler) *pipe {
	p := &pipe{conns: make(chan net.Conn), closed: make(chan struct{})}
	p.transport = newTransport(p.dial)
	p.server = &http.Server{Handler: h, ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew: // told by Serve, which still holds a count of its own
			p.done.Add(1)
		case http.StateClosed, http.StateHijacked:
			p.done.Done()
		}
	}}
	p.done.Go(func() { _ = p.server.Serve(p) }) // it always ends with ErrServerClosed
	return p
}

func (p *pipe) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *pipe) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// close ends all connections and waits for the handlers.
func (p *pipe) close() {
	_ = p.server.Close()
	p.transport.CloseIdleConnections()
	p.done.Wait()
}
