package process

import (
	"net"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAnIPv6SocketReachesIPv4 is how Java and .NET connect.
func TestAnIPv6SocketReachesIPv4(t *testing.T) {
	f, l := finder(t), listen(t, "127.0.0.1:0")
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = unix.Close(fd) }()
	target := &unix.SockaddrInet6{Port: l.Addr().(*net.TCPAddr).Port}
	copy(target.Addr[:], net.IPv4(127, 0, 0, 1).To16())
	if err := unix.Connect(fd, target); err != nil {
		t.Skip(err)
	}
	if got := f.Ask(ends(accept(t, l))).App(); got.Name == "" {
		t.Error("not found")
	}
}

func TestTheYoungestProcessIsLookedAtFirst(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	spawn(t, l, copyOf(t, "curl"))
	pids := youngestFirst()
	self := slices.Index(pids, int32(os.Getpid()))
	if i := slices.Index(pids, lastStarted()); self < 1 || i > 0 {
		t.Errorf("this one is at %d, the last one at %d", self, i)
	}
}

// TestWithoutSockDiag is a container that forbids it.
func TestWithoutSockDiag(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	client, server := ends(spawn(t, l, copyOf(t, "curl")))
	s := &sockets{names: newNames()}
	defer s.close()
	e := Ends{client, server}
	if got := s.app(t.Context(), s.owners(t.Context(), []Ends{e})[e]); got != (App{"curl", "curl"}) {
		t.Errorf("%+v", got)
	}
}
