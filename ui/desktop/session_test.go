//go:build desktop && linux && !headless

package desktop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"carpool/app/control"
)

// binary is the program under test: CARPOOL_BINARY, or built once. It is built with
// the tag places, so that tests find what they click on.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		os.Exit(playOllama())
	}
	os.Exit(func() int {
		binary = os.Getenv("CARPOOL_BINARY")
		if binary != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "carpool")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "carpool")
		if out, err := exec.Command("go", "build", "-tags", "places", "-o", binary, "carpool").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build carpool: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// session is a desktop of its own: X server, window manager, session bus.
type session struct {
	t      testing.TB
	env    []string
	bus    *dbus.Conn
	untold bool // programs do not tell what they show, which costs time

	more       []string // arguments of the start
	firstStart bool     // the user has seen nothing yet, but has a history of yesterday
}

// needs skips the test where a tool is missing, unless CARPOOL_DESKTOP is
// "required".
func needs(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CARPOOL_DESKTOP") == "required" {
				t.Fatalf("%s is missing", tool)
			}
			t.Skipf("%s is missing", tool)
		}
	}
}

func newSession(t testing.TB) *session {
	t.Helper()
	needs(t, "Xvfb", "openbox", "xprop", "xdotool", "import", "dbus-daemon")
	home := t.TempDir()
	runtime := filepath.Join(home, "run")
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=en_GB.UTF-8", "XDG_RUNTIME_DIR=" + runtime,
		"XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "XDG_CACHE_HOME=" + filepath.Join(home, ".cache"),
		"XDG_STATE_HOME=" + filepath.Join(home, ".local", "state"), "XDG_DATA_HOME=" + filepath.Join(home, ".local", "share"),
		"LIBGL_ALWAYS_SOFTWARE=1", "NO_AT_BRIDGE=1",
	}}
	display := s.firstLine("Xvfb", "-displayfd", "1", "-screen", "0", "2720x1720x24", "-nolisten", "tcp")
	s.env = append(s.env, "DISPLAY=:"+display)
	address := s.firstLine("dbus-daemon", "--session", "--nofork", "--print-address")
	s.env = append(s.env, "DBUS_SESSION_BUS_ADDRESS="+address)
	s.keep("openbox")
	s.eventually("the window manager is there", func() bool {
		out, err := s.command("xprop", "-root", "_NET_SUPPORTING_WM_CHECK").Output()
		return err == nil && strings.Contains(string(out), "window id")
	})
	bus, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	s.bus = bus
	t.Cleanup(func() { _ = bus.Close() })
	return s
}

func (s *session) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = s.env
	return cmd
}

// keep runs a program until the end of the test, again should it end before.
func (s *session) keep(name string, args ...string) {
	ctx, cancel := context.WithCancel(context.Background())
	env, ended := slices.Clone(s.env), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			cmd := exec.CommandContext(ctx, name, args...)
			cmd.Env = env
			cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
			cmd.WaitDelay = 10 * time.Second
			out, err := cmd.CombinedOutput()
			if ctx.Err() != nil {
				return
			}
			s.t.Logf("%s ended with %v, and is started again: %s", name, err, out)
			time.Sleep(pause)
		}
	}()
	s.t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// firstLine starts a program and returns the first line that it prints.
func (s *session) firstLine(name string, args ...string) string {
	cmd := s.command(name, args...)
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = w.Close()
	s.t.Cleanup(func() { end(cmd); _ = r.Close() })
	_ = r.SetReadDeadline(time.Now().Add(patience))
	var line []byte
	for one := make([]byte, 1); ; line = append(line, one[0]) {
		if _, err := r.Read(one); err != nil {
			s.t.Fatalf("%s: %v", name, err)
		}
		if one[0] == '\n' {
			return strings.TrimSpace(string(line))
		}
	}
}

// end asks a program to end, and ends it after a while.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	kill.Stop()
}

// A desktop of its own is slow on a machine with other work. Only a failure takes
// as long as patience.
const (
	patience = 60 * time.Second
	pause    = 50 * time.Millisecond // between two looks
)

