package backends

import (
	"errors"
	"net"
	"testing"
	"time"
)

func TestConnectTimeoutFollowsTheSettings(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	r := NewRegistry(Options{Settings: Settings{NoDiscovery: true, Demo: "never", Connect: time.Nanosecond}})
	var late net.Error
	if _, err := r.dial(t.Context(), "tcp", l.Addr().String()); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("within a nanosecond: %v", err)
	}
	r.Configure(Settings{NoDiscovery: true, Demo: "never"})
	conn, err := r.dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
