package trust

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/app/control"
	"carpool/backends/backendstest"
	"carpool/storage"
)

// carpool is a `carpool serve` in a process and folders of its own.
type carpool struct {
	t    testing.TB
	home string // all its folders are in here
	root string // where its file system is seen from here; "" = it is ours
	addr string // "127.0.0.1:port", the same after a restart
	url  string // "http://" + addr
	vars []string
	wrap []string // runs it, as in {"unshare", "-rn"}; nil = nothing
	out  *os.File // where it writes; nil = notes

	cmd    *exec.Cmd
	notes  *bytes.Buffer // what it wrote to stdout and stderr; read after it has ended
	ended  chan struct{}
	status error // of its end; after ended
}

// begin starts a Carpool in front of an engine, with settings such as
// "batching.mode=fixed", and waits until it serves. It ends with the test.
func begin(t testing.TB, engine *backendstest.Engine, settings ...string) *carpool {
	t.Helper()
	c := prepare(t, append([]string{"engine.url=" + engine.URL}, settings...)...)
	c.start()
	c.awaitEngine()
	return c
}

// awaitEngine waits until it serves and knows an engine.
func (c *carpool) awaitEngine() {
	c.t.Helper()
	c.await("the engine is up", func() error {
		var h struct {
			Engine *struct {
				Health string `json:"health"`
			} `json:"engine"`
		}
		if err := c.health(&h); err != nil {
			return err
		}
		if h.Engine == nil || h.Engine.Health != "up" {
			return fmt.Errorf("engine %+v", h.Engine)
		}
		return nil
	})
}

