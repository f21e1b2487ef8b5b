package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/app/control"
)

// notRun are commands that the documentation shows and this test does not run, by how
// their line begins. An entry that no line begins with fails the test.
var notRun = []struct{ begins, why string }{
	{"make", "builds and tests; TestNames_Exist looks up the target"},
	{"OLLAMA_HOST=", "Ollama is not installed with the tests; make e2e runs it"},
	{"carpool engine start", "the engines are not installed with the tests; make e2e runs it"},
	{"carpool bench --gpu", "it needs a GPU and an engine"},
	{"carpool bench --live", "it measures for a minute; the tests of app/trial and app/cli do so in small"},
	{"carpool engine check --model", "the demo engine's model has no weights; the tests of app/cli ask of one that has"},
	{"carpool connect --revert", "it undoes what a person agreed to; the tests of app/cli connect and revert"},
	{"carpool doctor", "it fails where the machine has a problem; the tests of app/cli and app/doctor ask it"},
	{"carpool takeover", "it needs Ollama's own port; the tests of app/takeover and app/cli take over others"},
	{"carpool uninstall", "it refuses while Carpool runs; the tests of app/cli uninstall"},
	{"sudo install", "it changes the system"},
	{"docker run", "it fetches and starts another program"},
	{"SIGN_CERT=", "it builds packages; .ci/package-check signs one"},
	{"carpool lan on", "it listens beyond loopback; the tests of app/cli and app/trust do so"},
}

// untilStopped are commands that run until Ctrl-C: they get it after their first words.
var untilStopped = []struct {
	begins string
	alone  bool // it is itself the Carpool that runs
}{
	{"carpool gpu --watch", false},
	{"carpool serve", true},
	{"carpool  ", true}, // and a remark
}

// Every line of every block marked sh ends well, run by a shell beside a Carpool with
// the demo engine. Pages come in any order, each with a Carpool of its own.
func TestCommands_EndWell(t *testing.T) {
	used := make([]bool, len(notRun))
	stopped := map[string]bool{}
	for _, p := range pages(t, false) {
		var run []string
		for _, b := range p.blocks {
			if b.language != "sh" {
				continue
			}
			for _, line := range lines(b.text) {
				if skipped(line, used) {
					continue
				}
				run = append(run, line)
			}
		}
		if len(run) == 0 {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			s := newShell(t)
			for _, line := range run {
				for _, u := range untilStopped {
					stopped[u.begins] = stopped[u.begins] || strings.HasPrefix(line, u.begins)
				}
				s.try(line)
			}
		})
	}
	for i, u := range used {
		if !u {
			t.Errorf("notRun: no command begins with %q any more", notRun[i].begins)
		}
	}
	for _, u := range untilStopped {
		if !stopped[u.begins] {
			t.Errorf("untilStopped: no command begins with %q any more", u.begins)
		}
	}
}

func skipped(line string, used []bool) bool {
	for i, n := range notRun {
		if strings.HasPrefix(line, n.begins) {
			used[i] = true
			return true
		}
	}
	return false
}

// A command that fails is a failure of the documentation.
func TestCommands_FailWhereTheyAreWrong(t *testing.T) {
	s := newShell(t)
	for _, line := range []string{"carpool nothing", "carpool set adaptive.most=16", "curl http://127.0.0.1:11435/api/nothing", "carpool status; false", "true | false | true"} {
		if _, err := s.run(line); err == nil {
			t.Errorf("%s: it ended well", line)
		}
	}
	if _, err := s.run("curl http://example.org/"); err == nil || !strings.Contains(err.Error(), "another host") {
		t.Errorf("another host is called: %v", err)
	}
}

// shell runs lines beside a Carpool of its own.
type shell struct {
	t       *testing.T
	home    string
	addr    string
	env     []string
	carpool *exec.Cmd
	ended   chan struct{} // of carpool
	said    *bytes.Buffer
}

