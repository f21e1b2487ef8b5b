package trust

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"carpool/backends/backendstest"
)

// wiretap stands before an engine and keeps every byte that is sent to it.
type wiretap struct {
	url, addr string

	mu    sync.Mutex
	conns []net.Conn
	wires []*bytes.Buffer
}

// tapWire returns a wiretap before engine. It ends with the test.
func tapWire(t testing.TB, engine *backendstest.Engine) *wiretap {
	t.Helper()
	l, err := backendstest.Listen()
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{url: "http://" + l.Addr().String(), addr: l.Addr().String()}
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			ended.Go(func() { w.carry(conn, strings.TrimPrefix(engine.URL, "http://")) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		w.mu.Lock()
		for _, c := range w.conns {
			_ = c.Close()
		}
		w.mu.Unlock()
		ended.Wait()
	})
	return w
}

// carry carries a connection to the engine and back until either side ends it.
func (w *wiretap) carry(conn net.Conn, engine string) {
	there, err := net.Dial("tcp", engine)
	if err != nil {
		_ = conn.Close()
		return
	}
	wire := &bytes.Buffer{}
	w.mu.Lock()
	w.conns, w.wires = append(w.conns, conn, there), append(w.wires, wire)
	w.mu.Unlock()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(conn, there)
		_ = conn.Close()
	})
	_, _ = io.Copy(io.MultiWriter(noting{w, wire}, there), conn)
	_ = there.Close()
	back.Wait()
}

// noting writes down what goes by.
type noting struct {
	*wiretap
	wire *bytes.Buffer
}

// Write implements io.Writer.
func (n noting) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wire.Write(p)
}

// heard is one request as the engine got it.
type heard struct {
	method string
	url    *url.URL
	body   []byte
}

// requests are all that came so far. It is an error if any of it can be read in
// two ways, whatever the engine makes of it.
func (w *wiretap) requests() (all []heard, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wire := range w.wires {
		rest := wire.Bytes()
		for len(rest) > 0 {
			var h heard
			var whole bool
			h, rest, whole, err = readStrictly(rest, w.addr)
			if err != nil {
				return nil, fmt.Errorf("%w in %q", err, wire.Bytes())
			}
			all = append(all, h)
			if !whole {
				break // its client has left
			}
		}
	}
	return all, nil
}

var (
	requestLine = regexp.MustCompile(`^([A-Z]+) (/[!-~]*) HTTP/1\.1$`)
	headerLine  = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([^\\x00-\\x08\\x0a-\\x1f\\x7f]*)$")
	chunkLine   = regexp.MustCompile(`^[0-9a-f]+$`)
	// neverSent are headers of one connection only, or offers to change it.
	neverSent = []string{"Connection", "Expect", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Upgrade", "Origin"}
)

// readStrictly reads the first request of wire by the letter of RFC 9112, with
// nothing in it that RFC leaves to the reader. whole says that it has an end.
func readStrictly(wire []byte, host string) (h heard, rest []byte, whole bool, err error) {
	head, rest, whole := bytes.Cut(wire, []byte("\r\n\r\n"))
	if !whole {
		return h, nil, false, nil
	}
	lines := strings.Split(string(head), "\r\n")
	m := requestLine.FindStringSubmatch(lines[0])
	if m == nil {
		return h, nil, false, fmt.Errorf("odd request line %q", lines[0])
	}
	h.method = m[1]
	if h.url, err = url.ParseRequestURI(m[2]); err != nil {
		return h, nil, false, err
	}
	fields := map[string][]string{}
	for _, line := range lines[1:] {
		m := headerLine.FindStringSubmatch(line)
		if m == nil {
			return h, nil, false, fmt.Errorf("odd header %q", line)
		}
		fields[strings.ToLower(m[1])] = append(fields[strings.ToLower(m[1])], m[2])
	}
	for _, name := range neverSent {
		if v := fields[strings.ToLower(name)]; v != nil {
			return h, nil, false, fmt.Errorf("%s: %q", name, v)
		}
	}
	length, coding := fields["content-length"], fields["transfer-encoding"]
	switch {
	case len(fields["host"]) != 1 || fields["host"][0] != host:
		return h, nil, false, fmt.Errorf("Host: %q", fields["host"])
	case len(length)+len(coding) > 1:
		return h, nil, false, fmt.Errorf("length %q, coding %q", length, coding)
	case len(length)+len(coding) == 0:
		return h, rest, true, nil
	case h.method != "POST" && h.method != "PUT" && h.method != "PATCH" && h.method != "DELETE":
		return h, nil, false, fmt.Errorf("a body of %s", h.method)
	case len(coding) == 1 && coding[0] != "chunked":
		return h, nil, false, fmt.Errorf("Transfer-Encoding: %q", coding)
	case len(coding) == 1:
		rest, whole, err = h.readChunks(rest)
		return h, rest, whole, err
	}
	n, err := strconv.Atoi(length[0])
	if err != nil || strconv.Itoa(n) != length[0] {
		return h, nil, false, fmt.Errorf("Content-Length: %q", length)
	}
	h.body = rest[:min(n, len(rest))]
	return h, rest[len(h.body):], len(h.body) == n, nil
}

func (h *heard) readChunks(wire []byte) (rest []byte, whole bool, err error) {
	for {
		line, after, ok := bytes.Cut(wire, []byte("\r\n"))
		if !ok {
			return nil, false, nil
		}
		if !chunkLine.Match(line) {
			return nil, false, fmt.Errorf("odd chunk %q", line)
		}
		n, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil {
			return nil, false, err
		}
		if int(n)+2 > len(after) {
			return nil, false, nil
		}
		if string(after[n:n+2]) != "\r\n" {
			return nil, false, fmt.Errorf("a chunk or the last one ends in %q", after[n:n+2])
		}
		h.body, wire = append(h.body, after[:n]...), after[n+2:]
		if n == 0 {
			return wire, true, nil
		}
	}
}

// anyRequestLine finds what a server might take for one, wherever it stands.
var anyRequestLine = regexp.MustCompile(`[A-Z]+ (/[!-~]*) HTTP/1\.1\r\n`)

// targets are those of all request lines that came by, also where a client's own
// framing cannot be trusted.
func (w *wiretap) targets() (all []*url.URL) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wire := range w.wires {
		for _, m := range anyRequestLine.FindAllStringSubmatch(wire.String(), -1) {
			if u, err := url.ParseRequestURI(m[1]); err == nil {
				all = append(all, u)
			}
		}
	}
	return all
}
