package app

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"carpool/app/config"
)

// Connections are those that apps have open to Carpool.
type Connections struct {
	Open int  `json:"open"`
	Most int  `json:"most"` // gateway.max_connections, or fewer where the system allows fewer
	Full bool `json:"full"` // none is accepted until one ends
}

// connections bounds them, on all addresses together. While none is free none is
// accepted: the system lets those that come meanwhile wait. A listener that waits
// for the next one holds its place already.
type connections struct {
	places chan struct{}
	short  string // why there are fewer than set; "" = there are not

	open   atomic.Int64
	waited atomic.Uint64 // times that a listener had to wait for a place

	mu      sync.Mutex
	waiting int               // listeners that do
	keep    func(unused bool) // hears whether connections without a request may stay open; nil = nobody asks
}

// spareFiles are kept for engines, the history and whatever else Carpool opens, or
// a quarter where there are few.
const spareFiles = 1024

// newConnections has places for as many as set, as far as the system lets Carpool
// open files; 0 = it has no bound.
func newConnections(g config.Gateway, files uint64) *connections {
	most, short := g.MaxConnections, ""
	if allowed := files - min(spareFiles, files/4); files > 0 && allowed < uint64(most) {
		most = int(max(allowed, 1))
		short = fmt.Sprintf("the system lets Carpool open %d files, which is enough for %d connections and not for %d: raise that limit (ulimit -n), or lower gateway.max_connections",
			files, most, g.MaxConnections)
	}
	return &connections{places: make(chan struct{}, most), short: short}
}

// strangers are places for connections from the network, who may be anybody until they
// have shown the token: they take no place of a local one, and no more than a quarter
// of the files that the local ones leave.
func strangers(files uint64, local *connections) *connections {
	n := uint64(1024)
	if files > 0 {
		rest := files - min(files, uint64(cap(local.places)))
		n = max(1, min(n, rest/4))
	}
	return &connections{places: make(chan struct{}, n)}
}

func (c *connections) state() Connections {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Connections{Open: int(c.open.Load()), Most: cap(c.places), Full: c.waiting > 0}
}

// problem is what people should know; "" = nothing.
func (s Connections) problem() string {
	if !s.Full {
		return ""
	}
	return fmt.Sprintf("all %d connections are taken (gateway.max_connections): new ones wait until one ends", s.Most)
}

// take waits for a place, and reports false if closed came first.
func (c *connections) take(closed <-chan struct{}) bool {
	select {
	case c.places <- struct{}{}:
		return true
	default:
	}
	c.waited.Add(1)
	c.wait(1)
	defer c.wait(-1)
	select {
	case c.places <- struct{}{}:
		return true
	case <-closed:
		return false
	}
}

// wait counts the listeners that wait. While one does, no connection stays open that
// is of no use: apps keep theirs for minutes, and others would wait as long.
func (c *connections) wait(more int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.waiting > 0
	c.waiting += more
	if is := c.waiting > 0; is != was && c.keep != nil {
		c.keep(!is)
	}
}

// on is l with the bound.
func (c *connections) on(l net.Listener) net.Listener {
	return &gate{Listener: l, connections: c, closed: make(chan struct{})}
}

// gate is a listener with the bound.
type gate struct {
	net.Listener
	connections *connections
	closed      chan struct{}
	once        sync.Once
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	c := g.connections
	if !c.take(g.closed) {
		return nil, net.ErrClosed
	}
	conn, err := g.Listener.Accept()
	if err != nil {
		<-c.places
		return nil, err
	}
	c.open.Add(1)
	return &visit{Conn: conn, connections: c}, nil
}

// Close implements net.Listener.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Listener.Close()
}

// visit is a connection that gives its place back.
type visit struct {
	net.Conn
	connections *connections
	once        sync.Once
	held        *[]byte // what is held back; nil = nothing is
}

// CloseWrite tells the client of the end before the connection is closed, as net/http
// does where a body was not read.
func (c *visit) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (c *visit) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.connections.open.Add(-1)
		<-c.connections.places
	})
	return err
}
