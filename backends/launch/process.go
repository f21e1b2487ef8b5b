package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// process is one run of an engine's program, with all that it starts.
type process struct {
	cmd   *exec.Cmd
	group *group
	ended chan struct{}
	err   error // of its end; valid once ended is closed
}

const (
	grace    = 5 * time.Second // from asking an engine to end to ending it
	lastWord = time.Second     // for output that is still in the pipe when all has ended
)

// startProcess starts a program in a group of its own. Its output goes to out,
// which is not used any more once the process has ended.
func startProcess(p Plan, out io.Writer) (*process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	cmd := exec.Command(p.Path, p.Args...) //nolint:gosec,noctx // the user's own program; it is asked to end before it is killed
	cmd.Env = p.Env
	cmd.Stdout, cmd.Stderr = write, write
	r := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux ends a child when the thread that started it ends, not only when
		// the program does, so this thread stays until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		r.group, err = startGroup(cmd)
		err = errors.Join(err, write.Close())
		started <- err
		if err != nil {
			return
		}
		r.follow(read, out)
		close(r.ended)
	}()
	if err := <-started; err != nil {
		_ = read.Close()
		return nil, err
	}
	return r, nil
}

// follow returns when the program has ended, nothing of its group is left and
// its output was taken.
func (r *process) follow(read *os.File, out io.Writer) {
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(out, read) // it ends with the last of the group
		close(copied)
	}()
	r.err = r.cmd.Wait()
	r.group.finish()
	// What left the group may hold the pipe for ever.
	_ = read.SetReadDeadline(time.Now().Add(lastWord))
	<-copied
	_ = read.Close()
}

// end asks the program to end, and after the grace ends it with all that it
// started. It returns when nothing is left.
func (r *process) end() {
	select {
	case <-r.ended:
		return
	default:
	}
	r.group.ask()
	select {
	case <-r.ended:
		return
	case <-time.After(grace):
	}
	r.group.kill()
	<-r.ended
}

func (r *process) pid() int { return r.cmd.Process.Pid }

// outcome says in words how the program ended.
func (r *process) outcome() string {
	if r.err == nil {
		return "it ended by itself"
	}
	if exit, ok := errors.AsType[*exec.ExitError](r.err); ok {
		if signal, killed := strings.CutPrefix(exit.String(), "signal: "); killed {
			return "it was ended by a signal (" + signal + ")"
		}
		return "it ended with " + exit.String()
	}
	return r.err.Error()
}
