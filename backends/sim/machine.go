package sim

import (
	"slices"
	"time"
)

// Config is what a machine is made of.
type Config struct {
	Profile Profile
	Models  []Model
	Loaded  string  // the model loaded at the start; "" = none
	Taken   float64 // MiB of the card that other programs hold
}

// Machine is a simulated GPU. It must be used by one goroutine at a time.
type Machine struct {
	profile Profile
	taken   float64
	models  map[string]*model

	now     time.Duration
	loaded  *model
	loading bool
	loadEnd time.Duration

	line    []Job  // waiting, the head first
	running []*run // in order of entry
	step    step
	uses    uint64  // of slots, counted at entry and at the end
	events  []Event // not yet fetched
	fetched []Event // the last Advance's, filled again after the next one
	use     Use
}

// Use is what a machine has done since its start.
type Use struct {
	Busy    time.Duration // in steps
	Spilled time.Duration // in steps that were slow because memory was over full
	Peak    float64       // most MiB asked for at the start of a step, other programs included
}

// New returns a machine at time 0 with empty slots.
func New(c Config) *Machine {
	m := &Machine{models: make(map[string]*model)}
	m.configure(c)
	m.loaded = m.models[c.Loaded]
	return m
}

// Configure changes what the machine is made of, as a restart with other
// settings or another program on the card would. A step under way keeps its
// length, running requests keep their slots, and Config.Loaded is not read. A
// model that is left out goes on with what it has.
func (m *Machine) Configure(now time.Duration, c Config) {
	m.advance(now)
	m.configure(c)
	m.proceed()
}

func (m *Machine) configure(c Config) {
	m.profile, m.taken = c.Profile, c.Taken
	for _, want := range c.Models {
		have := m.models[want.Name]
		if have == nil {
			have = &model{name: want.Name}
			m.models[want.Name] = have
		}
		have.limit = max(1, want.Slots)
		for len(have.slots) < have.limit {
			have.slots = append(have.slots, &slot{})
		}
	}
}

// Submit puts a job at the end of the line. It reports false if the machine
// has no such model.
func (m *Machine) Submit(now time.Duration, j Job) bool {
	m.advance(now)
	if m.models[j.Model] == nil {
		return false
	}
	j.Prompt = max(1, j.Prompt)
	m.line = append(m.line, j)
	m.proceed()
	return true
}

// Cancel removes a job, waiting or running; its slot is free at once. It
// reports false if the job is not in the machine. There is no event.
func (m *Machine) Cancel(now time.Duration, id uint64) bool {
	m.advance(now)
	if i := slices.IndexFunc(m.line, func(j Job) bool { return j.ID == id }); i >= 0 {
		m.line = slices.Delete(m.line, i, i+1)
		m.proceed()
		return true
	}
	if i := slices.IndexFunc(m.running, func(r *run) bool { return r.ID == id }); i >= 0 {
		m.leave(i)
		m.proceed()
		return true
	}
	return false
}

// Advance brings the machine up to a time and returns what has happened since
// the last call, in order. They hold until the next call of Advance.
func (m *Machine) Advance(to time.Duration) []Event {
	m.advance(to)
	m.events, m.fetched = m.fetched[:0], m.events
	return m.fetched
}

// Next returns when Advance will next return something, or false if nothing
// happens until a job is submitted.
func (m *Machine) Next() (time.Duration, bool) {
	if len(m.events) > 0 {
		return m.now, true
	}
	return m.due()
}

// Running returns how many requests hold a slot.
func (m *Machine) Running() int { return len(m.running) }

// Waiting returns how many requests stand in the line.
func (m *Machine) Waiting() int { return len(m.line) }

// Loaded returns the model in memory, "" if none or while one is loading.
func (m *Machine) Loaded() string {
	if m.loaded == nil || m.loading {
		return ""
	}
	return m.loaded.name
}

// Use returns what the machine has done so far. A step counts from its start.
func (m *Machine) Use() Use { return m.use }

// due returns when the state next changes by itself.
func (m *Machine) due() (time.Duration, bool) {
	switch {
	case m.loading:
		return m.loadEnd, true
	case m.step.active:
		return m.step.end, true
	case m.profile.Request > 0 && len(m.running) > 0:
		return m.running[0].ends, true
	}
	return 0, false
}

// advance works off everything due up to a time.
func (m *Machine) advance(to time.Duration) {
	for {
		at, ok := m.due()
		if !ok || at > to {
			break
		}
		m.now = max(m.now, at)
		switch {
		case m.loading:
			m.loading = false
			m.emit(Event{Kind: Loaded, Model: m.loaded.name})
		case m.step.active:
			m.finishStep()
		default:
			m.finish(0)
		}
		m.proceed()
	}
	m.now = max(m.now, to)
}

// proceed lets in whom it can and starts the next piece of work.
func (m *Machine) proceed() {
	for !m.loading && len(m.line) > 0 {
		head := m.models[m.line[0].Model]
		if head != m.loaded {
			if len(m.running) == 0 && !m.step.active {
				m.load(head)
			}
			break
		}
		s := head.pick(m.line[0])
		if s == nil {
			break
		}
		m.enter(s)
	}
	if !m.step.active && !m.loading && m.profile.Request == 0 && len(m.running) > 0 {
		m.startStep()
	}
}

// enter moves the head of the line into a slot.
func (m *Machine) enter(s *slot) {
	j := m.line[0]
	m.line = slices.Delete(m.line, 0, 1)
	found := 0
	if j.Prefix != 0 && s.prefix == j.Prefix {
		found = min(s.length, j.PrefixTokens, j.Prompt-1)
	}
	r := &run{Job: j, slot: s, unread: j.Prompt - found}
	r.ends = m.now + seconds(m.profile.Request)
	s.run, s.prefix, s.length = r, 0, 0
	m.touch(s)
	m.running = append(m.running, r)
	m.emit(Event{Kind: Entered, Job: j.ID, Model: j.Model, Tokens: found})
}

// leave takes a run out of its slot. The slot keeps the prefix if it was read.
func (m *Machine) leave(i int) {
	r := m.running[i]
	m.running = slices.Delete(m.running, i, i+1)
	r.gone = true
	r.slot.run = nil
	m.touch(r.slot)
	if r.unread == 0 {
		r.slot.prefix, r.slot.length = r.Prefix, r.PrefixTokens
	}
}

func (m *Machine) touch(s *slot) {
	m.uses++
	s.used = m.uses
}

// finish ends the i-th run with all its tokens.
func (m *Machine) finish(i int) {
	r := m.running[i]
	r.unread = 0
	for !r.gone {
		m.token(r)
	}
}

// preempt sends the newest runs back while the pool is over full. The last one
// stays, as nothing would be gained by starting it again.
func (m *Machine) preempt() {
	if m.profile.KV != Pool || m.profile.PoolTokens == 0 {
		return
	}
	for len(m.running) > 1 && m.held() > m.profile.PoolTokens {
		last := len(m.running) - 1
		r := m.running[last]
		r.unread = max(1, r.unread) // its cache is dropped, not kept
		m.leave(last)
		m.line = slices.Insert(m.line, 0, r.Job)
		m.emit(Event{Kind: Preempted, Job: r.ID, Model: r.Model})
	}
}

func (m *Machine) emit(e Event) {
	e.At = m.now
	m.events = append(m.events, e)
}
