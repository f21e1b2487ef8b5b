package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// scriptConn is a server's end of a connection whose client has written some bytes and
// waits for the answers. It ends once all that came of the bytes is done; one who waits
// for more of a body learns soon that there is none.
type scriptConn struct {
	mu       sync.Mutex
	changed  sync.Cond
	in       []byte
	out      bytes.Buffer
	handlers int  // that run
	late     bool // a read deadline in the past is set
	left     bool // the client waits no more
	closed   chan struct{}
	once     sync.Once
}

func newScriptConn(in []byte) *scriptConn {
	c := &scriptConn{in: in, closed: make(chan struct{})}
	c.changed.L = &c.mu
	return c
}

func (c *scriptConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.late:
			return 0, os.ErrDeadlineExceeded
		case len(c.in) > 0:
			n := copy(p, c.in)
			c.in = c.in[n:]
			return n, nil
		case c.handlers == 0 || c.left:
			return 0, io.EOF
		}
		const patience = 20 * time.Millisecond
		soon := time.AfterFunc(patience, func() { c.change(func() { c.left = true }) })
		c.changed.Wait()
		soon.Stop()
	}
}

func (c *scriptConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}

func (c *scriptConn) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	c.changed.Broadcast()
}

// CloseWrite is the server's last word. It closes the connection only half a second
// later, so that the client has time to read.
func (c *scriptConn) CloseWrite() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *scriptConn) Close() error {
	c.change(func() { c.left = true })
	return c.CloseWrite()
}

func (c *scriptConn) SetReadDeadline(at time.Time) error {
	c.change(func() { c.late = !at.IsZero() && !at.After(time.Now()) })
	return nil
}
func (c *scriptConn) SetDeadline(at time.Time) error   { return c.SetReadDeadline(at) }
func (c *scriptConn) SetWriteDeadline(time.Time) error { return nil }
func (c *scriptConn) LocalAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 11435}
}
func (c *scriptConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4} }

// scriptListener hands out the connections it is given.
type scriptListener chan net.Conn

func (l scriptListener) Accept() (net.Conn, error) {
	if c, open := <-l; open {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l scriptListener) Close() error   { return nil }
func (l scriptListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 11435} }

// roundTrips is an engine in memory that notes what it is asked.
type roundTrips struct {
	mu   sync.Mutex
	seen []string // request targets
}

func (e *roundTrips) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.seen = append(e.seen, r.URL.RequestURI())
	e.mu.Unlock()
	if r.Body != nil {
		_, err := io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	const body = `{"model":"m","response":"x","done":true}` + "\n"
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}, nil
}

func (e *roundTrips) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := e.seen
	e.seen = nil
	return seen
}

// cutUp is how a strict server cuts what a client has written into requests: the
// targets of those whose head is whole and whose length is beyond doubt, up to the
// first of which that is not so, or whose body is not whole.
func cutUp(in []byte) (targets []string) {
	for len(in) > 0 {
		// Lines end in LF, with or without CR, as in Go's own reader; that alone moves
		// no border between requests.
		var head []string
		whole := false
		for !whole {
			line, rest, found := bytes.Cut(in, []byte("\n"))
			if !found {
				return targets
			}
			in = rest
			text := strings.TrimSuffix(string(line), "\r")
			if whole = text == ""; !whole {
				head = append(head, text)
			} else if len(head) == 0 {
				return targets // no request begins with an empty line
			}
		}
		parts := strings.Split(head[0], " ")
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "HTTP/1.") {
			return targets
		}
		var length, coding []string
		for _, field := range head[1:] {
			name, value, found := strings.Cut(field, ":")
			if !found || name == "" || strings.ContainsAny(name, " \t\r\x00") || strings.ContainsAny(value, "\r\x00") {
				return targets
			}
			switch strings.ToLower(name) {
			case "content-length":
				length = append(length, strings.Trim(value, " \t"))
			case "transfer-encoding":
				coding = append(coding, strings.Trim(value, " \t"))
			}
		}
		switch {
		case len(coding) == 0 && len(length) == 0:
			targets = append(targets, parts[1])
		case len(coding) == 0:
			n, err := strconv.ParseUint(length[0], 10, 63)
			for _, l := range length[1:] {
				if l != length[0] {
					return targets
				}
			}
			if err != nil || strings.Trim(length[0], "0123456789") != "" {
				return targets
			}
			targets = append(targets, parts[1])
			if n > uint64(len(in)) {
				return targets
			}
			in = in[n:]
		case len(length) > 0 || len(coding) > 1 || !strings.EqualFold(coding[0], "chunked") || parts[2] != "HTTP/1.1":
			return append(targets, parts[1]) // it may be read, and be the last
		default:
			targets = append(targets, parts[1])
			if in = unchunked(in); in == nil {
				return targets
			}
		}
	}
	return targets
}

