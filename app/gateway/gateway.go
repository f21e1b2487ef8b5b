// Package gateway is Carpool's HTTP surface: it checks who may ask, reads what
// scheduling needs, waits for a lease, and passes the engine's bytes through
// untouched while a tap reads along.
package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// Engines is what the gateway needs of backends.Registry.
type Engines interface {
	Resolve(ctx context.Context, model string) (backends.Target, error)
	Preferred() (backends.Target, error)
	Snapshot() []backends.Info
	Trouble(engine string, err error)
}

// Scheduler is what the gateway needs of batching.Scheduler.
type Scheduler interface {
	Acquire(ctx context.Context, r batching.Request) (*batching.Lease, error)
}

// Outcome is how a request ended, for the history.
type Outcome string

// The outcomes.
const (
	OK          Outcome = "ok"
	Failed      Outcome = "error"
	Canceled    Outcome = "cancelled"
	Rejected    Outcome = "rejected"
	Interrupted Outcome = "interrupted"
)

// Record is the one account of a scheduled request. No prompt, no answer, no key.
type Record struct {
	ID              string
	Batch           uint64 // 0: never released
	Started         time.Time
	App             string
	Engine          string
	Model           string
	Route           string
	Dialect         Dialect
	Stream          bool
	Priority        batching.Priority
	Outcome         Outcome
	ErrorKind       string // "" when ok
	Status          int    // sent to the client; 499 = it left before
	EngineStatus    int    // 0 = not asked or no answer
	PromptBytes     int64
	AnswerBytes     int64
	PromptTokens    int // -1 = not known
	OutputTokens    int // -1 = not known
	TokensEstimated bool
	Queued          time.Duration
	FirstToken      time.Duration // from arrival; 0 = none
	Total           time.Duration
	Simulated       bool
}

// Dialect is the API a client speaks.
type Dialect string

// The dialects.
const (
	Ollama    Dialect = "ollama"
	OpenAI    Dialect = "openai"
	Anthropic Dialect = "anthropic"
)

// Limits may change at any time through Configure; each request keeps those it began with.
type Limits struct {
	AllowedHosts   []string
	AllowedOrigins []string
	MaxBody        int64         // bytes of a scheduled request's body
	FirstToken     time.Duration // engine silent before the first byte
	Stall          time.Duration // engine silent between bytes
}

// Options are fixed for a gateway's life.
type Options struct {
	Scheduler Scheduler
	Engines   Engines
	Record    func(Record) // called once per scheduled request; must not block
	Health    func() any   // body of GET /health, marshalled as JSON
	Listen    string       // our address, for the Host check
	Log       *slog.Logger // notes without bodies or keys; nil = none
}

// Gateway is an http.Handler.
type Gateway struct{}

// New returns a gateway. It starts no goroutine.
func New(o Options, l Limits) *Gateway { panic("todo") }

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { panic("todo") }

// Configure changes the limits for requests that come after it.
func (g *Gateway) Configure(l Limits) { panic("todo") }

// Drain makes every new request fail with 503 shutting_down.
func (g *Gateway) Drain() { panic("todo") }
