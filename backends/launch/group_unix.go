//go:build unix

package launch

import (
	"io"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// group is a program and all that it starts: a process group, and a guard that
// ends it should this program end without doing so.
type group struct {
	id    int
	guard *exec.Cmd // nil: no shell here
	hold  io.Closer // the guard waits for its end
}

// guard waits for the end of its input, which comes when this program closes it
// or is killed, and then ends a group: at once where it listens, else by force
// after some seconds.
const guard = `trap '' HUP INT TERM
read -r _
kill -TERM -"$1" 2>/dev/null
n=$2
while [ "$n" -gt 0 ] && kill -0 -"$1" 2>/dev/null; do sleep 1; n=$((n - 1)); done
kill -KILL -"$1" 2>/dev/null`

const gone = grace // for killed processes to end

// startGroup starts cmd as the first of a new group.
func startGroup(cmd *exec.Cmd) (*group, error) {
	cmd.SysProcAttr = newGroup()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g := &group{id: cmd.Process.Pid}
	g.startGuard()
	return g, nil
}

// startGuard does without where there is no shell: only an end of this program
// that nothing can catch then leaves the group behind.
func (g *group) startGuard() {
	seconds := strconv.Itoa(int(grace / time.Second))
	cmd := exec.Command("/bin/sh", "-c", guard, "carpool-guard", strconv.Itoa(g.id), seconds) //nolint:gosec,noctx // two numbers; it has to outlive us
	// In a group of its own, or Ctrl-C would end it first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	hold, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	if cmd.Start() != nil {
		_ = hold.Close()
		return
	}
	g.guard, g.hold = cmd, hold
}

// ask asks all of the group to end.
func (g *group) ask() { _ = syscall.Kill(-g.id, syscall.SIGTERM) }

// kill ends all of the group.
func (g *group) kill() { _ = syscall.Kill(-g.id, syscall.SIGKILL) }

// finish ends what the program left behind, and the guard. The program's number
// is free again, but was a moment ago, and numbers are not given out twice in a
// row.
func (g *group) finish() {
	g.kill()
	for begun := time.Now(); syscall.Kill(-g.id, 0) == nil && runs(g.id) && time.Since(begun) < gone; {
		time.Sleep(5 * time.Millisecond)
	}
	if g.guard != nil {
		_ = g.guard.Process.Kill()
		_ = g.hold.Close()
		_ = g.guard.Wait()
	}
}
