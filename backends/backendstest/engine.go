package backendstest

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"carpool/internal/serve"
)

// Models are what an engine like Ollama lists until SetModels.
var Models = []string{"tiny:latest", "other:latest", "embed:latest"}

// Version is what an engine like Ollama says of itself.
const Version = "0.17.4"

// Engine is a scripted engine. Its methods may be called from any goroutine,
// Next only from the test's own.
type Engine struct {
	URL string // "http://127.0.0.1:port", or "http://engine" when in memory

	t         testing.TB
	kind      kind
	mux       *http.ServeMux
	inference map[string]bool // paths
	transport *http.Transport
	addr      string // "" = in memory

	mu       sync.Mutex
	server   *serve.Server
	pipe     *serve.Pipe
	stopped  chan struct{} // closed while the engine is stopped
	models   []string
	loaded   []string
	scripts  []Script
	choose   func(Request) Script
	watcher  func(Event)
	watched  uint64
	probe    Script
	pages    map[string]string
	hits     map[string]int
	last     map[string]Request
	running  int
	peak     int
	canceled int
	open     chan struct{} // closed while requests are not held
	held     chan *Held
	lines    map[string]*line
	facts
}

// kind is a make of engine: what it is at first and how it speaks.
type kind struct {
	name   string
	models []string
	loaded []string
	slots  int
	keep   int64 // bytes of a request's body that are kept
	native bool  // paths outside /v1 stream unless asked not to
	deaf   bool  // it works to the end of an unstreamed answer, though its client has left
	routes func(*Engine)
	guard  func(*Engine, http.ResponseWriter, *http.Request) bool // answers what may not come in, and says that it did; nil = all may
	line   func(*Engine, Request) string                          // requests of one line share slots; nil = one line
	aside  func(*Engine, Request) (answer string, ok bool)        // answers an inference request that is none; nil = all are
}

// New returns an engine like Ollama on a free port of 127.0.0.1. It is closed at
// the end of the test.
func New(t testing.TB) *Engine {
	t.Helper()
	return onPort(t, ollama)
}

// NewInMemory returns an engine like Ollama without a socket, for use inside a
// synctest bubble.
func NewInMemory(t testing.TB) *Engine {
	t.Helper()
	return inMemory(t, ollama)
}

func onPort(t testing.TB, k kind) *Engine {
	t.Helper()
	e := build(t, k)
	l, err := Listen()
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	e.addr = l.Addr().String()
	e.URL = "http://" + e.addr
	e.server = serve.Start(l, e)
	e.transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1024}
	return e
}

func inMemory(t testing.TB, k kind) *Engine {
	t.Helper()
	e := build(t, k)
	e.URL = "http://engine"
	e.pipe = serve.NewPipe()
	e.server = serve.Start(e.pipe, e)
	e.transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1024, DialContext: e.Dial}
	return e
}

func build(t testing.TB, k kind) *Engine {
	e := &Engine{
		t:         t,
		kind:      k,
		mux:       http.NewServeMux(),
		inference: make(map[string]bool),
		stopped:   make(chan struct{}),
		models:    slices.Clone(k.models),
		loaded:    slices.Clone(k.loaded),
		pages:     make(map[string]string),
		hits:      make(map[string]int),
		last:      make(map[string]Request),
		open:      make(chan struct{}),
		held:      make(chan *Held, 1<<16),
		lines:     make(map[string]*line),
		facts:     newFacts(k),
	}
	close(e.open)
	k.routes(e)
	t.Cleanup(e.Stop)
	return e
}

// Stop closes the port and every connection, as if the engine had been killed.
// It returns when its handlers have ended.
func (e *Engine) Stop() {
	e.mu.Lock()
	s := e.server
	if s != nil {
		close(e.stopped)
	}
	e.server = nil
	clear(e.wedged)
	e.mu.Unlock()
	if s != nil {
		s.Close()
	}
	e.transport.CloseIdleConnections()
}

// Start brings a stopped engine back at the same address.
func (e *Engine) Start() {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server != nil {
		return
	}
	e.stopped = make(chan struct{})
	if e.addr == "" {
		e.pipe = serve.NewPipe()
		e.server = serve.Start(e.pipe, e)
		return
	}
	l, err := net.Listen("tcp", e.addr)
	if err != nil {
		e.t.Fatalf("listen again: %v", err)
	}
	e.server = serve.Start(l, e)
}

// Dial connects to an engine in memory, for a transport of one's own; network
// and address do not matter.
func (e *Engine) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	e.mu.Lock()
	pipe := e.pipe
	e.mu.Unlock()
	return pipe.Dial(ctx, network, addr)
}

// Transport reaches the engine, with or without a socket.
func (e *Engine) Transport() http.RoundTripper { return e.transport }

// ServeHTTP implements http.Handler.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.kind.guard != nil && e.kind.guard(e, w, r) {
		return
	}
	e.mux.ServeHTTP(w, r)
}

// SetModels changes the models the engine lists and answers.
func (e *Engine) SetModels(names ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.models = slices.Clone(names)
}

// SetLoaded changes the models that are in memory: what /api/ps lists, the state
// in LM Studio's lists and in those of llama-server's router.
func (e *Engine) SetLoaded(names ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.loaded = slices.Clone(names)
}

// Script sets how the next inference requests are treated, one each, in order
// of arrival. After them Always or Choose count again.
func (e *Engine) Script(next ...Script) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.scripts = append(e.scripts, next...)
}

// Always sets how inference requests are treated from now on.
func (e *Engine) Always(s Script) { e.Choose(func(Request) Script { return s }) }

// Choose sets a function that says how each inference request is treated.
func (e *Engine) Choose(f func(Request) Script) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.choose = f
}

// Probe sets how version, lists and the root are treated: Status, Body, Delay,
// and End with At 0.
func (e *Engine) Probe(s Script) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.probe = s
}

// Page makes the engine answer GET path, which it does not know by itself, with
// these bytes.
func (e *Engine) Page(path, body string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pages[path] = body
}

// Hits returns how many requests came to the inference routes, or with a path
// to that one: "/api/tags".
func (e *Engine) Hits(path ...string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(path) > 0 {
		return e.hits[path[0]]
	}
	n := 0
	for p := range e.inference {
		n += e.hits[p]
	}
	return n
}

// Running returns how many inference requests are in the engine now.
func (e *Engine) Running() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running
}

// Peak returns how many were there at once at most, since the last ResetPeak.
func (e *Engine) Peak() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.peak
}

// ResetPeak makes Peak begin again from what runs now.
func (e *Engine) ResetPeak() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.peak = e.running
}

// Canceled returns how many clients left before the end of their answer.
func (e *Engine) Canceled() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.canceled
}

// Last returns the last request to a path, false if there was none.
func (e *Engine) Last(path string) (Request, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, ok := e.last[path]
	return r, ok
}

// has reports whether the engine lists a model, with or without ":latest".
func (e *Engine) has(model string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.models, func(m string) bool {
		return strings.TrimSuffix(m, ":latest") == strings.TrimSuffix(model, ":latest")
	})
}