// unchunked is what stands behind a chunked body; nil if that is not whole or wrong.
func unchunked(in []byte) []byte {
	line := func() (string, bool) {
		l, rest, found := bytes.Cut(in, []byte("\n"))
		in = rest
		return strings.TrimSuffix(string(l), "\r"), found
	}
	for {
		l, found := line()
		size, _, _ := strings.Cut(l, ";")
		n, err := strconv.ParseUint(strings.Trim(size, " \t"), 16, 62)
		if !found || err != nil {
			return nil
		}
		if n == 0 {
			break
		}
		if n > uint64(len(in)) {
			return nil
		}
		in = in[n:]
		if l, found := line(); !found || l != "" {
			return nil
		}
	}
	for {
		switch l, found := line(); {
		case !found:
			return nil
		case l == "":
			if in == nil {
				in = []byte{}
			}
			return in
		}
	}
}

// pathOf is a request target's path, read.
func pathOf(target string) string {
	path, _, _ := strings.Cut(target, "?")
	if read, err := url.PathUnescape(path); err == nil {
		return read
	}
	return path
}

// loud is a log that keeps what must not be said.
type loud struct {
	mu   sync.Mutex
	said []string
}

func (l *loud) Enabled(context.Context, slog.Level) bool { return true }
func (l *loud) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *loud) WithGroup(string) slog.Handler            { return l }
func (l *loud) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	if strings.Contains(text, "panic") {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.said = append(l.said, text)
	}
	return nil
}

// FuzzConnection writes any bytes to a connection. Nothing panics, the connection
// ends, there are no more answers than requests and one refusal, and the engine sees
// no request that a strict server would not have seen in these bytes, nor one more.
func FuzzConnection(f *testing.F) {
	const head = " HTTP/1.1\r\nHost: 127.0.0.1:11435\r\n"
	hidden := "GET /api/hidden" + head + "\r\n"
	for _, s := range []string{
		"POST /api/generate" + head + "Content-Length: 26\r\n\r\n{\"model\":\"m\",\"prompt\":\"p\"}" + hidden,
		"POST /api/x" + head + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n" + hidden,
		"POST /api/x" + head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"POST /api/x" + head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"POST /api/x" + head + "Content-Length: 0\r\nContent-Length: 45\r\n\r\n" + hidden,
		"GET /v1/models" + head + "\r\nHEAD /health" + head + "Connection: close\r\n\r\n" + hidden,
		"GET /api/x HTTP/1.0\nHost: 127.0.0.1:11435\nConnection: keep-alive\n\nGET /engine/ollama/api/ps" + head + "\r\n",
		"POST /v1/chat/completions" + head + "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n{\"model\":",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /api/x" + head + "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "\r\n\r\n" + hidden, "\x16\x03\x01",
		"POST /api/show" + head + "Content-Length: 13\r\n\r\n{\"model\":\"m\"}OPTIONS /x" + head + "Origin: null\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	engine, log := &roundTrips{}, &loud{}
	base, _ := url.Parse("http://127.0.0.1:11434")
	g := New(Options{
		Scheduler: batching.New(batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 8}}, batching.Options{}),
		Engines: &engines{target: &backends.Target{Base: base, Transport: engine, Info: backends.Info{Name: "ollama", Kind: backends.KindOllama,
			Health: backends.Up, APIs: everyAPI, Models: []backends.Model{{Name: "m:latest"}}}}},
		Record: func(Record) {}, Listen: "127.0.0.1:11435", Log: slog.New(log),
	}, Limits{})
	listener := make(scriptListener)
	type key struct{}
	server := &http.Server{
		ErrorLog: slog.NewLogLogger(log, slog.LevelError), MaxHeaderBytes: 64 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(g.ConnContext(ctx, c), key{}, c)
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := r.Context().Value(key{}).(*scriptConn)
			c.change(func() { c.handlers++ })
			defer c.change(func() { c.handlers-- })
			g.ServeHTTP(w, r)
		}),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	f.Cleanup(func() {
		close(listener) // Close waits for Accept
		<-served
		_ = server.Close()
	})

	f.Fuzz(func(t *testing.T, in []byte) {
		c := newScriptConn(bytes.Clone(in))
		listener <- c
		select {
		case <-c.closed:
		case <-time.After(time.Minute):
			t.Fatalf("%q: the connection does not end; answers %q", in, c.out.Bytes())
		}
		log.mu.Lock()
		said := log.said
		log.said = nil
		log.mu.Unlock()
		if said != nil {
			t.Fatalf("%q: %s", in, said)
		}
		targets := cutUp(in)
		seen := engine.take()
		if len(seen) > len(targets) {
			t.Fatalf("%q: the engine sees %q, a strict server %q", in, seen, targets)
		}
		for _, s := range seen {
			found := false
			for _, target := range targets {
				found = found || strings.HasSuffix(pathOf(target), pathOf(s))
			}
			if !found {
				t.Fatalf("%q: the engine sees %q, a strict server %q", in, seen, targets)
			}
		}
		answers, out := 0, bufio.NewReader(&c.out)
		for {
			if _, err := out.Peek(1); errors.Is(err, io.EOF) {
				break
			}
			res, err := http.ReadResponse(out, nil)
			if err != nil {
				break // of a HEAD or of an answer that was broken off: it is the last one read
			}
			_, err = io.Copy(io.Discard, res.Body)
			if res.StatusCode != http.StatusContinue {
				answers++
			}
			if err != nil {
				break
			}
		}
		if answers > len(targets)+1 {
			t.Fatalf("%q: %d answers to %q", in, answers, targets)
		}
	})
}
