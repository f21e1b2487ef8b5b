// Package tuner joins what the scheduler cannot see: it turns settings into the
// scheduler's rules, and what engines and the GPU show into limits, through one
// governor (batching/adaptive) for each engine and model.
//
// The scheduler tells a Tuner of every request that runs (batching.Observer);
// a Tuner tells the scheduler the limits. It never calls the scheduler while it
// holds a lock that the scheduler may wait for.
package tuner

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"carpool/app/config"
	"carpool/app/gpus"
	"carpool/backends"
	"carpool/batching"
	"carpool/batching/adaptive"
)

const (
	tick     = 100 * time.Millisecond // while a request waits or runs
	lookup   = time.Second            // between two looks at the engines
	maxKeys  = 256                    // governors kept; of more, the one unused longest goes
	mebibyte = 1 << 20
)

// Scheduler is what a Tuner needs of batching.Scheduler.
type Scheduler interface {
	Loads() []batching.Load
	SetLimits(k batching.Key, l batching.Limits)
	Forget(k batching.Key)
	SetEngine(name string, e batching.EngineState)
}

// Options are fixed for a Tuner's life.
type Options struct {
	Engines func() []backends.Info         // called under the scheduler's lock too, so it must be quick
	GPU     func(engine string) gpus.State // the GPU that an engine runs on
	Decided func(Decision)                 // hears of each change, from Run or Configure; must not block; nil = none
}

// Tuner moves the limits. Its methods may be called from any goroutine.
type Tuner struct {
	options Options
	wake    chan struct{} // a request was released

	// push is held from a decision until the scheduler has it, so that an older
	// one never overtakes. mu is never held while the scheduler is called.
	push      sync.Mutex
	scheduler Scheduler // nil before Run
	looked    time.Time
	seen      time.Time                // of the last GPU reading passed on
	engines   map[string]backends.Info // by name, as of the last look
	pushed    map[batching.Key]batching.Limits

	mu     sync.Mutex
	config config.Config
	cap    Cap
	keys   map[batching.Key]*governed
	gone   []batching.Key // whose limits the scheduler is to forget
}

// New returns a tuner for c.
func New(c config.Config, o Options) *Tuner {
	return &Tuner{options: o, config: c, wake: make(chan struct{}, 1),
		engines: map[string]backends.Info{}, pushed: map[batching.Key]batching.Limits{},
		keys: map[batching.Key]*governed{}}
}

// Released implements batching.Observer.
func (t *Tuner) Released(now time.Time, r batching.Request) batching.Stream {
	g := t.governed(now, r.Key)
	select {
	case t.wake <- struct{}{}:
	default:
	}
	return g.released(now, r)
}

// governed is the key's governor, made when it is first used.
func (t *Tuner) governed(now time.Time, k batching.Key) *governed {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.keys[k]
	if g == nil {
		t.makeRoom()
		c := governor(t.config, t.options.GPU(k.Engine).Reading)
		g = &governed{key: k, governor: adaptive.New(now, c), decided: now, used: now}
		for _, e := range t.options.Engines() {
			if e.Name == k.Engine {
				g.look(now, e, false)
			}
		}
		t.keys[k] = g
	}
	return g
}

// makeRoom forgets the governor unused longest. Names come from clients, so
// there is no end to them.
func (t *Tuner) makeRoom() {
	if len(t.keys) < maxKeys {
		return
	}
	var oldest *governed
	var at time.Time
	for _, g := range t.keys {
		g.mu.Lock()
		if g.running == 0 && (oldest == nil || g.used.Before(at)) {
			oldest, at = g, g.used
		}
		g.mu.Unlock()
	}
	if oldest != nil {
		delete(t.keys, oldest.key)
		t.gone = append(t.gone, oldest.key)
	}
}

// Run moves s's limits until ctx ends. It must be called once.
func (t *Tuner) Run(ctx context.Context, s Scheduler) error {
	t.push.Lock()
	t.scheduler = s
	t.push.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wake := t.wake
		if t.step(time.Now()) {
			timer.Reset(tick)
			wake = nil // not more often than each tick, however many are released
		} else {
			timer.Reset(lookup)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-timer.C:
		}
	}
}

// Configure puts c in force, at once for every key.
func (t *Tuner) Configure(c config.Config) {
	t.push.Lock()
	defer t.push.Unlock()
	now := time.Now()
	t.mu.Lock()
	t.config = c
	all := t.all()
	t.mu.Unlock()
	for _, g := range all {
		g.configure(now, governor(c, t.options.GPU(g.key.Engine).Reading))
	}
	if t.scheduler != nil {
		_ = t.decide(now, c, all)
	}
}