func newShell(t *testing.T) *shell {
	t.Helper()
	home, err := os.MkdirTemp("", "carpool-docs-") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	s := &shell{t: t, home: home, addr: freeAddress(t)}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	for _, folder := range []string{"bin", "tmp", "run", "work"} {
		if err := os.Mkdir(filepath.Join(home, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(self, filepath.Join(home, "bin", "carpool")); err != nil {
		t.Fatal(err)
	}
	// By itself curl ends well whatever the answer's status is.
	script := fmt.Sprintf("#!/bin/sh\nexec %s --fail-with-body --silent --show-error \"$@\"\n", curl)
	if err := os.WriteFile(filepath.Join(home, "bin", "curl"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s.env = []string{program + "=1", "PATH=" + filepath.Join(home, "bin") + ":" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8",
		"TMPDIR=" + filepath.Join(home, "tmp"), "XDG_RUNTIME_DIR=" + filepath.Join(home, "run"),
		"CARPOOL_LISTEN=" + s.addr, "CARPOOL_ENGINE=demo", "BOX_KEY=sk-box", "VLLM_KEY=sk-vllm"}
	t.Cleanup(s.stop)
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// begin starts the Carpool, unless it runs.
func (s *shell) begin() {
	s.t.Helper()
	if s.carpool != nil {
		select {
		case <-s.ended:
		default:
			if s.serves() == nil {
				return
			}
			// It was told to quit.
			<-s.ended
		}
	}
	s.said = &bytes.Buffer{}
	s.carpool = exec.Command(filepath.Join(s.home, "bin", "carpool"), "serve")
	s.carpool.Env, s.carpool.Stdout, s.carpool.Stderr = s.env, s.said, s.said
	if err := s.carpool.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func() {
		_ = s.carpool.Wait()
		close(s.ended)
	}()
	const patience = time.Minute
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := s.serves()
		if err == nil {
			return
		}
		select {
		case <-s.ended:
			s.t.Fatalf("carpool has ended: %s", s.said)
		default:
		}
		if time.Now().After(end) {
			s.t.Fatalf("carpool does not serve: %v", err)
		}
	}
}

func (s *shell) serves() error {
	defer http.DefaultClient.CloseIdleConnections()
	answer, err := http.Get("http://" + s.addr + "/health")
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	var seen any
	return control.Dial(s.state()).Snapshot(s.t.Context(), &seen)
}

func (s *shell) state() string { return filepath.Join(s.home, ".local", "state", "carpool") }

func (s *shell) stop() {
	if s.carpool == nil {
		return
	}
	_ = s.carpool.Process.Signal(syscall.SIGTERM)
	<-s.ended
	s.carpool = nil
}

func (s *shell) try(line string) {
	s.t.Helper()
	if out, err := s.run(line); err != nil {
		s.t.Errorf("%s\n%v\n%s", line, err, out)
	}
}

var address = regexp.MustCompile(`https?://([^/\s'":]+)`)

// run runs a line with the documentation's port, and its TICKET, made real.
func (s *shell) run(line string) (string, error) {
	s.t.Helper()
	s.begin()
	if strings.HasPrefix(line, "curl") {
		for _, m := range address.FindAllStringSubmatch(line, -1) {
			if m[1] != "127.0.0.1" && m[1] != "localhost" {
				return "", errors.New("it calls another host: add it to notRun")
			}
		}
	}
	_, port, _ := strings.Cut(s.addr, ":")
	line = strings.ReplaceAll(line, "11435", port)
	if strings.Contains(line, "TICKET") {
		ticket, done := s.waiting()
		defer done()
		line = strings.ReplaceAll(line, "TICKET", strconv.FormatUint(ticket, 10))
	}
	const patience = 2 * time.Minute
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-u", "-o", "pipefail", "-c", line)
	cmd.Env, cmd.Dir = s.env, filepath.Join(s.home, "work")
	for _, u := range untilStopped {
		if strings.HasPrefix(line, u.begins) {
			if u.alone {
				s.stop()
			}
			return untilWords(cmd)
		}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// untilWords runs a command until it has said something, then interrupts it.
func untilWords(cmd *exec.Cmd) (string, error) {
	cmd.Args[len(cmd.Args)-1] = "exec " + cmd.Args[len(cmd.Args)-1] // else the shell is interrupted, not the command
	out, in, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	_ = in.Close() // the command has its own
	if err != nil {
		return "", err
	}
	words := make([]byte, 1024)
	n, err := out.Read(words)
	err = errors.Join(err, cmd.Process.Signal(os.Interrupt))
	rest, _ := io.ReadAll(out)
	return string(words[:n]) + string(rest), errors.Join(err, cmd.Wait())
}

// waiting has a request wait behind another one, and tells its ticket.
func (s *shell) waiting() (ticket uint64, done func()) {
	s.t.Helper()
	type queue struct {
		Waiting []struct {
			Ticket uint64 `json:"ticket"`
		} `json:"waiting"`
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	if _, err := s.run("carpool off"); err != nil {
		s.t.Fatal(err)
	}
	ends := make(chan struct{})
	const requests = 4
	for range requests {
		go func() {
			defer func() { ends <- struct{}{} }()
			body := strings.NewReader(`{"model": "carpool-demo", "prompt": "Hello", "options": {"num_predict": 4000}}`)
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+"/api/generate", body)
			if answer, err := http.DefaultClient.Do(r); err == nil {
				var all bytes.Buffer
				_, _ = all.ReadFrom(answer.Body)
				_ = answer.Body.Close()
			}
		}()
	}
	done = func() {
		cancel()
		for range requests {
			<-ends
		}
		_, _ = s.run("carpool on")
	}
	const patience = time.Minute
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var seen struct {
			Queues []queue `json:"queues"`
		}
		if err := control.Dial(s.state()).Snapshot(ctx, &seen); err != nil {
			s.t.Fatal(err)
		}
		for _, q := range seen.Queues {
			if len(q.Waiting) > 1 {
				return q.Waiting[len(q.Waiting)-1].Ticket, done
			}
		}
	}
	done()
	s.t.Fatal("no request waits")
	return 0, nil
}

// Settings that are shown are settings that Carpool takes.
func TestSettings_ShownAreTaken(t *testing.T) {
	t.Setenv("VLLM_KEY", "sk-vllm")
	t.Setenv("BOX_KEY", "sk-box")
	for _, p := range pages(t, false) {
		for _, b := range p.blocks {
			if b.language != "toml" {
				continue
			}
			file := filepath.Join(t.TempDir(), "carpool.toml")
			if err := os.WriteFile(file, []byte(fmt.Sprintf("version = %d\n%s", config.Version, b.text)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, warnings, err := config.Load(file); err != nil || len(warnings) > 0 {
				t.Errorf("%s: %v %v in\n%s", p.name, err, warnings, b.text)
			}
		}
	}
}
