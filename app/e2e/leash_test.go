//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// A program that a test starts hangs on a leash: a second process of this test
// binary that ends the program's whole process group as soon as its own stdin
// closes. So nothing is left behind, even if the test binary panics, times out
// or is killed.
const leashEnv = "CARPOOL_E2E_LEASH"

const goodbye = 15 * time.Second // from SIGTERM to SIGKILL

// leash runs argv and returns its exit status; 128 and more: it was killed.
func leash(argv []string) int {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := os.Unsetenv(leashEnv); err != nil {
		return 127
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "leash:", err)
		return 127
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	released := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(released)
	}()
	select {
	case <-ended:
	case <-released:
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(goodbye):
		}
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	<-ended
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// process is a program on a leash.
type process struct {
	name  string
	log   string // the file that has its output
	hold  io.Closer
	leash int // the process that holds the program
	ended chan struct{}
	err   error // valid once ended is closed
}

func start(name, log string, env []string, argv ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(self, argv...)
	cmd.Env = append(env, leashEnv+"=1")
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	hold, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, log: log, hold: hold, leash: cmd.Process.Pid, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stop asks the program to end and waits. It fails if it did not end well. A
// second stop gives the same answer.
func (p *process) stop() error {
	_ = p.hold.Close()
	<-p.ended
	if p.err != nil {
		return fmt.Errorf("%s ended badly: %w", p.name, p.err)
	}
	return nil
}

// failed tells whether the program has ended already.
func (p *process) failed() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s ended: %w\n%s", p.name, errors.Join(p.err, errors.New("before it was told to")), p.tail())
	default:
		return nil
	}
}

// tail is the end of the program's output.
func (p *process) tail() string {
	const enough = 4 << 10
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	if len(b) > enough {
		b = b[len(b)-enough:]
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	return fmt.Sprintf("--- last output of %s:\n%s", p.name, b)
}
