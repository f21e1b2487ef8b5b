// Package gateway is Carpool's HTTP surface: it checks who may ask, reads what
// scheduling needs, waits for a lease, and passes the engine's bytes through
// untouched while a tap reads along.
//
// A scheduled request is read whole, judged, queued and proxied on the
// goroutine that net/http gave it; the package starts one of its own only where
// several clients share a call, or a client asks for the lists of several engines,
// and a handler waits for it. Every other request goes straight to an engine. The
// package writes bytes of its own only for its own errors, GET /health and GET
// /metrics, and for what several engines or one of another API have to tell; it
// puts together answers for embeddings from pieces of the engine's. It keeps no
// prompt and no key, and of answers only embeddings and lists of models. design.md
// says which file holds which rule.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// Engines is what the gateway needs of backends.Registry.
type Engines interface {
	Resolve(ctx context.Context, model string, but ...string) (backends.Target, error)
	Look(ctx context.Context, model string, but ...string) (backends.Target, error) // Resolve without a request behind it
	Preferred() (backends.Target, error)
	Target(engine string) (backends.Target, error) // by its name
	Snapshot() []backends.Info
	Trouble(engine string, err error)
	Served(engine string)
	Failed(engine string) (rests bool)
}

// Scheduler is what the gateway needs of batching.Scheduler.
type Scheduler interface {
	Acquire(ctx context.Context, r batching.Request) (*batching.Lease, error)
	Pause(engine string, until time.Time, reason string)
}

// Limits may change at any time through Configure; each request keeps those it
// began with. A zero field means its default.
type Limits struct {
	AllowedHosts   []string      // accepted in Host beside our own; "name" (our port or none) or "name:port"
	AllowedOrigins []string      // accepted in Origin beside this machine's; exact, or ending in "*" after "scheme://"
	MaxBody        int64         // bytes of a scheduled request's body; 0 = 64 MiB
	MaxBodies      int64         // bytes of all bodies and shared answers that are held at one time; 0 = 512 MiB
	FirstToken     time.Duration // engine silent before the first token; 0 = 300 s
	Stall          time.Duration // engine silent between bytes; 0 = 60 s
	SlowClient     time.Duration // a client may take for its body, or for one piece of what streams through, either way; 0 = 30 s
	Merge          bool          // calls for vectors may go to the engine together
	Share          bool          // identical deterministic requests share a run
	Trace          bool          // requests are traced: Record.Trace
	EmbedCache     int64         // bytes for embeddings computed before; 0 = none are kept
	Supersede      []string      // apps whose newer completion at a place in a text replaces the waiting one

	Keys       map[string]string            // the app that each API key names; all other keys say nothing
	Priorities map[string]batching.Priority // of apps whose requests name none; 0 = normal
	NumCtx     map[string]int               // tokens of context by model, in lower case without ":latest"; 0 = the model's own
}

func (l Limits) withDefaults() Limits {
	if l.MaxBody <= 0 {
		l.MaxBody = 64 << 20
	}
	if l.MaxBodies <= 0 {
		l.MaxBodies = 512 << 20
	}
	if l.SlowClient <= 0 {
		l.SlowClient = 30 * time.Second
	}
	if l.FirstToken <= 0 {
		l.FirstToken = 300 * time.Second
	}
	if l.Stall <= 0 {
		l.Stall = 60 * time.Second
	}
	return l
}

// Options are fixed for a gateway's life.
type Options struct {
	Scheduler Scheduler
	Engines   Engines
	Record    func(Record) // called once per scheduled request; must not block; nil = none
	// LostGPU says why no program can use the GPU of an engine on this machine, "" if
	// it can or nobody knows. It must not block. nil = nobody knows.
	LostGPU  func(engine string) string
	Unmerged func(Unmerged) // hears when merging is turned off for a model; must not block or call back; nil = none
	Reloaded func(Reload)   // hears of each model that was loaded again; must not block or call back; nil = none
	Health   func() any     // body of GET /health, marshalled as JSON; nil = {"status":"ok"}, or "shutting down"
	Metrics  http.Handler   // answers GET /metrics; nil = 404
	Listen   string         // our address with the actual port, for the Host check
	// Peer begins to look for the program at the client's end of a connection; it
	// must not block. It needs ConnContext in the http.Server. nil = nobody looks.
	Peer func(client, server netip.AddrPort) Peer
	Log  *slog.Logger // notes without bodies or keys; nil = none
}

// Gateway is an http.Handler.
type Gateway struct {
	scheduler Scheduler
	engines   Engines
	record    func(Record)
	lostGPU   func(engine string) string
	reloaded  func(Reload)
	health    func() any
	metrics   http.Handler
	peer      func(client, server netip.AddrPort) Peer
	port      string
	log       *slog.Logger

	policy   atomic.Pointer[policy]
	gate     atomic.Pointer[gate] // nil = no token was set
	draining atomic.Bool
	life     context.Context // ends with Interrupt
	end      context.CancelCauseFunc
	memory   budget
	lists    lastGood
	cache    *embedCache
	merger   *merger
	typing   typing
	runs     runs
	reloads  detective
	away     away
	wedged   wedged
	runners  runners

	shared, superseded, moved, again atomic.Uint64

	slowList, lossGrace time.Duration // fixed, but for tests
}

