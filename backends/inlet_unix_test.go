//go:build unix

package backends

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// joined are the two ends of a TCP connection.
func joined(t *testing.T) (ours, theirs *net.TCPConn) {
	l := must(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))
	defer func() { _ = l.Close() }()
	ours = must(new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())).(*net.TCPConn)
	theirs = must(l.Accept()).(*net.TCPConn)
	t.Cleanup(func() {
		_ = ours.Close()
		_ = theirs.Close()
	})
	return ours, theirs
}

func TestInlet(t *testing.T) {
	t.Run("FailsAsAConnectionDoes", func(t *testing.T) {
		for name, end := range map[string]func(ours, theirs *net.TCPConn){
			"Ended":  func(_, theirs *net.TCPConn) { _ = theirs.Close() },
			"Closed": func(ours, _ *net.TCPConn) { _ = ours.Close() },
			"Late":   func(ours, _ *net.TCPConn) { _ = ours.SetReadDeadline(time.Unix(1, 0)) },
			"Reset": func(_, theirs *net.TCPConn) {
				_ = theirs.SetLinger(0)
				_ = theirs.Close()
			},
		} {
			for when, waits := range map[string]bool{"Before": false, "WhileItWaits": true} {
				t.Run(name+"/"+when, func(t *testing.T) {
					errs := make(chan error, 2)
					for _, read := range []func(net.Conn) error{
						func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err },
						func(c net.Conn) error { _, _, err := newInlet(c).next(); return err },
					} {
						ours, theirs := joined(t)
						if waits {
							time.AfterFunc(10*time.Millisecond, func() { end(ours, theirs) })
						} else {
							end(ours, theirs)
						}
						errs <- read(ours)
					}
					want, got := <-errs, <-errs
					for _, cause := range []error{io.EOF, net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET} {
						if errors.Is(want, cause) != errors.Is(got, cause) {
							t.Errorf("it failed with %v, want %v", got, want)
						}
					}
					var op *net.OpError
					if errors.As(want, &op) && (!errors.As(got, &op) || op.Op != "read" || op.Net != "tcp") {
						t.Errorf("it failed with %#v, want %#v", got, want)
					}
				})
			}
		}
	})

	t.Run("BringsAllThatCame", func(t *testing.T) {
		ours, theirs := joined(t)
		text := bytes.Repeat([]byte("0123456789"), 3*largeSize/10)
		go func() {
			_, _ = theirs.Write(text)
			_ = theirs.CloseWrite()
		}()
		var all []byte
		for in := newInlet(ours); ; {
			b, n, err := in.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			all = append(all, b.bytes[:n]...)
			b.giveBack()
		}
		if !bytes.Equal(all, text) {
			t.Errorf("%d bytes came, want %d", len(all), len(text))
		}
	})
}

// TestPiecesAreNobodyElses has one answer's piece looked at while others come.
func TestPiecesAreNobodyElses(t *testing.T) {
	for _, socket := range []bool{true, false} {
		bodies := make([]*wireBody, 20)
		pieces := make([][]byte, len(bodies))
		for i := range bodies {
			var in *inlet
			text := strings.Repeat(string(rune('a'+i)), 1000)
			if socket {
				ours, theirs := joined(t)
				_, _ = io.WriteString(theirs, text)
				in = newInlet(ours)
			} else {
				ours, theirs := net.Pipe()
				go func() { _, _ = io.WriteString(theirs, text) }()
				in = newInlet(ours)
			}
			bodies[i] = &wireBody{wire: &wire{conn: in.conn, in: in}, res: &http.Response{}, ctx: t.Context(), stop: func() bool { return true }}
			pieces[i] = must(bodies[i].Next())
		}
		for i, piece := range pieces {
			if want := strings.Repeat(string(rune('a'+i)), 1000); string(piece) != want {
				t.Errorf("piece %d is %q by now", i, piece)
			}
			_ = bodies[i].Close()
		}
	}
}
