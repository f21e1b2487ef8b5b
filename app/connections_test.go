package app

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"carpool/app/config"
)

// lobby is a listener whose visitors come by a channel.
type lobby struct {
	net.Listener
	visitors chan net.Conn
	closed   chan struct{}
}

func (l *lobby) Accept() (net.Conn, error) {
	select {
	case c := <-l.visitors:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *lobby) Close() error { close(l.closed); return nil }

func TestConnections(t *testing.T) {
	t.Run("AreBoundedOverAllAddressesTogether", func(t *testing.T) {
		all := newConnections(config.Gateway{MaxConnections: 2}, 0)
		one, other := &lobby{visitors: make(chan net.Conn, 9), closed: make(chan struct{})}, &lobby{visitors: make(chan net.Conn, 9), closed: make(chan struct{})}
		v4, v6 := all.on(one), all.on(other)
		accept := func(l net.Listener, from *lobby) net.Conn {
			t.Helper()
			client, server := net.Pipe()
			t.Cleanup(func() { _ = client.Close() })
			from.visitors <- server
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		first, _ := accept(v4, one), accept(v6, other)
		if s := all.state(); s != (Connections{Open: 2, Most: 2}) {
			t.Errorf("%+v", s)
		}
		third := make(chan net.Conn)
		go func() { third <- accept(v6, other) }()
		for !all.state().Full {
			time.Sleep(time.Millisecond)
		}
		if p := all.state().problem(); !strings.Contains(p, "all 2 connections") {
			t.Errorf("%q", p)
		}
		_ = first.Close()
		_ = first.Close() // net/http may do so twice
		<-third
		if s := all.state(); s != (Connections{Open: 2, Most: 2}) || all.waited.Load() != 1 {
			t.Errorf("%+v, waited %d", s, all.waited.Load())
		}
		ended := make(chan error)
		go func() { _, err := v4.Accept(); ended <- err }()
		for !all.state().Full {
			time.Sleep(time.Millisecond)
		}
		_ = v4.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
	t.Run("AreFewerWhereTheSystemLetsFewerFilesBeOpen", func(t *testing.T) {
		for _, tt := range []struct {
			set   int
			files uint64
			most  int
			said  bool
		}{
			{16384, 0, 16384, false}, {16384, 524288, 16384, false}, {16384, 17408, 16384, false},
			{16384, 17407, 16383, true}, {16384, 4096, 3072, true}, {16384, 256, 192, true}, {100, 256, 100, false}, {16, 1, 1, true},
		} {
			c := newConnections(config.Gateway{MaxConnections: tt.set}, tt.files)
			if cap(c.places) != tt.most || (c.short != "") != tt.said {
				t.Errorf("%+v: %d, %q", tt, cap(c.places), c.short)
			}
		}
	})
}

func TestLookoutTellsOfFullConnections(t *testing.T) {
	var l lookout
	tell := func(full bool, waited uint64) string {
		e, ok := l.connections(time.Now(), Connections{Most: 3, Full: full}, waited)
		if ok != (e.Reason != "") {
			t.Errorf("%+v", e)
		}
		return e.Reason
	}
	if got := tell(false, 0); got != "" {
		t.Error(got)
	}
	if got := tell(false, 5); !strings.Contains(got, "all 3 connections") { // between two looks
		t.Error(got)
	}
	if got := tell(true, 5); got != "" {
		t.Error(got)
	}
	if got := tell(false, 5); !strings.Contains(got, "again") {
		t.Error(got)
	}
}

func TestStrangersLeaveFilesForOthers(t *testing.T) {
	for files, want := range map[uint64]int{0: 1024, 1 << 20: 1024, 8192: 1024, 1024: 128, 4: 1} {
		if got := strangers(files).state().Most; got != want {
			t.Errorf("of %d files %d are for connections from the network, want %d", files, got, want)
		}
	}
}