// policy is what Configure changes, prepared once for all requests.
type policy struct {
	Limits
	guard
	identities
	supersede map[string]bool // apps
}

// New returns a gateway. It starts no goroutine.
func New(o Options, l Limits) *Gateway {
	g := &Gateway{
		scheduler: o.Scheduler,
		engines:   o.Engines,
		record:    o.Record,
		lostGPU:   o.LostGPU,
		reloaded:  o.Reloaded,
		health:    o.Health,
		metrics:   o.Metrics,
		peer:      o.Peer,
		port:      portOf(o.Listen),
		log:       o.Log,
		cache:     newEmbedCache(),
		merger:    newMerger(o.Unmerged),
		slowList:  slowList,
		lossGrace: lossGrace,
	}
	if g.record == nil {
		g.record = func(Record) {}
	}
	if g.lostGPU == nil {
		g.lostGPU = func(string) string { return "" }
	}
	if g.reloaded == nil {
		g.reloaded = func(Reload) {}
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	g.life, g.end = context.WithCancelCause(context.Background())
	g.Configure(l)
	return g
}

// Configure changes the limits for requests that come after it.
func (g *Gateway) Configure(l Limits) {
	p := &policy{Limits: l.withDefaults(), guard: newGuard(g.port, l), identities: newIdentities(l), supersede: map[string]bool{}}
	for _, app := range l.Supersede {
		p.supersede[app] = true
	}
	g.policy.Store(p)
	g.memory.most.Store(p.MaxBodies)
	g.cache.configure(l.EmbedCache)
}

// Drain makes every new request fail with 503 shutting_down, but for GET /health,
// /metrics and /api/version. Those in the gateway go on.
func (g *Gateway) Drain() { g.draining.Store(true) }

// errShutdown is the cause of a request that Interrupt ended.
var errShutdown = errors.New("carpool is shutting down")

// Interrupt drains and ends what still runs: each client is told shutting_down
// in its own dialect. It does not wait; http.Server.Shutdown does.
func (g *Gateway) Interrupt() {
	g.Drain()
	g.end(errShutdown)
}

// ServeHTTP implements http.Handler. Like all that a stream is passed on below, it has a
// small frame: what takes more room is in functions that have ended by then, so that
// the goroutine's stack can shrink.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := g.policy.Load()
	c := newClient(w, requestID(r), p.SlowClient)
	defer c.finish()
	defer g.recoverPanic(c, r)
	call := g.letIn(p, c, r)
	if call == nil {
		return
	}
	call.ctx, call.cancel = context.WithCancelCause(r.Context())
	defer call.cancel(nil)
	defer context.AfterFunc(g.life, call.shutDown)()
	call.serve()
}

// letIn is the call of a request that may come in; nil = it was answered.
func (g *Gateway) letIn(p *policy, c *client, r *http.Request) *call {
	c.unread = r.Close && r.ContentLength != 0
	bodiless := r.ContentLength != 0 && !hasBody(r.Method)
	if len(r.TransferEncoding) > 0 || bodiless {
		// Its Content-Length, if it had one too, is gone by now. A front that
		// went by that, or by the method, would see another request in the bytes
		// that follow.
		c.head.Set("Connection", "close")
	}
	dialect := dialectOf(r.URL.Path)
	gate, remote := g.gate.Load(), fromNetwork(r.Context())
	held := gate.take(r.Header)
	if f := p.admit(c, r, remote); f != nil {
		c.refuse(dialect, f)
		return nil
	}
	if isPreflight(r) {
		c.answerPreflight(r)
		return nil
	}
	if remote {
		if f := gate.check(held); f != nil {
			c.head.Set("WWW-Authenticate", "Bearer")
			c.refuse(dialect, f)
			return nil
		}
	}
	if f := checkPath(r.URL); f != nil {
		c.refuse(dialect, f)
		return nil
	}
	if g.draining.Load() && !servedWhileDraining(r.URL.Path) {
		c.refuse(dialect, newFault(shuttingDown, "carpool is shutting down"))
		return nil
	}
	if bodiless {
		r = withoutBody(r)
	}
	return &call{Gateway: g, policy: p, client: c, in: r, id: c.id, dialect: dialect, remote: remote, arrived: time.Now()}
}

// shutDown ends the call at Interrupt.
func (c *call) shutDown() { c.cancel(errShutdown) }

// recoverPanic turns a handler's panic into a 500 and leaves all other requests
// alone. http.ErrAbortHandler is how a broken stream is told to the client.
func (g *Gateway) recoverPanic(c *client, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		g.log.Error("handler panicked", "id", c.id, "route", r.URL.Path, "panic", panicText(p), "stack", string(debug.Stack()))
		if c.status != 0 {
			panic(http.ErrAbortHandler)
		}
		c.refuse(dialectOf(r.URL.Path), newFault(internalError, "internal error"))
	}
}

// panicText is what the log may hold of a panic. The runtime's own words quote no
// values; those of others may quote a prompt.
func panicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", p)
}
