package takeover

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// TestMain is also the guard's program, and that of a Carpool that borrows the port
// and answers "carpool".
func TestMain(m *testing.M) {
	if len(os.Args) > 4 {
		switch os.Args[1] {
		case "guard":
			os.Exit(status(guardProgram(os.Args[2:])))
		case "carpool":
			os.Exit(status(carpoolProgram(os.Args[2:])))
		}
	}
	goleak.VerifyTestMain(m)
}

func status(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func guardProgram(args []string) error {
	port, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	o := Options{Socket: args[0], Record: Record{Port: port, Engine: args[2]}}
	if len(args) > 3 {
		o.Parent = Parent()
	}
	return Serve(context.Background(), o)
}

func carpoolProgram(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	command := []string{os.Args[0], "guard", args[0], args[1], args[2]}
	lease, err := Take(ctx, args[0], command)
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: named("carpool")}
	var open sync.WaitGroup
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Done()
		default:
		}
	}
	var serving sync.WaitGroup
	for _, l := range lease.Listeners() {
		serving.Go(func() { _ = server.Serve(l) })
	}
	fmt.Println("serving")
	for {
		select {
		case <-ctx.Done():
			// As Carpool does: those who come now are the guard's, while what runs ends.
			for _, l := range lease.Listeners() {
				_ = l.Close()
			}
			serving.Wait()
			if err := lease.Release(); err != nil {
				return err
			}
			open.Wait() // net/http drops what it has accepted and not read when it shuts down
			return nil
		case <-lease.Lost():
			if lease, err = lease.Adopt(args[0], command); err != nil {
				return err
			}
			fmt.Println("adopted")
		}
	}
}

// named answers each request with a name.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
}

// stage is a port, an engine that was moved away from it, and who may have it.
type stage struct {
	t              *testing.T
	socket, engine string
	port           int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	dir, err := os.MkdirTemp("", "cp") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, socket: filepath.Join(dir, "g.sock"), engine: l.Addr().String()}
	engine := &http.Server{ReadHeaderTimeout: time.Minute, Handler: named("engine")}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = engine.Serve(l)
	}()
	t.Cleanup(func() {
		_ = engine.Close()
		<-done
	})
	free, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := End(context.Background(), s.socket); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *stage) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *stage) command() []string {
	return []string{os.Args[0], "guard", s.socket, strconv.Itoa(s.port), s.engine}
}

// carpool is a process that has the port once this returns.
type carpool struct {
	*exec.Cmd
	says *bufio.Reader
}

func (s *stage) carpool() carpool {
	s.t.Helper()
	cmd := exec.Command(os.Args[0], "carpool", s.socket, strconv.Itoa(s.port), s.engine) //nolint:noctx // killed by the test
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	c := carpool{cmd, bufio.NewReader(out)}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	c.expect(s.t, "serving")
	return c
}

// never bounds waits for what does not come, far beyond what a slow machine takes.
const never = time.Minute

func (c carpool) expect(t *testing.T, want string) {
	t.Helper()
	said := make(chan string, 1)
	go func() { // it ends with the process
		line, err := c.says.ReadString('\n')
		if err != nil {
			line = err.Error()
		}
		said <- strings.TrimSpace(line)
	}()
	select {
	case got := <-said:
		if got != want {
			t.Fatalf("says %q instead of %s", got, want)
		}
	case <-time.After(never):
		t.Fatalf("says nothing instead of %s", want)
	}
}

func (c carpool) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := c.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed, or was not
}

// get is who answers at the port, over a connection of its own.
func (s *stage) get() (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: never}
	answer, err := client.Get("http://" + s.address() + "/")
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

// wants asks once: whoever has the port now must answer.
func (s *stage) wants(name string) {
	s.t.Helper()
	if got, err := s.get(); err != nil || got != name {
		s.t.Fatalf("got %q, %v instead of %s", got, err, name)
	}
}

// load asks all the time until stop, which returns what failed: refused ones, and
// all others.
func (s *stage) load(clients int) (stop func() (refused, broken []error)) {
	var mu sync.Mutex
	var refused, broken []error
	end := make(chan struct{})
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				_, err := s.get()
				if err == nil {
					continue
				}
				mu.Lock()
				if errors.Is(err, syscall.ECONNREFUSED) {
					refused = append(refused, err)
				} else {
					broken = append(broken, err)
				}
				mu.Unlock()
			}
		})
	}
	return func() ([]error, []error) {
		close(end)
		all.Wait()
		return refused, broken
	}
}

// TestKilledCarpoolFailsOpen is the promise: whatever becomes of Carpool, who
// connects to the engine's own port reaches the engine.
func TestKilledCarpoolFailsOpen(t *testing.T) {
	s := newStage(t)
	if err := Start(t.Context(), s.socket, s.command()); err != nil {
		t.Fatal(err)
	}
	stop := s.load(8)
	for range 20 {
		c := s.carpool()
		s.wants("carpool")
		c.end(t, syscall.SIGKILL)
		// From here on it is dead: not one connection that begins now may fail.
		s.wants("engine")
	}
	refused, broken := stop()
	if len(refused) > 0 {
		t.Errorf("%d connections were refused, as by %v", len(refused), refused[0])
	}
	// What Carpool itself was answering ends with it, at most one for each client.
	if most := 20 * 8; len(broken) > most {
		t.Errorf("%d requests broke, of at most %d that were in Carpool, as by %v", len(broken), most, broken[0])
	}
}

