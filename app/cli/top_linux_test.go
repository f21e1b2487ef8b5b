package cli

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with `carpool top` in it, as a process of its own.
type terminal struct {
	instance

	cmd     *exec.Cmd
	keys    *os.File // also the screen
	other   *os.File
	cooked  unix.Termios
	screen  *page
	reading sync.WaitGroup
}

func (i instance) terminal(width, height uint16) *terminal {
	i.t.Helper()
	keys, other, err := pty.Open()
	if err != nil {
		i.t.Skip("no pseudo-terminal: ", err)
	}
	x := &terminal{instance: i, keys: keys, other: other, screen: &page{}}
	if err := pty.Setsize(keys, &pty.Winsize{Cols: width, Rows: height}); err != nil {
		i.t.Fatal(err)
	}
	x.cooked = x.mode()
	x.cmd = exec.Command(os.Args[0], "top", "--state", i.state, "--config", i.config) //nolint:noctx // ended below
	x.cmd.Env = append(os.Environ(), asProgram+"=1")
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = other, other, other
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	x.reading.Go(func() {
		b := make([]byte, 4096)
		for {
			n, err := keys.Read(b)
			_, _ = x.screen.Write(b[:n])
			if err != nil {
				return
			}
		}
	})
	i.t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		_ = x.cmd.Wait()
		_ = other.Close()
		_ = keys.Close()
		x.reading.Wait()
	})
	return x
}

func (x *terminal) mode() unix.Termios {
	x.t.Helper()
	m, err := unix.IoctlGetTermios(int(x.other.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return *m
}

func (x *terminal) press(keys string) {
	x.t.Helper()
	if _, err := x.keys.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) shows(what string) {
	x.t.Helper()
	x.await(func() bool { return strings.Contains(x.screen.String(), what) })
}

// isAsItWas checks what a shell finds afterwards.
func (x *terminal) isAsItWas() {
	x.t.Helper()
	_ = x.cmd.Wait() // its status is not what this is about
	if x.mode() != x.cooked {
		x.t.Error("the terminal was left raw")
	}
	x.shows("\x1b[?25h\x1b[?1049l")
}

func TestTopInATerminal(t *testing.T) {
	t.Run("KeysSteerCarpool", func(t *testing.T) {
		i := newInstance(t)
		f := &fake{snapshot: busy()}
		i.serve(f)
		x := i.terminal(120, 40)
		x.shows("1 running, 3 waiting")
		if x.mode() == x.cooked {
			t.Error("keys would be echoed")
		}
		asked := func(what string) func() bool {
			return func() bool {
				f.mu.Lock()
				defer f.mu.Unlock()
				return slices.Contains(f.asked, what)
			}
		}
		x.press("p")
		x.await(asked("batching.enabled=false"))
		x.press("jj")
		x.press("f")
		x.await(asked("front 42"))
		x.press("\x1b[A")
		x.shows("\x1b[7m")
		x.press("x")
		x.await(asked("cancel 41"))
		x.press("q")
		x.isAsItWas()
	})
	t.Run("ResizesAtOnce", func(t *testing.T) {
		i := newInstance(t)
		i.serve(&fake{snapshot: busy()})
		x := i.terminal(120, 40)
		x.shows("\x1b[40;1H")
		if err := pty.Setsize(x.keys, &pty.Winsize{Cols: 30, Rows: 12}); err != nil {
			t.Fatal(err)
		}
		x.shows("\x1b[12;1Hq quit  p batching off/on  ↑↓…")
		x.press("\x03")
		x.isAsItWas()
	})
	t.Run("ASignalLeavesItAsItWas", func(t *testing.T) {
		i := newInstance(t)
		i.serve(&fake{snapshot: busy()})
		x := i.terminal(80, 24)
		x.shows("q quit")
		if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		x.isAsItWas()
	})
	t.Run("WaitsForACarpoolThatDoesNotRun", func(t *testing.T) {
		i := newInstance(t)
		x := i.terminal(80, 24)
		x.shows("not running")
		i.serve(&fake{snapshot: busy()})
		x.shows("1 running, 3 waiting")
		x.press("q")
		x.isAsItWas()
	})
}
