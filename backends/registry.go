package backends

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	probeEvery   = 5 * time.Second  // while an engine is up
	probeSoonest = time.Second      // after the last probe, whoever asks
	probeLatest  = 5 * time.Second  // while an engine on this machine is down
	probeRemote  = 30 * time.Second // while one elsewhere is down
	probeStrange = time.Minute      // where something that is no engine answers at a usual place
	probeTimeout = 10 * time.Second // of one probe, all its calls together
	studyTimeout = 3 * time.Second  // of what is asked once more of one that has come up
	listFresh    = 5 * time.Second  // age of a list that is believed
	firstProbe   = 3 * time.Second  // Resolve waits so long for an engine never probed
	loadLongest  = 5 * time.Minute  // and so long for one that loads its model, as Ollama does
)

// Options are fixed for a registry's life, but for Settings.
type Options struct {
	Settings Settings // until Configure
	RealSeen bool     // a real engine was seen in an earlier run
	// OnReal is called once, from Run's goroutine, when the first real engine
	// is seen. nil = not told.
	OnReal func()
	// Self are Carpool's own addresses, host:port, which are never taken for an
	// engine: people set OLLAMA_HOST to them.
	Self []string
	// Load tells how busy a model is on an engine. It is asked where several
	// engines have a model. nil = all are idle.
	Load func(engine, model string) Load
	// DemoOptions are those of the demo engine.
	DemoOptions DemoOptions
}

// Registry finds the engines, watches them and says which one serves a model.
// Its methods may be called from any goroutine.
type Registry struct {
	options Options
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	makers  []maker       // the kinds of engine, best first
	kick    chan struct{} // Run has something new to look at
	ready   chan struct{}

	mu       sync.Mutex
	settings Settings
	seen     bool // a real engine, now or in an earlier run
	told     bool // OnReal
	isReady  bool
	engines  []*engine      // the preferred first
	slots    map[string]int // by address: what the log of an engine that was started here says
	retired  []*lean
	epoch    uint64 // the last of those that were retired
	running  bool
	demo     *Demo // nil outside Run, and until it is first needed
}

// NewRegistry returns a registry that knows no engine before Run.
func NewRegistry(o Options) *Registry {
	r := &Registry{
		options:  o,
		makers:   makers,
		kick:     make(chan struct{}, 1),
		ready:    make(chan struct{}),
		settings: o.Settings,
		seen:     o.RealSeen,
		told:     o.RealSeen,
	}
	r.dial = r.dialEngine
	return r
}

// Run probes the engines until ctx ends: at once, then every 5 s while one is
// up, every 1 to 5 s while it is down (one on another machine: up to 30 s). It
// returns after all its work has ended. It must be called once.
func (r *Registry) Run(ctx context.Context) error {
	results := make(chan probed)
	var probes sync.WaitGroup
	defer r.close()
	defer probes.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	r.mu.Lock()
	r.running = true
	r.openDemo()
	r.plan()
	r.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		all, wake := r.due(time.Now())
		for _, l := range all {
			probes.Go(func() {
				p := l.probe(ctx)
				select {
				case results <- p:
				case <-ctx.Done():
				}
			})
		}
		timer.Reset(wake)
		select {
		case p := <-results:
			if r.apply(p) && r.options.OnReal != nil {
				r.options.OnReal()
			}
		case <-timer.C:
		case <-r.kick:
		case <-ctx.Done():
			return nil
		}
	}
}

// Configure changes where engines are and which go first; requests in flight
// finish where they are.
func (r *Registry) Configure(s Settings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settings = s
	r.plan()
	r.openDemo()
	r.nudge()
}

// Ready is closed after the first round of probes.
func (r *Registry) Ready() <-chan struct{} { return r.ready }

// Trouble tells the registry that a request could not reach the engine, so that
// it probes now rather than at the next tick.
func (r *Registry) Trouble(name string, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.named(name); e != nil {
		r.hurry(e)
	}
}

// Renew forgets the connections that nobody uses and has every engine probed as soon
// as is decent: the computer slept, and what was true before may not be now.
func (r *Registry) Renew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.engines {
		e.transport.CloseIdleConnections()
		r.hurry(e)
	}
}