func (s *session) eventually(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// carpool is a running program with a window.
type carpool struct {
	*session
	cmd    *exec.Cmd
	state  string
	places string // the file with what the window shows
	output *safeBuffer
	ended  chan error
}

// open starts Carpool in front of an engine and waits until it is served.
func (s *session) open(engine string) *carpool {
	s.t.Helper()
	c := s.openSoon(engine)
	c.answers()
	return c
}

// openSoon starts Carpool in front of an engine.
func (s *session) openSoon(engine string) *carpool {
	s.t.Helper()
	state := filepath.Join(s.t.TempDir(), "state")
	c := &carpool{session: s, state: state, output: &safeBuffer{}, ended: make(chan error, 1)}
	if s.firstStart {
		s.yesterday(state)
	} else {
		s.settle(state)
	}
	c.cmd = s.command(binary, c.args(append([]string{"--listen", "127.0.0.1:0", "--engine", engine}, s.more...)...)...)
	c.places = filepath.Join(s.t.TempDir(), "places.json")
	if !s.untold {
		c.cmd.Env = append(slices.Clone(s.env), "CARPOOL_PLACES="+c.places)
	}
	c.cmd.Stdout, c.cmd.Stderr = c.output, c.output
	if err := c.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { c.ended <- c.cmd.Wait() }()
	s.t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Signal(syscall.SIGTERM)
			c.mustEnd()
		}
		if out := c.output.String(); strings.Contains(out, "Fyne call thread") || strings.Contains(out, "panic:") || strings.Contains(out, "DATA RACE") {
			s.t.Errorf("Carpool said:\n%s", out)
		}
		if s.t.Failed() {
			s.t.Logf("Carpool said:\n%s", c.output)
		}
	})
	return c
}

// answers waits until the engine is served.
func (c *carpool) answers() {
	c.t.Helper()
	c.eventually("Carpool answers", func() bool {
		status, err := c.status()
		return err == nil && len(status.Engines) > 0 && status.Engines[0].Health == "up"
	})
}

// settle writes the settings of someone who has seen what is shown but once.
func (s *session) settle(state string) {
	s.t.Helper()
	if err := os.MkdirAll(state, 0o700); err != nil {
		s.t.Fatal(err)
	}
	const settings = "version = 1\n[window]\nwelcome = false\nexplain_off = false\n"
	if err := os.WriteFile(filepath.Join(state, "carpool.toml"), []byte(settings), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// client calls the running Carpool without a program in between.
func (c *carpool) client() *control.Client { return control.Dial(c.state) }

// mustEnd waits for the program's end, which must be a good one.
func (c *carpool) mustEnd() {
	c.t.Helper()
	select {
	case err := <-c.ended:
		if err != nil {
			c.t.Errorf("Carpool ended with %v", err)
		}
	case <-time.After(patience):
		_ = c.cmd.Process.Signal(syscall.SIGQUIT) // it tells where it hangs
		c.t.Errorf("Carpool did not end by itself: %v", <-c.ended)
	}
}

func (c *carpool) args(more ...string) []string {
	return append([]string{"--state", c.state, "--config", filepath.Join(c.state, "carpool.toml")}, more...)
}

// cli runs a command against the running Carpool.
func (c *carpool) cli(args ...string) []byte {
	c.t.Helper()
	out, err := c.command(binary, c.args(args...)...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("carpool %v: %v\n%s", args, err, out)
	}
	return out
}

// status is what these tests read of `carpool status --json`.
type status struct {
	Endpoint string `json:"endpoint"`
	Sentence string `json:"sentence"`
	Config   struct {
		Batching struct {
			Enabled bool   `json:"enabled"`
			Mode    string `json:"mode"`
			Wait    int    `json:"max_batch_wait_ms"`
		} `json:"batching"`
	} `json:"config"`
	Limits struct {
		Mode string `json:"mode"`
		Size int    `json:"size"`
	} `json:"limits"`
	Batching struct {
		InFlight   int `json:"in_flight"`
		QueueDepth int `json:"queue_depth"`
	} `json:"batching"`
	Yield struct {
		Manual bool `json:"manual"`
	} `json:"yield"`
	Engines []struct {
		Health string `json:"health"`
		URL    string `json:"url"`
	} `json:"engines"`
	Launch []struct {
		Status string `json:"status"`
		Slots  int    `json:"slots"`
	} `json:"launch"`
	Launchable []struct{} `json:"launchable"`
}

func (c *carpool) status() (status, error) {
	var s status
	out, err := c.command(binary, c.args("status", "--json")...).Output()
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(out, &s)
}

// now is the status of a Carpool that must answer.
func (c *carpool) now() status {
	c.t.Helper()
	s, err := c.status()
	if err != nil {
		c.t.Fatalf("carpool status: %v", err)
	}
	return s
}

// ask sends n requests at once; the returned function waits for their answers.
func (c *carpool) ask(n int) (wait func()) {
	c.t.Helper()
	endpoint := c.now().Endpoint
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if err := generate(ctx, endpoint, "a test", "test", 8); err != nil {
				c.t.Error(err)
			}
		})
	}
	return func() {
		all.Wait()
		cancel()
	}
}

func generate(ctx context.Context, endpoint, app, model string, tokens int) error {
	body := fmt.Sprintf(`{"model":%q,"prompt":"nonce:hello","options":{"num_predict":%d}}`, model, tokens)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/api/generate", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Carpool-App", app)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return nil
}

// safeBuffer may be written while it is read.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
