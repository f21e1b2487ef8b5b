package gpu

import (
	"path"
	"slices"
	"strings"
	"time"
)

// The functions that list processes; they say which kind.
const (
	computeList  = "nvmlDeviceGetComputeRunningProcesses"
	mpsList      = "nvmlDeviceGetMPSComputeRunningProcesses" // those that compute through a shared server
	graphicsList = "nvmlDeviceGetGraphicsRunningProcesses"
)

// use is an entry of such a list; a process has one for each part of a GPU that
// it is on.
type use struct {
	pid    uint32
	memory uint64 // bytes, or notTold
}

// sample is a process's share of a GPU's time.
type sample struct {
	pid     uint32
	at      uint64 // µs
	percent uint32
}

// join makes one process of a GPU out of what the lists say of it.
type join struct {
	told      bool // the driver lists processes
	sampled   bool // and tells their shares of the time
	processes []joined
	uses      []use // reused, as all here
	samples   []sample
}

type joined struct {
	pid     uint32
	kind    Kind
	memory  uint64 // the most that a list says; notTold if none does
	list    string // the last one it was in
	inList  uint64 // its memory there
	percent uint32
}

func (j *join) reset() {
	j.told, j.sampled = false, false
	j.processes = j.processes[:0]
}

func (s *sheet) compute() code  { return s.list(computeList, Compute) }
func (s *sheet) mps() code      { return s.list(mpsList, Compute) }
func (s *sheet) graphics() code { return s.list(graphicsList, Graphics) }

func (s *sheet) list(function string, kind Kind) code {
	uses, c := s.device.Running(function, s.join.uses[:0])
	s.join.uses = uses
	if c != success {
		return c
	}
	s.join.told = true
	for _, u := range uses {
		s.join.add(function, kind, u)
	}
	return success
}

// add sums up what one list says, since a process can be on several parts of a
// GPU. But the lists all tell the memory of the whole process.
func (j *join) add(list string, kind Kind, u use) {
	i := slices.IndexFunc(j.processes, func(p joined) bool { return p.pid == u.pid })
	if i < 0 {
		i = len(j.processes)
		j.processes = append(j.processes, joined{pid: u.pid, kind: kind, memory: notTold})
	}
	p := &j.processes[i]
	if p.kind != kind {
		p.kind = ComputeGraphics
	}
	if p.list != list {
		p.list, p.inList = list, 0
	}
	if u.memory == notTold {
		return
	}
	p.inList += u.memory
	if p.memory == notTold || p.inList > p.memory {
		p.memory = p.inList
	}
}

// shares are the processes' shares of a GPU's time, as sampled last.
type shares struct {
	since  uint64    // µs: the newest sample taken in
	at     time.Time // when it was
	latest []sample
}

// fresh is how old shares may be. Drivers sample up to once a second, so that
// none newer before that does not mean that nothing ran.
const fresh = time.Second

func (s *sheet) processes() code {
	if len(s.join.processes) == 0 {
		return notSupported // nobody to ask for
	}
	now := time.Now()
	// A clock that was set back must not make all samples old.
	since := min(s.shares.since, uint64(max(now.UnixMicro(), 0)))
	samples, c := s.device.ProcessUtilization(since, s.join.samples[:0])
	s.join.samples = samples
	if c != success && c != notFound {
		return c
	}
	s.shares.take(now, since, samples)
	s.join.sampled = true
	for i := range s.join.processes {
		p := &s.join.processes[i]
		p.percent = s.shares.of(p.pid)
	}
	return success
}

// take keeps the newest sample of each process. Drivers add entries that mean
// nothing: older than asked for, or above 100 %.
func (s *shares) take(now time.Time, since uint64, samples []sample) {
	samples = slices.DeleteFunc(samples, func(x sample) bool { return x.at <= since || x.percent > 100 })
	if len(samples) == 0 {
		if now.Sub(s.at) >= fresh {
			s.latest = s.latest[:0]
		}
		return
	}
	s.at, s.latest, s.since = now, s.latest[:0], 0
	for _, x := range samples {
		s.since = max(s.since, x.at)
		i := slices.IndexFunc(s.latest, func(l sample) bool { return l.pid == x.pid })
		switch {
		case i < 0:
			s.latest = append(s.latest, x)
		case s.latest[i].at < x.at:
			s.latest[i] = x
		}
	}
}

// of is in percent; a process without a sample did not run.
func (s *shares) of(pid uint32) uint32 {
	for _, l := range s.latest {
		if l.pid == pid {
			return l.percent
		}
	}
	return 0
}

// fill gives r what was joined, in memory of its own.
func (j *join) fill(r *Reading, names *programNames) {
	if !j.told {
		return
	}
	type told struct {
		memory      uint64
		utilization float64
	}
	values := make([]told, len(j.processes))
	r.Processes = make([]Process, len(j.processes))
	for i, p := range j.processes {
		to, v := &r.Processes[i], &values[i]
		to.PID, to.Kind = int(p.pid), p.kind
		if names != nil {
			to.Name = names.of(p.pid)
		}
		if p.memory != notTold {
			v.memory = p.memory
			to.Memory = &v.memory
		}
		if j.sampled {
			set(&to.Utilization, &v.utilization, float64(p.percent)/100)
		}
	}
}

// programNames keeps the names of the processes that are on a GPU, so that each
// is asked for once.
type programNames struct {
	ask   func(pid uint32) (string, code)
	known map[uint32]programName
	round int
	seen  int // in this round
}

type programName struct {
	name  string // "" where the driver does not tell, as in a container
	round int    // of the last time it was wanted
}

func newProgramNames(ask func(pid uint32) (string, code)) *programNames {
	return &programNames{ask: ask, known: map[uint32]programName{}}
}

func (n *programNames) of(pid uint32) string {
	p, ok := n.known[pid]
	if !ok {
		p.round = -1
		if line, c := n.ask(pid); c == success {
			p.name = program(line)
		}
	}
	if p.round != n.round {
		n.seen++
		p.round = n.round
		n.known[pid] = p
	}
	return p.name
}

// forget drops the processes that are gone, since their numbers are used again,
// and begins a new round.
func (n *programNames) forget() {
	if n.seen < len(n.known) {
		for pid, p := range n.known {
			if p.round != n.round {
				delete(n.known, pid)
			}
		}
	}
	n.seen = 0
	n.round++
}

// program is the file name in a line that may have the whole path and arguments.
func program(line string) string {
	line, _, _ = strings.Cut(line, " -")
	return strings.ToValidUTF8(path.Base(strings.ReplaceAll(line, `\`, "/")), "?")
}
