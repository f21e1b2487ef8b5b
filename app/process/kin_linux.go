package process

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// listenerPause is between two looks for who listens on a port while nobody can
// be seen to: the kernel says that in some 10 µs.
const listenerPause = time.Second

// kinships reads /proc/PID/stat, which every user may.
type kinships struct {
	*sockets
	stat   [1024]byte
	starts map[int32]birth
}

// birth is a process's start, and the folder of /proc that it was read in. The
// kernel makes that anew for a process whose id is used again, and at times for
// the same one; to ask for it takes one system call, not three.
type birth struct {
	inode   uint64
	made    unix.Timespec
	started int64
}

// maxBirths bounds those that are kept.
const maxBirths = 1024

func openKin() kin {
	return &kinships{sockets: openSystem().(*sockets), starts: map[int32]birth{}}
}

func (k *kinships) born(pid int32) (start int64, ok bool) {
	var folder unix.Stat_t
	if unix.Stat("/proc/"+strconv.Itoa(int(pid)), &folder) != nil {
		delete(k.starts, pid)
		return 0, false
	}
	if b := k.starts[pid]; b.inode == folder.Ino && b.made == folder.Ctim {
		return b.started, true
	}
	const afterState = 19 // fields from the state to the start
	start, ok = k.field(pid, afterState)
	if len(k.starts) >= maxBirths {
		clear(k.starts)
	}
	if ok {
		k.starts[pid] = birth{folder.Ino, folder.Ctim, start}
	}
	return start, ok
}

func (k *kinships) parent(pid int32) int32 {
	const afterState = 1
	parent, _ := k.field(pid, afterState)
	return int32(parent)
}

// field is one of the numbers after a process's name, which may hold any
// characters. The system calls are made without a file of package os, which would
// cost twice as much.
func (k *kinships) field(pid int32, n int) (value int64, ok bool) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(int(pid))+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	size, err := unix.Read(fd, k.stat[:])
	_ = unix.Close(fd)
	if err != nil || size <= 0 {
		return 0, false
	}
	text := k.stat[:size]
	rest := text[bytes.LastIndexByte(text, ')')+1:]
	i := 0
	for field := range bytes.FieldsSeq(rest) {
		if i == n {
			value, err = strconv.ParseInt(string(field), 10, 64)
			return value, err == nil
		}
		i++
	}
	return 0, false
}

func (k *kinships) facts(ctx context.Context, pid int32) facts { return readFacts(ctx, pid) }

// listener is the uppermost of the processes that hold the listening socket:
// engines that fork leave it to their children too.
func (k *kinships) listener(ctx context.Context, port uint16) int32 {
	if k.diag == nil {
		return listening(ctx, port)
	}
	for _, at := range []struct{ own, far netip.Addr }{
		{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv4Unspecified()},
		{netip.IPv6Loopback(), netip.IPv6Unspecified()},
	} {
		e := Ends{Client: netip.AddrPortFrom(at.own, port), Server: netip.AddrPortFrom(at.far, 0)}
		pid := k.owners(ctx, []Ends{e})[e]
		if pid == 0 {
			continue
		}
		inode, _, err := k.socket(e)
		for above := k.parent(pid); err == nil && above > 1; above = k.parent(above) {
			found := map[Ends]int32{}
			k.search([]int32{above}, map[string]Ends{fmt.Sprintf("socket:[%d]", inode): e}, found)
			if found[e] == 0 {
				break
			}
			pid = above
		}
		return pid
	}
	return 0
}
