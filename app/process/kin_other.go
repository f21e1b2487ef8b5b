//go:build !linux

package process

import (
	"context"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// listenerPause is between two looks for who listens on a port while nobody can
// be seen to: it may need the list of all connections, on macOS by lsof.
const listenerPause = 10 * time.Second

// kinships asks the system for each process.
type kinships struct{}

func openKin() kin { return kinships{} }

func (kinships) born(pid int32) (start int64, ok bool) {
	start, err := (&process.Process{Pid: pid}).CreateTime()
	return start, err == nil
}

func (kinships) parent(pid int32) int32 {
	parent, err := (&process.Process{Pid: pid}).Ppid()
	if err != nil {
		return 0
	}
	return parent
}

func (kinships) facts(ctx context.Context, pid int32) facts { return readFacts(ctx, pid) }

func (kinships) listener(ctx context.Context, port uint16) int32 { return listening(ctx, port) }

func (kinships) close() {}
