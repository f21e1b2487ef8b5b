//go:build unix

package trust

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// dribble is a client that opens a connection with a beginning and then goes on so
// slowly that it would take hours. It ends when its connection does, or with enough.
func dribble(c *carpool, enough <-chan struct{}, begin string, step func(conn net.Conn) error, control func(network, address string, raw syscall.RawConn) error) error {
	d := net.Dialer{Control: control}
	conn, err := d.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, begin); err != nil {
		return err
	}
	const pause = 100 * time.Millisecond
	for {
		if err := step(conn); err != nil {
			return nil
		}
		select {
		case <-enough:
			return nil
		case <-time.After(pause):
		}
	}
}

// trickle writes a byte, and sees whether the other side has hung up.
func trickle(b byte) func(net.Conn) error {
	return func(conn net.Conn) error {
		if _, err := conn.Write([]byte{b}); err != nil {
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := io.Copy(io.Discard, conn); !errors.Is(err, os.ErrDeadlineExceeded) {
			return io.EOF
		}
		return nil
	}
}

func Test08_SlowClients(t *testing.T) {
	headers, bodies, readers, asks := 100, 40, 40, 100
	if isFull() {
		headers, bodies, readers, asks = 500, 200, 200, 500
	}
	engine := backendstest.New(t)
	long := strings.Repeat(`{"model":"tiny","response":"`+strings.Repeat("x", 64<<10)+`","done":false}`+"\n", 128) + `{"model":"tiny","done":true}` + "\n"
	engine.Choose(func(q backendstest.Request) backendstest.Script {
		if q.Nonce == "long" {
			return backendstest.Script{Body: long, Header: http.Header{"Content-Type": {"application/x-ndjson"}}}
		}
		return backendstest.Script{}
	})
	c := begin(t, engine, "gateway.header_timeout_s=2", "gateway.slow_client_s=2", "gateway.idle_timeout_s=600",
		"batching.mode=fixed", "batching.max_batch_size=512", "queue.share_identical=false")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	normal := &http.Client{Transport: transport}
	serve := func(when string) (p50, p99 time.Duration) {
		var took []time.Duration
		for i := range asks {
			r := stream(t.Context(), normal, c.url, fmt.Sprint(when, i), 20, "X-Carpool-App", "normal")
			if r.status != http.StatusOK || !r.clean() {
				t.Errorf("%s: %v", when, r)
			}
			took = append(took, r.all)
		}
		slices.Sort(took)
		return took[len(took)/2], took[len(took)*99/100]
	}
	before50, before99 := serve("before")

	head := "POST /api/generate HTTP/1.1\r\nHost: " + c.addr + "\r\nContent-Type: application/json\r\n"
	const body = `{"model":"tiny","prompt":"nonce:long"}`
	kinds := []struct {
		count   int
		begin   string
		step    func(net.Conn) error
		control func(network, address string, raw syscall.RawConn) error
	}{
		{headers, head + "X-Slow: ", trickle('a'), nil},
		{bodies, head + "Content-Length: 100000\r\n\r\n{", trickle(' '), nil},
		{readers, head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body), sip, smallBuffer},
	}
	var evil sync.WaitGroup
	var open atomic.Int64
	enough := make(chan struct{})
	for _, k := range kinds {
		for range k.count {
			open.Add(1)
			evil.Go(func() {
				defer open.Add(-1)
				if err := dribble(c, enough, k.begin, k.step, k.control); err != nil {
					t.Error(err)
				}
			})
		}
	}
	c.await("all are connected", func() error {
		// Some of the first may be gone before the last have come.
		if n := engine.Hits(); n < asks+readers {
			return fmt.Errorf("%d requests in the engine", n)
		}
		return nil
	})
	meanwhile50, meanwhile99 := serve("meanwhile")
	began := time.Now()
	c.await("all slow connections are gone", func() error {
		var h struct {
			Connections struct{ Open int }
		}
		if err := c.health(&h); err != nil {
			return err
		}
		// The normal client's, and the one that asks.
		if h.Connections.Open > 2 {
			return fmt.Errorf("%d connections", h.Connections.Open)
		}
		return nil
	})
	gone := time.Since(began)
	c.await("their clients know, but for those with much left to read", func() error {
		if n := open.Load(); n > int64(readers) {
			return fmt.Errorf("%d are open", n)
		}
		return nil
	})
	close(enough)
	evil.Wait()
	c.stop()
	slow := 0
	for _, r := range c.rows() {
		if r.ErrorKind == "slow_client" {
			slow++
		}
	}
	if slow != readers {
		t.Errorf("%d of %d slow readers are in the history as such", slow, readers)
	}
	figure(t, 8, fmt.Sprintf("%d clients with slow headers, %d with slow bodies, %d that read 10 bytes a second of 8 MiB", headers, bodies, readers),
		fmt.Sprintf("a normal client's median is %.1f times, its p99 %.1f times that without them; the last was gone %.1f s after its work",
			ratio(meanwhile50, before50), ratio(meanwhile99, before99), gone.Seconds()))
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }

// sip reads a byte.
func sip(conn net.Conn) error {
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

// smallBuffer lets the system take in only a little that is not read.
func smallBuffer(_, _ string, raw syscall.RawConn) error {
	var failed error
	const size = 4096
	err := raw.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, size) })
	return errors.Join(err, failed)
}