// TellSlots says how many requests the engine at a URL runs at once, as whoever
// started it knows, for one that does not say so itself; 0 = not known any more.
// Its word is also a reason to look at an engine that was not up.
func (r *Registry) TellSlots(url string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := parsePlace(url).String()
	news := r.slots[at] != n
	if r.slots == nil {
		r.slots = map[string]int{}
	}
	r.slots[at] = n
	for _, e := range r.engines {
		if e.String() == at && (news || e.info.Health != Up) {
			r.hurry(e)
		}
	}
}

// Served tells that an engine has answered a request well.
func (r *Registry) Served(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.named(name); e != nil {
		e.breaker.serve()
	}
}

// Failed tells that an engine has answered a request with a failure of its own.
// It reports whether the engine rests from now on: no more requests go to it for
// 10 s, and then one, to try it.
func (r *Registry) Failed(name string) (rests bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.named(name)
	return e != nil && e.info.Health == Up && e.breaker.fail(time.Now())
}

func (r *Registry) named(name string) *engine {
	for _, e := range r.engines {
		if e.info.Name == name {
			return e
		}
	}
	return nil
}

// plan makes the list of engines from the settings, keeping those that stay.
func (r *Registry) plan() {
	old := r.engines
	r.engines = nil
	wanted := r.candidates()
	kept := slices.DeleteFunc(slices.Clone(old), func(e *engine) bool {
		return !e.trusted.Equal(r.settings.Authorities) || !slices.ContainsFunc(wanted, e.is) || e.loses(wanted)
	})
	for _, e := range old {
		if !slices.Contains(kept, e) {
			r.retire(e)
		}
	}
	for _, c := range wanted {
		r.engines = append(r.engines, r.engine(c, kept))
	}
	r.arrange()
}

// loses reports whether the settings give the engine's name to another one.
func (e *engine) loses(wanted []candidate) bool {
	return e.name == "" && slices.ContainsFunc(wanted, func(c candidate) bool { return c.name == e.info.Name })
}

// retire forgets an engine. Who waits for it looks again. One that takes its name
// goes on behind its epoch.
func (r *Registry) retire(e *engine) {
	r.epoch = max(r.epoch, e.info.Epoch)
	r.retired = append(r.retired, e.transport)
	e.transport.CloseIdleConnections()
	close(e.news)
	e.end()
	e.strike()
}

// arrange puts the preferred engines first, and each in its group.
func (r *Registry) arrange() {
	for _, e := range r.engines {
		e.info.Group = r.settings.group(e.info.Name, e.info.Kind)
	}
	slices.SortStableFunc(r.engines, func(a, b *engine) int {
		return r.settings.rank(a.info.Name, a.info.Kind) - r.settings.rank(b.info.Name, b.info.Kind)
	})
}

// engine returns what is watched for a candidate, the one kept if there is one.
// A new one takes no name of those that stay.
func (r *Registry) engine(c candidate, kept []*engine) *engine {
	for _, e := range kept {
		if e.is(c) {
			return e
		}
	}
	e := newEngine(c, r.isSelf(c), newTransport(r.dial, r.settings.Authorities, r.settings.connectTimeout()))
	e.trusted = r.settings.Authorities
	e.info.Name, e.info.Epoch = c.name, r.epoch
	if c.name == "" {
		e.info.Name = uniqueName(e.info.Kind, slices.Concat(r.engines, kept))
	}
	return e
}

// openDemo starts the demo engine once it may have to serve.
func (r *Registry) openDemo() {
	if r.running && r.demo == nil && r.demoServes() {
		r.demo = NewDemo(r.options.DemoOptions)
	}
}

// close ends what Run has opened.
func (r *Registry) close() {
	r.mu.Lock()
	demo := r.demo
	r.demo, r.running = nil, false
	for _, e := range r.engines {
		e.end()
		e.transport.CloseIdleConnections()
	}
	for _, t := range r.retired {
		t.CloseIdleConnections()
	}
	r.mu.Unlock()
	if demo != nil {
		demo.Close()
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
