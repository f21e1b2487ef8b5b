package process

import (
	"context"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Engine is one whose processes a Family finds.
type Engine struct {
	Name string // unique
	Kind string // "ollama", "lmstudio", "llamacpp", "koboldcpp", "openai": what its programs are called
	URL  string // where it listens; an engine that is not at a loopback address has no process here
	PID  int    // of the process that was started for it; 0 = none was, or it is a service
}

// Family finds the engine that a process belongs to: because it, or a process
// above it, listens on the engine's port or was started for the engine. Where
// nobody can be seen to listen (it is another user's process, or a container's
// port), a process belongs to it that has, or is below one that has, the name of
// the programs of the engine's kind; of several such engines, to the first.
//
// A Family reads what processes are called, never what they do. It is for one
// goroutine at a time. A look at a process that is known costs some microseconds.
type Family struct {
	kin     kin
	engines []Engine
	ports   []port // of engines, at the same index
	pass    uint64
	known   map[int32]*relative
}

// kin is what a Family needs of the operating system. Only its owner calls it.
type kin interface {
	born(pid int32) (start int64, ok bool) // false: there is no such process
	parent(pid int32) int32                // 0 = none, or not known
	facts(ctx context.Context, pid int32) facts
	listener(ctx context.Context, port uint16) int32 // 0 = none can be seen
	close()
}

// port is where an engine listens, and who does.
type port struct {
	number uint16 // 0 = elsewhere
	owner  life   // zero: nobody can be seen
	looked time.Time
}

// relative is what is known of one process.
type relative struct {
	life
	seen    uint64 // the pass in which it was asked for last
	settled bool   // engine holds for the engines as they are
	engine  string
	named   bool // program is known
	program string
}

// NewFamily returns a Family that knows no engine yet.
func NewFamily() *Family { return newFamily(openKin()) }

func newFamily(k kin) *Family { return &Family{kin: k, known: map[int32]*relative{}} }

// Close ends what the Family holds of the system. Nothing may be called after it.
func (f *Family) Close() { f.kin.close() }

// Look begins a pass: it takes over the engines, finds out who listens on their
// ports as far as that is not known, and forgets the processes that the pass
// before did not ask for. It may take milliseconds where an engine is new or has
// started again, and ends with ctx.
func (f *Family) Look(ctx context.Context, engines []Engine) {
	f.pass++
	for pid, r := range f.known {
		if r.seen+1 < f.pass {
			delete(f.known, pid)
		}
	}
	changed := f.take(engines)
	for i := range f.ports {
		if f.findOwner(ctx, &f.ports[i]) {
			changed = true
		}
	}
	if changed {
		for _, r := range f.known {
			r.settled = false
		}
	}
}

// take keeps what is known of engines that stay, and reports a change.
func (f *Family) take(engines []Engine) (changed bool) {
	ports := make([]port, len(engines))
	for i, e := range engines {
		ports[i].number = localPort(e.URL)
		for _, p := range f.ports {
			if p.number == ports[i].number {
				ports[i] = p
			}
		}
	}
	changed = len(engines) != len(f.engines)
	for i := 0; !changed && i < len(engines); i++ {
		changed = engines[i] != f.engines[i]
	}
	f.engines, f.ports = append(f.engines[:0], engines...), ports
	return changed
}

// findOwner looks for who listens on a port, unless the one found before still
// lives or the last look was a moment ago. It reports another owner.
func (f *Family) findOwner(ctx context.Context, p *port) (changed bool) {
	if p.number == 0 || p.owner.pid != 0 && f.lives(p.owner) {
		return false
	}
	if p.owner.pid == 0 && time.Since(p.looked) < listenerPause {
		return false
	}
	before := p.owner
	p.owner, p.looked = f.listener(ctx, p.number), time.Now()
	return p.owner != before
}

// listener is the process that listens on a port. It is nobody where a
// container's or another machine's port is only handed on, and nobody that is
// above Carpool itself: a service manager that holds the port of a service that
// is to come, or an editor that has one and Carpool's terminal, would have all
// programs of this machine belong to the engine.
func (f *Family) listener(ctx context.Context, number uint16) life {
	pid := f.kin.listener(ctx, number)
	if pid == 0 || standsIn(f.kin.facts(ctx, pid).base()) {
		return life{}
	}
	start, ok := f.kin.born(pid)
	owner := life{pid, start}
	if !ok || f.climb(int32(os.Getpid()), func(l life) bool { return l == owner }) {
		return life{}
	}
	return owner
}

func (f *Family) lives(l life) bool {
	start, ok := f.kin.born(l.pid)
	return ok && start == l.start
}

// Engine is the name of the engine that a process belongs to; false if it belongs
// to none.
func (f *Family) Engine(pid int) (name string, ok bool) {
	r := f.relative(pid)
	if r == nil {
		return "", false
	}
	if !r.settled {
		r.engine, r.settled = f.engineOf(r.pid), true
	}
	return r.engine, r.engine != ""
}

// Program is what people call a process's program; "" = not known.
func (f *Family) Program(pid int) string {
	r := f.relative(pid)
	if r == nil {
		return ""
	}
	if !r.named {
		r.program, r.named = f.kin.facts(context.Background(), r.pid).app().Name, true
	}
	return r.program
}

// relative is what is known of the process that has the id now; nil if none has.
func (f *Family) relative(pid int) *relative {
	id := int32(pid)
	r := f.known[id]
	if r != nil && r.seen == f.pass {
		return r
	}
	start, ok := f.kin.born(id)
	if !ok {
		delete(f.known, id)
		return nil
	}
	if r == nil || r.start != start {
		r = &relative{life: life{id, start}}
		f.known[id] = r
	}
	r.seen = f.pass
	return r
}

// engineOf goes from a process upwards. Who listens or was started says more than
// any name; of names the uppermost counts, since Ollama and LM Studio run
// programs of llama.cpp.
func (f *Family) engineOf(pid int32) (name string) {
	unseen := map[string]string{} // the first engine of each kind that only a name can tell
	for i, e := range f.engines {
		if p := f.ports[i]; p.number != 0 && p.owner.pid == 0 && e.PID == 0 && unseen[e.Kind] == "" {
			unseen[e.Kind] = e.Name
		}
	}
	kind := ""
	found := f.climb(pid, func(l life) bool {
		for i, e := range f.engines {
			p := f.ports[i]
			if p.number != 0 && (p.owner == l || e.PID != 0 && l.pid == int32(e.PID)) {
				name = e.Name
				return true
			}
		}
		if len(unseen) == 0 {
			return false
		}
		if k := kindOf(f.kin.facts(context.Background(), l.pid)); k != "" {
			kind = k
		}
		return false
	})
	if found {
		return name
	}
	return unseen[kind]
}

// maxAncestors bounds the way up.
const maxAncestors = 32

// climb visits a process and those above it until visit returns true, and reports
// whether it did. A parent that is younger than its child has only the id of one
// that ended.
func (f *Family) climb(pid int32, visit func(life) bool) bool {
	start, ok := f.kin.born(pid)
	for n := 0; ok && n < maxAncestors; n++ {
		if visit(life{pid, start}) {
			return true
		}
		above := f.kin.parent(pid)
		if above == 0 || above == pid {
			return false
		}
		since, lives := f.kin.born(above)
		pid, start, ok = above, since, lives && since <= start
	}
	return false
}

// localPort is the port of a URL of this machine; 0 if it is of another, or of
// none.
func localPort(address string) uint16 {
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	if host != "localhost" && !strings.HasSuffix(host, ".localhost") && (err != nil || !ip.Unmap().IsLoopback()) {
		return 0
	}
	given := u.Port()
	switch {
	case given != "":
	case u.Scheme == "http":
		given = "80"
	case u.Scheme == "https":
		given = "443"
	}
	n, err := strconv.ParseUint(given, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}
