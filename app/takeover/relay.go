package takeover

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialPatience = 5 * time.Second
	// idleAfter is how long a connection may be silent after an answer before it is
	// ended while Carpool has the port: most likely an app keeps it for its next
	// request, which Carpool would never see.
	idleAfter = time.Minute
)

// relays are the connections that are passed on.
type relays struct {
	engine string
	mu     sync.Mutex
	all    map[*relay]struct{} // nil once closed; guarded by mu
	done   sync.WaitGroup
}

func newRelays(engine string) *relays {
	return &relays{engine: engine, all: map[*relay]struct{}{}}
}

// add passes a connection on until one side ends it. It returns at once.
func (r *relays) add(client *net.TCPConn) {
	r.done.Go(func() {
		defer func() { _ = client.Close() }()
		d := net.Dialer{Timeout: dialPatience}
		c, err := d.Dial("tcp", r.engine) //nolint:noctx // bounded by its timeout
		if err != nil {
			return // as if the engine itself were not there
		}
		one := &relay{client: client, engine: c.(*net.TCPConn)}
		if r.note(one, true) {
			one.run()
			r.note(one, false)
		}
		_ = c.Close()
	})
}

func (r *relays) note(one *relay, add bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		return false
	}
	if add {
		r.all[one] = struct{}{}
	} else {
		delete(r.all, one)
	}
	return true
}

// retire ends those that are idle since before a moment.
func (r *relays) retire(before time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for one := range r.all {
		if answered := one.answered.Load(); answered > 0 && answered < before.UnixNano() {
			one.end()
		}
	}
}

// close ends all and waits for them.
func (r *relays) close() {
	r.mu.Lock()
	for one := range r.all {
		one.end()
	}
	r.all = nil
	r.mu.Unlock()
	r.done.Wait()
}

// relay is one connection and its other half.
type relay struct {
	client, engine *net.TCPConn
	answered       atomic.Int64 // when the engine spoke last, ns since 1970; 0 = the client did since
}

func (r *relay) end() {
	_ = r.client.Close()
	_ = r.engine.Close()
}

// run copies both ways; a side that has said all may still be answered.
func (r *relay) run() {
	var up sync.WaitGroup
	up.Go(func() { r.copy(r.engine, r.client, func() { r.answered.Store(0) }) })
	r.copy(r.client, r.engine, func() { r.answered.Store(time.Now().UnixNano()) })
	up.Wait()
}

// buffers are shared, as thousands of connections may be idle.
var buffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

func (r *relay) copy(to, from *net.TCPConn, spoke func()) {
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	for {
		n, err := from.Read(*b)
		if n > 0 {
			spoke()
			if _, err := to.Write((*b)[:n]); err != nil {
				r.end()
				return
			}
		}
		if err == io.EOF { //nolint:errorlint // Read returns it bare
			_ = to.CloseWrite()
			return
		}
		if err != nil {
			r.end()
			return
		}
	}
}
