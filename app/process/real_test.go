package process

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const dialVariable = "CARPOOL_TEST_DIAL"

// TestMain is also the programs that tests start under other names: one connects
// and stays until its input ends, one is an engine.
func TestMain(m *testing.M) {
	if address := os.Getenv(dialVariable); address != "" {
		if _, err := net.Dial("tcp", address); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	if below := os.Getenv(familyVariable); below != "" {
		os.Exit(playEngine(below))
	}
	goleak.VerifyTestMain(m)
}

// copyOf is this test's program under another name.
func copyOf(t testing.TB, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(t.TempDir(), name)
	if os.Link(self, path) == nil {
		return path
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, program, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// spawn starts program with args, which connects to l, and returns the
// connection.
func spawn(t testing.TB, l net.Listener, program string, args ...string) net.Conn {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), dialVariable+"="+l.Addr().String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return accept(t, l)
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip(err) // no IPv6
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func accept(t testing.TB, l net.Listener) net.Conn {
	t.Helper()
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func ends(c net.Conn) (client, server netip.AddrPort) {
	return c.RemoteAddr().(*net.TCPAddr).AddrPort(), c.LocalAddr().(*net.TCPAddr).AddrPort()
}

// finder runs until the test ends.
func finder(t testing.TB) *Finder {
	f := New()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return f
}

func TestRealPrograms(t *testing.T) {
	f := finder(t)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			l := listen(t, address)
			for _, tt := range []struct {
				program string
				args    []string
				want    App
			}{
				{"curl", []string{"-H", "Authorization: Bearer sk-secret"}, App{"curl", "curl"}},
				{"code", []string{"--type=utility"}, App{"VS Code", "code"}},
				{"python3", []string{"-u", "/opt/x/indexer.py", "--key", "sk-secret"}, App{"indexer.py", "python"}},
			} {
				c := spawn(t, l, copyOf(t, tt.program), tt.args...)
				if got := f.Ask(ends(c)).App(); got != tt.want {
					t.Errorf("%s: %+v, want %+v", tt.program, got, tt.want)
				}
			}
		})
	}
}

func TestAClosedConnectionHasNoProgram(t *testing.T) {
	f, l := finder(t), listen(t, "127.0.0.1:0")
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := accept(t, l)
	_ = out.Close()
	if _, err := bufio.NewReader(c).ReadByte(); err != io.EOF {
		t.Fatal(err)
	}
	if got := f.Ask(ends(c)).App(); got != (App{}) {
		t.Errorf("%+v", got)
	}
}

// TestEveryWayAgrees compares the quick way with that of other systems.
func TestEveryWayAgrees(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	client, server := ends(spawn(t, l, copyOf(t, "curl")))
	e := Ends{client, server}
	s := openSystem()
	defer s.close()
	quick, whole := s.owners(t.Context(), []Ends{e}), connections(t.Context(), []Ends{e})
	if quick[e] == 0 || quick[e] != whole[e] {
		t.Errorf("%d and %d", quick[e], whole[e])
	}
}

// BenchmarkLookup is one connection of a program that is known, one of a
// program that is found for the first time, and the list of all connections.
func BenchmarkLookup(b *testing.B) {
	l := listen(b, "127.0.0.1:0")
	client, server := ends(spawn(b, l, copyOf(b, "curl")))
	wanted := []Ends{{client, server}}
	b.Run("known", func(b *testing.B) {
		s := openSystem()
		defer s.close()
		for b.Loop() {
			s.app(b.Context(), s.owners(b.Context(), wanted)[wanted[0]])
		}
	})
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			s := openSystem()
			s.app(b.Context(), s.owners(b.Context(), wanted)[wanted[0]])
			s.close()
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			connections(b.Context(), wanted)
		}
	})
}