// all are the governors, in an order that repeats. The caller holds mu.
func (t *Tuner) all() []*governed {
	all := slices.Collect(maps.Values(t.keys))
	slices.SortFunc(all, func(a, b *governed) int {
		return cmp.Or(cmp.Compare(a.key.Engine, b.key.Engine), cmp.Compare(a.key.Model, b.key.Model))
	})
	return all
}

// step looks at engines and GPU, lets every governor decide, and reports
// whether any request waits or runs.
func (t *Tuner) step(now time.Time) (busy bool) {
	t.push.Lock()
	defer t.push.Unlock()
	t.mu.Lock()
	c, all := t.config, t.all()
	t.mu.Unlock()
	if now.Sub(t.looked) >= lookup {
		t.looked = now
		t.lookAtEngines(now, all)
	}
	t.lookAtGPU(now, all)
	return t.decide(now, c, all)
}

// lookAtEngines passes on what the engines tell of themselves.
func (t *Tuner) lookAtEngines(now time.Time, all []*governed) {
	for _, e := range t.options.Engines() {
		if e.Health != backends.Up {
			continue
		}
		before, known := t.engines[e.Name]
		t.engines[e.Name] = e
		t.scheduler.SetEngine(e.Name, batching.EngineState{Loaded: loaded(e), At: e.Seen})
		restarted := known && before.Epoch != e.Epoch
		for _, g := range all {
			if g.key.Engine == e.Name {
				g.look(now, e, restarted)
			}
		}
	}
}

// loaded are the models that e says are loaded; nil if it does not say. What an
// engine lists that is nothing better known it has loaded, all of it.
func loaded(e backends.Info) []string {
	if e.Kind == backends.KindDemo {
		return nil
	}
	names := []string{}
	for _, m := range e.Models {
		if m.Loaded {
			names = append(names, m.Name)
		}
	}
	return names
}

// lookAtGPU passes a new reading on to the models that run on this machine's GPU.
func (t *Tuner) lookAtGPU(now time.Time, all []*governed) {
	latest := t.seen
	for _, g := range all {
		e := t.engines[g.key.Engine]
		if !e.Local() {
			continue
		}
		if s := t.options.GPU(e.Name); s.At.After(t.seen) {
			g.sample(now, memory(s))
			if s.At.After(latest) {
				latest = s.At
			}
		}
	}
	t.seen = latest
}

// memory is what a governor takes of a reading.
func memory(r gpus.State) adaptive.Memory {
	m := adaptive.Memory{Utilization: -1, Others: -1}
	if free, ok := r.Free(); ok && r.MemoryTotal != nil {
		m.Used, m.Total = float64(*r.MemoryTotal-free)/mebibyte, float64(*r.MemoryTotal)/mebibyte
	}
	if r.Utilization != nil {
		m.Utilization = *r.Utilization
	}
	if r.Others.Utilization != nil {
		m.Others = *r.Others.Utilization
	}
	return m
}

// decide lets every governor decide and gives the scheduler what has changed.
// The caller holds push.
func (t *Tuner) decide(now time.Time, c config.Config, all []*governed) (busy bool) {
	loads := map[batching.Key]batching.Load{}
	for _, l := range t.scheduler.Loads() {
		loads[l.Key] = l
		busy = busy || l.Waiting > 0 || l.InFlight > 0
	}
	t.forget()
	t.mu.Lock()
	capped := t.cap
	t.mu.Unlock()
	general := limits(c)
	for _, g := range all {
		l, change := g.decide(now, loads[g.key], general, capped.of(g.key))
		if t.pushed[g.key] != l {
			t.pushed[g.key] = l
			t.scheduler.SetLimits(g.key, l)
		}
		if change != nil && t.options.Decided != nil {
			r := t.options.GPU(g.key.Engine)
			change.MemoryUsed, change.MemoryTotal, change.Utilization = r.MemoryUsed, r.MemoryTotal, r.Utilization
			t.options.Decided(*change)
		}
	}
	return busy
}

// forget has the scheduler forget the limits of keys without a governor. The caller
// holds push.
func (t *Tuner) forget() {
	t.mu.Lock()
	gone := slices.DeleteFunc(t.gone, func(k batching.Key) bool { return t.keys[k] != nil })
	t.gone = nil
	t.mu.Unlock()
	for _, k := range gone {
		delete(t.pushed, k)
		t.scheduler.Forget(k)
	}
}

// limited are a key's limits under a decision. It moves nothing but those of
// modes in which a freed place is refilled.
func limited(general batching.Limits, d adaptive.Decision) batching.Limits {
	l := general
	if l.Mode == batching.Fixed {
		l.Size, l.Tokens, l.Largest, l.Reason = d.Limit, d.Tokens, d.Largest, d.Reason
	}
	return l
}
