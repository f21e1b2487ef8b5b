package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"carpool/app/config"
)

// broken is a listener that no system call accepts from any more.
type broken struct{ net.Listener }

func (broken) Accept() (net.Conn, error) { return nil, errors.New("out of order") }
func (broken) Close() error              { return nil }

func testNetwork(dir string, admit func(string, bool)) *network {
	return newNetwork(dir, slog.New(slog.DiscardHandler), newConnections(config.Gateway{MaxConnections: 2}, 0), admit, func() {})
}

func TestNetworkIsOpenedAgainWhenItIsLost(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := testNetwork(dir, func(string, bool) {})
		var tries int
		n.bind = func(context.Context, string, string) (net.Listener, error) {
			if tries++; tries == 1 {
				return broken{}, nil
			}
			return &lobby{visitors: make(chan net.Conn), closed: make(chan struct{})}, nil
		}
		n.configure("192.0.2.1:11436")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); n.run(ctx, &http.Server{}) }()
		synctest.Wait()
		if s := n.now(); s.Listening || !strings.Contains(s.Problem, "out of order") {
			t.Errorf("of a lost address: %+v", s)
		}
		for !n.now().Listening {
			time.Sleep(networkRetry)
		}
		if s := n.now(); s.Problem != "" || tries != 2 {
			t.Errorf("after %d tries: %+v", tries, s)
		}
		stop()
		<-done
	})
}

func TestNetworkAsksOnceWhoHasItsAddress(t *testing.T) {
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	asked := make(chan struct{}, 99)
	go func() {
		for {
			c, err := other.Accept()
			if err != nil {
				return
			}
			asked <- struct{}{}
			_ = c.Close()
		}
	}()
	n := testNetwork(t.TempDir(), func(string, bool) {})
	cause := error(syscall.EADDRINUSE)
	n.bind = func(context.Context, string, string) (net.Listener, error) { return nil, cause }
	listen := func() error {
		_, err := n.listen(t.Context(), other.Addr().String())
		return err
	}
	first := listen()
	once := len(asked)
	if second := listen(); first == nil || !errors.Is(second, first) || once == 0 || len(asked) != once {
		t.Errorf("asked %d times for %v, then %d for %v", once, first, len(asked)-once, second)
	}
	cause = syscall.EADDRNOTAVAIL
	if err := listen(); err == nil || !strings.Contains(err.Error(), "does not have") {
		t.Errorf("another fault: %v", err)
	}
}

func TestNetworkKnowsItsTokenFromTheStart(t *testing.T) {
	dir := t.TempDir()
	var knows string
	admit := func(word string, open bool) {
		if knows = word; open {
			t.Error("it is open before it is asked to be")
		}
	}
	_ = testNetwork(dir, admit)
	if _, err := os.Stat(filepath.Join(dir, tokenFile)); knows != "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a token of nobody: %q, %v", knows, err)
	}
	word, err := newToken(dir).rotate()
	if err != nil {
		t.Fatal(err)
	}
	if _ = testNetwork(dir, admit); knows != word {
		t.Errorf("it knows %q, want %q", knows, word)
	}
}

// A problem that stays reads the same each time: it is told once.
func TestTokenThatCannotBeKeptIsOneProblem(t *testing.T) {
	token := newToken(filepath.Join(t.TempDir(), "gone"))
	_, first := token.read()
	_, second := token.read()
	if first == nil || second == nil || first.Error() != second.Error() || !errors.Is(first, fs.ErrNotExist) {
		t.Errorf("%v, then %v", first, second)
	}
}

func TestPrivateKnowsTheToken(t *testing.T) {
	for _, name := range []string{tokenFile, "." + tokenFile + ".123"} {
		if !isOurs(name) {
			t.Errorf("%s makes the state folder one of others", name)
		}
	}
}
