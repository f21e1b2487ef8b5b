package launch

import (
	"fmt"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// group is a program and all that it starts: a job object, which Windows ends
// with its last handle, so also when this program is killed.
type group struct{ job windows.Handle }

// startGroup starts cmd as the first of a new group.
func startGroup(cmd *exec.Cmd) (*group, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("job object: %w", err)
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))) //nolint:gosec // as the call is made
	if err == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true}
		err = cmd.Start()
	}
	if err != nil {
		_ = windows.CloseHandle(job)
		return nil, err
	}
	g := &group{job}
	if err := g.add(uint32(cmd.Process.Pid)); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		g.finish()
		return nil, err
	}
	return g, nil
}

func (g *group) add(pid uint32) error {
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, pid)
	if err != nil {
		return fmt.Errorf("job object: %w", err)
	}
	defer func() { _ = windows.CloseHandle(h) }()
	if err := windows.AssignProcessToJobObject(g.job, h); err != nil {
		return fmt.Errorf("job object: %w", err)
	}
	return nil
}

// ask ends the group at once: Windows has no polite way to ask a program without
// a window.
func (g *group) ask() { g.kill() }

// kill ends all of the group.
func (g *group) kill() { _ = windows.TerminateJobObject(g.job, 1) }

// finish ends what the program left behind.
func (g *group) finish() { _ = windows.CloseHandle(g.job) }
