package backends

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	probeEvery    = 5 * time.Second  // while an engine is up
	probeSoonest  = time.Second      // after the last probe, whoever asks
	probeLatest   = 5 * time.Second  // while an engine on this machine is down
	probeRemote   = 30 * time.Second // while one elsewhere is down
	probeTimeout  = 10 * time.Second // of one probe, all its calls together
	listFresh     = 5 * time.Second  // age of a list that is believed
	firstProbe    = 3 * time.Second  // Resolve waits so long for an engine never probed
	defaultOllama = "http://127.0.0.1:11434"
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
	look    func() []string // where an engine may be when none is set, best first
	kick    chan struct{}   // Run has something new to look at
	ready   chan struct{}

	mu      sync.Mutex
	url     string
	mode    string
	seen    bool // a real engine, now or in an earlier run
	told    bool // OnReal
	isReady bool
	engines []*engine // candidates, best first
	retired []*http.Transport
	running bool
	demo    *Demo // nil outside Run and while it is not needed
}

// NewRegistry returns a registry that knows no engine before Run.
func NewRegistry(o Options) *Registry {
	r := &Registry{
		options: o,
		dial:    dialEngine,
		look:    func() []string { return []string{os.Getenv("OLLAMA_HOST"), defaultOllama} },
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

// plan makes the list of candidates from the settings, keeping those that stay.
func (r *Registry) plan() {
	old := r.engines
	r.engines = nil
	for _, place := range r.places() {
		if place.isSelf(r.options.Self) && r.url == "" {
			continue
		}
		r.engines = append(r.engines, r.engine(place, old))
	}
	for _, e := range old {
		if !contains(r.engines, e) {
			r.retired = append(r.retired, e.transport)
			e.transport.CloseIdleConnections()
			close(e.news) // whoever waits for it looks again
		}
	}
}

// engine returns the candidate at a place, the one there was if it is the same.
func (r *Registry) engine(p place, old []*engine) *engine {
	for _, e := range old {
		if e.place.String() == p.String() {
			return e
		}
	}
	return newEngine(uniqueName(ollama.kind, r.engines), ollama, p, p.isSelf(r.options.Self), newTransport(r.dial))
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

// apply takes over what a probe found. It reports whether this was the first
// real engine ever.
func (r *Registry) apply(p probed) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !contains(r.engines, p.engine) {
		return false // the settings have changed meanwhile
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