func TestQuitAndRestartLoseNothing(t *testing.T) {
	s := newStage(t)
	first := s.carpool()
	stop := s.load(8)
	first.end(t, syscall.SIGTERM)
	for range 5 {
		s.wants("engine")
		c := s.carpool()
		for range 50 { // all of them, not those that the guard leaves
			s.wants("carpool")
		}
		c.end(t, syscall.SIGTERM)
	}
	if refused, broken := stop(); len(refused)+len(broken) > 0 {
		t.Errorf("%d refused, %d broken: %v", len(refused), len(broken), append(refused, broken...)[0])
	}
}

func TestGuardThatDiesIsReplaced(t *testing.T) {
	s := newStage(t)
	c := s.carpool()
	stop := s.load(4)
	for range 3 {
		kill(t, s.guard(c))
		c.expect(t, "adopted")
		s.wants("carpool")
	}
	if refused, broken := stop(); len(refused)+len(broken) > 0 {
		t.Errorf("%d refused, %d broken: %v", len(refused), len(broken), append(refused, broken...)[0])
	}
	c.end(t, syscall.SIGKILL)
	s.wants("engine")
}

// TestGuardIsApart: what ends a terminal, or whoever starts Carpool, does not end the
// guard, and nobody else can ask it for the port.
func TestGuardIsApart(t *testing.T) {
	s := newStage(t)
	guard := s.guard(s.carpool())
	session, err := unix.Getsid(guard)
	if err != nil || session != guard {
		t.Errorf("it is in session %d, %v; it is process %d", session, err, guard)
	}
	if dir, err := os.Readlink("/proc/" + strconv.Itoa(guard) + "/cwd"); err != nil || dir != "/" {
		t.Errorf("it keeps %s in use, %v", dir, err)
	}
	if info, err := os.Stat(s.socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its socket is %v, %v", info, err)
	}
}

func TestTwoCarpoolsDoNotShareThePort(t *testing.T) {
	s := newStage(t)
	s.carpool()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no waiting for the first one to end
	if _, _, err := ask(t.Context(), s.socket, askTake); !errors.Is(err, ErrLent) {
		t.Errorf("got %v", err)
	}
	if err := End(ctx, s.socket); err == nil {
		t.Error("the port was given up under a Carpool that has it")
	}
	s.wants("carpool")
}

func TestEndFreesThePort(t *testing.T) {
	s := newStage(t)
	if err := Start(t.Context(), s.socket, s.command()); err != nil {
		t.Fatal(err)
	}
	s.wants("engine")
	if err := End(t.Context(), s.socket); err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	eventually(t, "the port is not free", func() bool {
		l, err := lc.Listen(t.Context(), "tcp4", s.address())
		return err == nil && l.Close() == nil
	})
}

func TestGuardPassesBytesOnAsTheyAre(t *testing.T) {
	var lc net.ListenConfig
	engine, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	r := newRelays(engine.Addr().String())
	defer r.close()
	front, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = front.Close() }()
	limit := time.Now().Add(never)
	for _, l := range []net.Listener{engine, front} {
		if err := l.(*net.TCPListener).SetDeadline(limit); err != nil {
			t.Fatal(err)
		}
	}
	var d net.Dialer
	client, err := d.DialContext(t.Context(), "tcp4", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	accepted, err := front.Accept()
	if err != nil {
		t.Fatal(err)
	}
	r.add(accepted.(*net.TCPConn))
	far, err := engine.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	if err := errors.Join(client.SetDeadline(limit), far.SetDeadline(limit)); err != nil {
		t.Fatal(err)
	}

	// A client that has said all still hears the answer.
	if _, err := io.WriteString(client, "question\x00\xff"); err != nil {
		t.Fatal(err)
	}
	if err := client.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(far); err != nil || string(got) != "question\x00\xff" {
		t.Errorf("the engine got %q, %v", got, err)
	}
	r.retire(time.Now().Add(time.Hour)) // whoever waits for an answer is not idle
	if _, err := io.WriteString(far, "answer"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "answer" {
		t.Errorf("the client got %q, %v", got, err)
	}
	t.Run("AndEndsIdleOnesOnlyOnceTheyAreOld", func(t *testing.T) {
		r.retire(time.Now().Add(-time.Hour))
		if _, err := io.WriteString(far, "more"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(client, got[:4]); err != nil || string(got[:4]) != "more" {
			t.Fatalf("the client got %q, %v", got[:4], err)
		}
		r.retire(time.Now().Add(time.Hour))
		if _, err := client.Read(got); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("an idle connection is kept past Carpool: %v", err)
		}
	})
}

func TestGuardEndsWithTheTakeover(t *testing.T) {
	over := false
	g := &guard{relays: newRelays("127.0.0.1:1"), gone: func() bool { return over }}
	if g.look(time.Now()) {
		t.Error("it ended before the takeover")
	}
	over, g.lent = true, true
	if g.look(time.Now()) {
		t.Error("it ended under a Carpool that has the port")
	}
	g.lent = false
	if !g.look(time.Now()) {
		t.Error("it guards what is not taken over any more")
	}
}

func eventually(t *testing.T, missing string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(never); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(missing)
		}
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