// prepare makes the folders and settings of a Carpool that is not started yet.
func prepare(t testing.TB, settings ...string) *carpool {
	t.Helper()
	// Not t.TempDir, which has the test's name in it: a socket's path must be short.
	home, err := os.MkdirTemp("", "carpool-trust-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	c := &carpool{t: t, home: home, addr: freeAddress(t)}
	c.url = "http://" + c.addr
	c.vars = []string{program + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp")}
	for _, folder := range []string{"tmp", "run"} {
		if err := os.Mkdir(filepath.Join(home, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c.vars = append(c.vars, "XDG_RUNTIME_DIR="+filepath.Join(home, "run"))
	c.configure(settings...)
	return c
}

// configure writes settings to its file; one that runs takes them up.
func (c *carpool) configure(settings ...string) {
	c.t.Helper()
	set, _ := config.Open(c.configFile())
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		var err error
		if set, err = set.With(key, value); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := config.Save(c.configFile(), set); err != nil {
		c.t.Fatal(err)
	}
}

func (c *carpool) configFile() string  { return filepath.Join(c.root, c.home, "config", "carpool.toml") }
func (c *carpool) stateDir() string    { return filepath.Join(c.root, c.home, "state") }
func (c *carpool) logFile() string     { return filepath.Join(c.stateDir(), "carpool.log") }
func (c *carpool) historyFile() string { return filepath.Join(c.stateDir(), "history.db") }
func (c *carpool) pid() int            { return c.cmd.Process.Pid }

// start starts it without waiting; also again, after its end.
func (c *carpool) start() {
	c.t.Helper()
	c.cmd, c.notes = c.command("serve", "--listen", c.addr), &bytes.Buffer{}
	c.cmd.Stdout, c.cmd.Stderr = c.notes, c.notes
	if c.out != nil {
		c.cmd.Stdout, c.cmd.Stderr = c.out, c.out
	}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended, cmd := make(chan struct{}), c.cmd
	c.ended = ended
	go func() {
		c.status = cmd.Wait()
		close(ended)
	}()
	c.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if c.t.Failed() && cmd == c.cmd {
			c.t.Logf("carpool said:\n%s", c.notes)
		}
	})
}

// command is a `carpool` command with its folders, not started.
func (c *carpool) command(args ...string) *exec.Cmd {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	line := append(append(slices.Clone(c.wrap), self), args...)
	cmd := exec.Command(line[0], append(line[1:], "--state", strings.TrimPrefix(c.stateDir(), c.root), "--config", strings.TrimPrefix(c.configFile(), c.root))...)
	cmd.Env = c.vars
	return cmd
}

// do runs a `carpool` command to its end and returns what it printed.
func (c *carpool) do(args ...string) string {
	c.t.Helper()
	out, err := c.command(args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("carpool %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// signal sends a signal, and is no error after the end.
func (c *carpool) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Fatal(err)
	}
}

// wait waits for its end and returns how it ended.
func (c *carpool) wait(within time.Duration) error {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(within):
		c.t.Fatalf("still running after %v", within)
	}
	return c.status
}

// stop ends it in order.
func (c *carpool) stop() {
	c.t.Helper()
	c.signal(syscall.SIGTERM)
	if err := c.wait(time.Minute); err != nil {
		c.t.Errorf("ended with %v: %s", err, c.notes)
	}
}

// await tries until ok has no error, for as long as a loaded machine may need.
func (c *carpool) await(what string, ok func() error) {
	c.t.Helper()
	const patience, pause = 30 * time.Second, 20 * time.Millisecond
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		if err = ok(); err == nil {
			return
		}
		select {
		case <-c.ended:
			c.t.Fatalf("carpool has ended before %s: %v: %s", what, c.status, c.notes)
		default:
		}
	}
	c.t.Fatalf("never seen: %s: %v", what, err)
}

// health reads GET /health into v, a pointer.
func (c *carpool) health(v any) error {
	resp, err := http.Get(c.url + "/health")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s: %s", resp.Status, body)
	}
	return json.Unmarshal(body, v)
}

// counted are the requests that have ended, by outcome, as GET /metrics tells.
func (c *carpool) counted() map[string]int {
	c.t.Helper()
	resp, err := http.Get(c.url + "/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	counts := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^carpool_requests_total\{.*outcome="(\w+)".*\} (\d+)$`).FindAllStringSubmatch(string(text), -1) {
		n, _ := strconv.Atoi(m[2])
		counts[m[1]] += n
	}
	return counts
}

// connections is how many clients' connections it has open; 0 where the system does
// not tell.
func (c *carpool) connections() (n int) {
	_, port, _ := strings.Cut(c.addr, ":")
	number, _ := strconv.Atoi(port)
	const established, closeWait = "01", "08"
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(name)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 3 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", number)) && (f[3] == established || f[3] == closeWait) {
				n++
			}
		}
	}
	return n
}

// snapshot reads what `carpool status` shows into v, a pointer.
func (c *carpool) snapshot(v any) error {
	return control.Dial(c.stateDir()).Snapshot(c.t.Context(), v)
}

// committed are the requests on file while it runs, the newest first, at most 10,000.
func (c *carpool) committed() ([]storage.Request, error) {
	return control.Dial(c.stateDir()).Requests(c.t.Context(), storage.Query{Limit: 10_000})
}

// awaitRows waits until so many requests are on file, or more.
func (c *carpool) awaitRows(n int) {
	c.t.Helper()
	c.await(fmt.Sprintf("%d requests on file", n), func() error {
		rows, err := c.committed()
		if err == nil && len(rows) < n {
			err = fmt.Errorf("%d rows", len(rows))
		}
		return err
	})
}

// rows are the requests in its history, the oldest first. It must have ended.
func (c *carpool) rows() []storage.Request {
	c.t.Helper()
	ctx := context.Background()
	s, err := storage.Open(ctx, storage.Options{Path: c.historyFile()})
	if err != nil {
		c.t.Fatal(err)
	}
	all, err := s.Requests(ctx, storage.Query{Limit: 1 << 20})
	if err := errors.Join(err, s.Close(ctx)); err != nil {
		c.t.Fatal(err)
	}
	slices.Reverse(all)
	return all
}

// freeAddress is one on 127.0.0.1 whose port is free on [::1], too.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := backendstest.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
}
