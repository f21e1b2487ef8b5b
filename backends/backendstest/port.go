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
func Listen(t testing.TB) net.Listener {
	t.Helper()
	const tries = 100
	var err error
	for range tries {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return l
		}
	}
	t.Fatalf("listen: %v", err)
	return nil
}

// FreePort is a port of 127.0.0.1 for a program that is about to listen there.
func FreePort(t testing.TB) int {
	t.Helper()
	l := Listen(t)
	if err := l.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return l.Addr().(*net.TCPAddr).Port
}
