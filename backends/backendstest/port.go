package backendstest

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// The ports that systems give to whoever asks for any begin above these. Test
// programs that run at once have neighbouring process ids and so ports apart, and
// one program takes a port again only after all its others.
const (
	lowestPort = 15_000
	programs   = 100
	portsEach  = 150
)

var lastPort atomic.Uint32

// Listen listens on a port of 127.0.0.1 that can be had again after it was closed:
// no system gives it to someone who asks for any port meanwhile.
func Listen() (l net.Listener, err error) {
	first := lowestPort + os.Getpid()%programs*portsEach
	for range portsEach {
		port := first + int(lastPort.Add(1)%portsEach)
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// FreePort is a port of 127.0.0.1 for a program that is about to listen there.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := Listen()
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return l.Addr().(*net.TCPAddr).Port
}
