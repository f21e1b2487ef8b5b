package process

import (
	"context"
	"net/netip"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// maxKnown bounds the programs whose names are kept.
const maxKnown = 256

// life is one process from start to end: its id alone is used again. A process
// that becomes another program later keeps the name it had.
type life struct {
	pid   int32
	start int64 // ms since 1970
}

// names remembers what processes are called.
type names struct{ known *lru.Cache[life, App] }

func newNames() names {
	known, _ := lru.New[life, App](maxKnown) // fails only for a size below 1
	return names{known}
}

func (n names) app(ctx context.Context, pid int32) App {
	p, err := process.NewProcessWithContext(ctx, pid)
	if err != nil {
		return App{}
	}
	start, err := p.CreateTimeWithContext(ctx)
	if err != nil {
		return App{}
	}
	l := life{pid, start}
	if app, ok := n.known.Get(l); ok {
		return app
	}
	app := mainProcess(ctx, p).app()
	n.known.Add(l, app)
	return app
}

// maxClimb bounds the way from a helper process up to its app's main process.
const maxClimb = 4

// mainProcess is what p is, or, where p is a helper that its own file does not
// tell apart from those of other apps, what the app's main process is.
func mainProcess(ctx context.Context, p *process.Process) facts {
	f := factsOf(ctx, p)
	for range maxClimb {
		if !f.sharedHelper() {
			break
		}
		parent, err := p.ParentWithContext(ctx)
		if err != nil {
			break
		}
		above := factsOf(ctx, parent)
		if above.exe != f.exe {
			break
		}
		p, f = parent, above
	}
	return f
}

// factsOf reads what it may; a process of another user tells little.
func factsOf(ctx context.Context, p *process.Process) facts {
	var f facts
	f.exe, _ = p.ExeWithContext(ctx)
	f.name, _ = p.NameWithContext(ctx)
	f.args, _ = p.CmdlineSliceWithContext(ctx)
	f.cgroup = cgroup(p.Pid)
	return f
}

// connections finds the owners in a list of every connection of the machine:
// quick on Windows, lsof on macOS, a walk over all open files on Linux.
func connections(ctx context.Context, wanted []Ends) map[Ends]int32 {
	all, err := net.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return nil
	}
	found := make(map[Ends]int32, len(wanted))
	for _, e := range wanted {
		found[e] = 0
	}
	for _, c := range all {
		e := Ends{addrPort(c.Laddr), addrPort(c.Raddr)}
		if _, asked := found[e]; asked && c.Pid > 0 {
			found[e] = c.Pid
		}
	}
	for e, pid := range found {
		if pid == 0 {
			delete(found, e)
		}
	}
	return found
}

// listening finds the process that listens on a port of this machine in the same
// list; 0 = none can be seen.
func listening(ctx context.Context, port uint16) int32 {
	all, err := net.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return 0
	}
	for _, c := range all {
		if c.Status != "LISTEN" || c.Laddr.Port != uint32(port) || c.Pid <= 0 {
			continue
		}
		ip, err := netip.ParseAddr(c.Laddr.IP)
		if err != nil || ip.Unmap().IsLoopback() || ip.IsUnspecified() { // "*" is no address
			return c.Pid
		}
	}
	return 0
}

// readFacts are those of a process, as far as they can be read.
func readFacts(ctx context.Context, pid int32) facts {
	return factsOf(ctx, &process.Process{Pid: pid})
}

func addrPort(a net.Addr) netip.AddrPort {
	ip, err := netip.ParseAddr(a.IP)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port))
}
