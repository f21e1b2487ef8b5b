package app

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/app/gateway"
)

// lobby is a listener whose visitors come by a channel.
type lobby struct {
	net.Listener
	visitors chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (l *lobby) Accept() (net.Conn, error) {
	select {
	case c := <-l.visitors:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *lobby) Close() error { l.once.Do(func() { close(l.closed) }); return nil }

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

func TestConnectionsOfTheNetworkLeaveFilesForOthers(t *testing.T) {
	for _, tt := range []struct {
		set   int
		files uint64
		want  int
	}{
		{16384, 0, 1024}, {16384, 1 << 20, 1024}, {16384, 17408, 256}, {16384, 8192, 256}, {16384, 1024, 64},
		{100, 1024, 231}, {16384, 4, 1}, {16384, 1, 1},
	} {
		local := newConnections(config.Gateway{MaxConnections: tt.set}, tt.files)
		if got := strangers(tt.files, local).state().Most; got != tt.want {
			t.Errorf("of %d files %d are for connections from the network, want %d", tt.files, got, tt.want)
		}
	}
}

func TestConnectionsOfTheNetworkEndByHalves(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bounded := gateway.Network(newConnections(config.Gateway{MaxConnections: 1}, 0).on(l))
	defer func() { _ = bounded.Close() }()
	client, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	c, err := bounded.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		t.Fatal("net/http cannot end the answer before the connection")
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(client); err != nil || len(all) > 0 {
		t.Errorf("the client reads %q, %v", all, err)
	}
	if _, err := client.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if n, err := c.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("the rest of the upload: %d, %v", n, err)
	}
}
