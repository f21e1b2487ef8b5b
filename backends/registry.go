package backends

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	probeEvery   = 5 * time.Second  // while an engine is up
	probeSoonest = time.Second      // after the last probe, whoever asks
	probeLatest  = 5 * time.Second  // while an engine on this machine is down
	probeRemote  = 30 * time.Second // while one elsewhere is down
	probeTimeout = 10 * time.Second // of one probe, all its calls together
	listFresh    = 5 * time.Second  // age of a list that is believed
	firstProbe   = 3 * time.Second  // Resolve waits so long for an engine never probed
)

// Options are fixed for a registry's life.
type Options struct {
	EngineURL string // "" = look at OLLAMA_HOST and 127.0.0.1:11434; "demo" = the demo engine
	Demo      string // "auto": until a real engine was ever seen; "always"; "never"; "" = auto
	RealSeen  bool   // a real engine was seen in an earlier run
	// OnReal is called once, from Run's goroutine, when the first real engine
	// is seen. nil = not told.
	OnReal func()
	// Self are Carpool's own addresses, host:port, which are never taken for an
	// engine: people set OLLAMA_HOST to them.
	Self []string
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

	mu      sync.Mutex
	url     string
	mode    string
	seen    bool // a real engine, now or in an earlier run
	told    bool // OnReal
	isReady bool
	engines []*engine      // candidates, best first
	slots   map[string]int // by address: what the log of an engine that was started here says
	retired []*http.Transport
	running bool
	demo    *Demo // nil outside Run, and until it is first needed
}

// NewRegistry returns a registry that knows no engine before Run.
func NewRegistry(o Options) *Registry {
	r := &Registry{
		options: o,
		dial:    dialEngine,
		makers:  []maker{ollama, llamacpp},
		kick:    make(chan struct{}, 1),
		ready:   make(chan struct{}),
		url:     o.EngineURL,
		mode:    o.Demo,
		seen:    o.RealSeen,
		told:    o.RealSeen,
	}
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
		for _, d := range all {
			probes.Go(func() {
				p := d.probe(ctx, d.stranger)
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

// Configure changes which engine serves; requests in flight finish on the old one.
func (r *Registry) Configure(engineURL, demo string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	moved := r.url != engineURL
	r.url, r.mode = engineURL, demo
	if moved {
		r.plan()
	}
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
	for _, e := range r.engines {
		if e.info.Name == name {
			r.hurry(e)
		}
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

// plan makes the list of candidates from the settings, keeping those that stay.
func (r *Registry) plan() {
	old := r.engines
	r.engines = nil
	wanted := r.candidates()
	kept := slices.DeleteFunc(slices.Clone(old), func(e *engine) bool { return !slices.ContainsFunc(wanted, e.is) })
	for _, c := range wanted {
		r.engines = append(r.engines, r.engine(c, kept))
	}
	for _, e := range old {
		if !slices.Contains(r.engines, e) {
			r.retired = append(r.retired, e.transport)
			e.transport.CloseIdleConnections()
			close(e.news) // whoever waits for it looks again
		}
	}
}

// candidate is a kind of engine that may be at a place.
type candidate struct {
	maker
	place
	guessed bool // the address was set, and may be another kind's
}

// candidates lists where to look for what, best first. A place that was set is
// tried as every kind of engine. Our own address is only tried if it was set, to
// say that it is wrong.
func (r *Registry) candidates() []candidate {
	if r.url == "demo" {
		return nil
	}
	var all []candidate
	for _, m := range r.makers {
		wanted := []string{r.url}
		if r.url == "" {
			wanted = m.places()
		}
		for _, s := range wanted {
			c := candidate{m, parsePlace(s), r.url != "" && len(r.makers) > 1}
			listed := slices.ContainsFunc(all, func(o candidate) bool { return o.is(c) })
			if !listed && (r.url != "" || !c.isSelf(r.options.Self)) {
				all = append(all, c)
			}
		}
	}
	return all
}

func (c candidate) is(o candidate) bool { return c.kind == o.kind && c.String() == o.String() }

// engine returns what is watched for a candidate, the one kept if there is one.
// A new one takes no name of those that stay.
func (r *Registry) engine(c candidate, kept []*engine) *engine {
	for _, e := range kept {
		if e.is(c) {
			return e
		}
	}
	return newEngine(uniqueName(c.kind, slices.Concat(r.engines, kept)), c, c.isSelf(r.options.Self), newTransport(r.dial))
}

// due is an engine to probe.
type due struct {
	*engine
	stranger bool // not known to be an engine
}

// due marks and returns the engines to probe now, and how long until the next.
func (r *Registry) due(now time.Time) (all []due, wake time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	wake = time.Hour
	unknown := false
	for _, e := range r.engines {
		unknown = unknown || e.info.Health == Unknown
		switch wait := e.next.Sub(now); {
		case e.probing:
		case e.info.Health != Unknown && r.known(e.place, e):
			e.next = now.Add(probeEvery)
			wake = min(wake, probeEvery)
		case wait <= 0:
			e.probing = true
			all = append(all, due{e, e.info.Health != Up})
		default:
			wake = min(wake, wait)
		}
	}
	if !unknown && !r.isReady {
		r.isReady = true
		close(r.ready)
	}
	return all, wake
}

// known reports whether another kind than e's is up at a place, so that there is
// nothing to look for.
func (r *Registry) known(p place, e *engine) bool {
	return slices.ContainsFunc(r.engines, func(o *engine) bool {
		return o != e && o.info.Health == Up && o.String() == p.String()
	})
}

// apply takes over what a probe found. It reports whether this was the first
// real engine ever.
func (r *Registry) apply(p probed) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.engines, p.engine) {
		return false // the settings have changed meanwhile
	}
	if p.report.slots == 0 {
		p.report.slots = r.slots[p.engine.String()]
	}
	p.engine.take(p)
	if p.engine.info.Health != Up {
		return false
	}
	r.seen = true
	first = !r.told
	r.told = true
	return first
}

// hurry makes Run probe an engine as soon as is decent.
func (r *Registry) hurry(e *engine) {
	if soon := e.ended.Add(probeSoonest); soon.Before(e.next) {
		e.next = soon
		r.nudge()
	}
}

func (r *Registry) nudge() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
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

// probed is what one probe found.
type probed struct {
	engine *engine
	report report
	err    error
	at     time.Time
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
