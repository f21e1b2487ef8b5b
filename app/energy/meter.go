package energy

import (
	"sync"
	"time"
)

// patience is how long a GPU may be silent without its draw being unknown.
const patience = 5 * time.Second

// Meter measures what requests draw. Its methods and those of its runs may be
// called from any goroutine; they are quick and wait for nothing but each other.
type Meter struct {
	mu    sync.Mutex
	lines map[string]*line
}

// New returns a meter that has seen nothing.
func New() *Meter { return &Meter{lines: map[string]*line{}} }

// Run is a request's time on a GPU.
type Run struct {
	meter *Meter
	line  *line // nil = on none that is read

	from    float64 // line.each at its release
	dark    uint64  // line.dark then
	settled bool
	joules  *float64
}

// Begin tells that a request was released to an engine on a GPU; "" = on none of
// this machine, which makes its joules unknown. End must follow.
func (m *Meter) Begin(now time.Time, gpu string) *Run {
	if gpu == "" {
		return &Run{meter: m, settled: true}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.line(gpu)
	l.used = true
	r := &Run{meter: m, line: l}
	l.note(event{at: now, run: r, begins: true})
	return r
}

// End tells that the request has ended. It must be called once.
func (r *Run) End(now time.Time) {
	if r.line == nil {
		return
	}
	r.meter.mu.Lock()
	defer r.meter.mu.Unlock()
	r.line.note(event{at: now, run: r})
}

// OnGPU tells whether it is on a GPU of this machine.
func (r *Run) OnGPU() bool { return r.line != nil }

// Joules are those of the run; nil = not known. settled is false until it has
// ended and a reading, or the lack of one, has told all that there is to tell.
func (r *Run) Joules() (joules *float64, settled bool) {
	r.meter.mu.Lock()
	defer r.meter.mu.Unlock()
	return r.joules, r.settled
}

// Read takes the GPUs' last readings, old or new. It is to be called about as
// often as they come, every: what it needs to settle runs it gets from nowhere
// else. A GPU that has told nothing for 5 s, or for two such times if they are
// longer, leaves the draw since its last reading unknown.
func (m *Meter) Read(now time.Time, every time.Duration, readings []Reading) {
	most := max(patience, 2*every)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range readings {
		m.line(r.GPU).read(r, most)
	}
	for _, l := range m.lines {
		l.expire(now, most)
	}
}

// Totals are the joules drawn since the start; nil = nothing is known yet.
type Totals struct {
	Requests *float64 // for requests
	Idle     *float64 // while none ran, by GPUs on which one has run
	Dark     uint64   // times in which a request ran and the draw was not known
}

// Totals are those of all GPUs.
func (m *Meter) Totals() (t Totals) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.lines {
		t.Dark += l.dark
		if l.told {
			t.Requests = plus(t.Requests, l.given)
		}
		if l.told && l.used {
			t.Idle = plus(t.Idle, l.idle)
		}
	}
	return t
}

func plus(sum *float64, v float64) *float64 {
	if sum != nil {
		v += *sum
	}
	return &v
}

// line is the GPU's. The caller holds mu.
func (m *Meter) line(gpu string) *line {
	l := m.lines[gpu]
	if l == nil {
		l = &line{}
		m.lines[gpu] = l
	}
	return l
}
