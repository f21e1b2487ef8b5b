package backendstest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// The ports that systems give to whoever asks for any begin above these.
const (
	lowestPort  = 15_000
	highestPort = 30_000
)

// Listen listens on a port of 127.0.0.1 that can be had again after it was closed:
// no system gives it to someone who asks for any port meanwhile.
func Listen() (l net.Listener, err error) {
	const tries = 100
	for range tries {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
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
