package backends

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"
)

const (
	// leanBody is the largest body in bytes that is written before the answer is
	// looked for: the buffers of any socket take it, whether the engine reads it or not.
	leanBody = 32 << 10
	// mostIdle is how many connections without a request are kept for each address:
	// enough for a full batch.
	mostIdle = 256
	// headRead is what is read of an answer's head at a time, in bytes: all of it, mostly.
	headRead = waitSize
	// idleFor is how long they are kept.
	idleFor = 30 * time.Second
)

// lean is a transport that asks on its caller's goroutine. http.Transport has two
// goroutines and two buffers for each connection for as long as it is open, and hands
// each request from one to the next; a thousand open streams hold some 15 MiB of that.
// Here a stream has no buffer while it waits, and a large one when bytes come.
// Only what needs those goes there: TLS, and bodies that are long or come as they
// are read.
//
// Like http.Transport it may be used by many goroutines, closes each request's body,
// and returns the cause of a context that has ended. It never asks twice.
type lean struct {
	*http.Transport

	mu    sync.Mutex
	idle  map[string][]*wire // by address; the one that was used last comes last
	term  int                // counts CloseIdleConnections: what was open then is not kept
	sweep *time.Timer        // nil until a connection is kept
}

func newLean(t *http.Transport) *lean { return &lean{Transport: t, idle: map[string][]*wire{}} }

// RoundTrip implements http.RoundTripper.
func (l *lean) RoundTrip(r *http.Request) (*http.Response, error) {
	if !isLean(r) {
		return l.Transport.RoundTrip(r)
	}
	ctx := r.Context()
	w, err := l.take(ctx, addressOf(r.URL))
	if err != nil {
		_ = r.Body.Close()
		return nil, err
	}
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: w.conn, Reused: w.used, WasIdle: w.used})
	}
	stop := context.AfterFunc(ctx, w.close)
	res, reader, err := w.ask(r)
	if err == nil {
		hand(w, res, reader, stop)
		return res, nil
	}
	stop()
	w.close()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if w.used {
		l.drop(w.address) // the engine was started anew: all others are closed as well
	}
	return nil, err
}

func isLean(r *http.Request) bool {
	h := r.Header
	return r.URL.Scheme == "http" && r.Body != nil && 0 < r.ContentLength && r.ContentLength <= leanBody &&
		len(r.TransferEncoding) == 0 && r.Trailer == nil && h["Expect"] == nil && h["Upgrade"] == nil && isPlain(r.URL.Host)
}

// isPlain reports whether a host needs no encoding to be looked up.
func isPlain(host string) bool {
	for i := range len(host) {
		if host[i] >= 0x80 {
			return false
		}
	}
	return host != ""
}

func addressOf(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// take returns an idle connection, or a new one.
func (l *lean) take(ctx context.Context, address string) (*wire, error) {
	for {
		w := l.pop(address)
		if w == nil {
			return l.connect(ctx, address)
		}
		if w.in.isQuiet() {
			w.used = true
			return w, nil
		}
		w.close() // by the engine already, or it said what nobody had asked for
	}
}

func (l *lean) pop(address string) *wire {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.idle[address]
	if len(all) == 0 {
		return nil
	}
	w := all[len(all)-1]
	all[len(all)-1] = nil
	l.idle[address] = all[:len(all)-1]
	return w
}

// connect dials on a goroutine of its own: that takes a deep stack, which the caller
// would then keep for as long as its answer lasts.
func (l *lean) connect(ctx context.Context, address string) (*wire, error) {
	l.mu.Lock()
	w := &wire{lean: l, address: address, term: l.term}
	l.mu.Unlock()
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.conn, err = l.DialContext(ctx, "tcp", address)
	}()
	<-done
	switch {
	case err == nil:
		w.in = newInlet(w.conn)
		return w, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, err
}

// keep takes a connection back whose answer has been read to its end.
func (l *lean) keep(w *wire) {
	if !l.shelve(w) {
		w.close() // not under the lock: a thousand that end together would wait for each other's
	}
}

// shelve puts an idle connection away; false = it is not kept.
func (l *lean) shelve(w *wire) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.term != l.term || len(l.idle[w.address]) >= mostIdle {
		return false
	}
	w.since = time.Now()
	l.idle[w.address] = append(l.idle[w.address], w)
	switch {
	case l.sweep == nil:
		l.sweep = time.AfterFunc(idleFor, l.clear)
	case l.count() == 1:
		l.sweep.Reset(idleFor)
	}
	return true
}

func (l *lean) count() (n int) {
	for _, all := range l.idle {
		n += len(all)
	}
	return n
}

// clear closes the connections that nobody has used for long. One timer serves all.
func (l *lean) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	next := time.Duration(-1)
	for address, all := range l.idle {
		old := 0
		for old < len(all) && now.Sub(all[old].since) >= idleFor {
			all[old].close()
			old++
		}
		if old == len(all) {
			delete(l.idle, address)
			continue
		}
		l.idle[address] = append([]*wire(nil), all[old:]...)
		if left := idleFor - now.Sub(all[old].since); next < 0 || left < next {
			next = left
		}
	}
	if next >= 0 {
		l.sweep.Reset(next)
	}
}

// drop closes the idle connections to an address.
func (l *lean) drop(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.idle[address] {
		w.close()
	}
	delete(l.idle, address)
}

// CloseIdleConnections closes those without a request, and the others as they end.
func (l *lean) CloseIdleConnections() {
	l.Transport.CloseIdleConnections()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term++
	for _, all := range l.idle {
		for _, w := range all {
			w.close()
		}
	}
	clear(l.idle)
	if l.sweep != nil {
		l.sweep.Stop()
	}
}

// readers and writers are lent to connections while they are asked.
var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, headRead) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, ioBuffer) }}
)
