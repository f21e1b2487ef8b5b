// Package backends knows what each engine is: how to find it, which models it
// has, whether it is well, and how a request reaches it.
package backends

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Kind is an engine's make.
type Kind string

// The kinds.
const (
	KindOllama Kind = "ollama"
	KindDemo   Kind = "demo"
)

// Health is what the last probe found.
type Health string

// The states of an engine.
const (
	Unknown Health = "unknown" // not probed yet
	Up      Health = "up"
	Down    Health = "down"
)

// Model is one model of an engine.
type Model struct {
	Name      string `json:"name"`
	Loaded    bool   `json:"loaded"`
	Size      int64  `json:"size_bytes"`       // on disk; 0 = not told
	VRAM      int64  `json:"vram_bytes"`       // on the GPU while loaded; 0 = none or not told
	Family    string `json:"family,omitempty"` // "" = not told
	Parameter string `json:"parameters,omitempty"`
	Quant     string `json:"quantization,omitempty"`
}

// Info is a copy of what is known of an engine. It may be stale.
type Info struct {
	Name      string    `json:"name"` // unique; Key.Engine and X-Carpool-Engine
	Kind      Kind      `json:"kind"`
	Label     string    `json:"label"` // for people: "Ollama", "Demo engine (simulated)"
	URL       string    `json:"url"`   // "" for the demo engine
	Version   string    `json:"version"`
	Health    Health    `json:"health"`
	Problem   string    `json:"problem,omitempty"` // in words, when not Up
	Simulated bool      `json:"simulated"`
	Active    bool      `json:"active"` // requests go here
	Slots     int       `json:"slots"`  // requests it runs at once; 0 = not known
	Models    []Model   `json:"models"`
	Seen      time.Time `json:"seen,omitzero"` // last good probe
}

// Target is where a request goes.
type Target struct {
	Info
	Base      *url.URL          // scheme, host and path prefix of the engine
	Transport http.RoundTripper // ignores HTTP_PROXY, never follows redirects, HTTP/1.1
}

// Errors of Resolve and Preferred.
var (
	// ErrNoEngine: no engine can serve now (503). Its text says what to do.
	ErrNoEngine = errors.New("no engine is running")
	// ErrUnknownModel: no engine has the model, and none can answer its own 404.
	ErrUnknownModel = errors.New("unknown model")
)

// Options are fixed for a registry's life.
type Options struct {
	EngineURL string // "" = look at OLLAMA_HOST and 127.0.0.1:11434; "demo" = the demo engine
	Demo      string // "auto": until a real engine was ever seen; "always"; "never"
	RealSeen  bool   // a real engine was seen in an earlier run
	// OnReal is called once, from Run's goroutine, when the first real engine
	// is seen. nil = not told.
	OnReal func()
}

// Registry finds the engines, watches them and says which one serves a model.
// Its methods may be called from any goroutine.
type Registry struct{}

// NewRegistry returns a registry that knows no engine before Run.
func NewRegistry(o Options) *Registry { panic("todo") }

// Run probes the engines until ctx ends: at once, then every 5 s while one is
// up, every 1 to 5 s while it is down. It returns after all its work has ended.
func (r *Registry) Run(ctx context.Context) error { panic("todo") }

// Configure changes which engine serves; requests in flight finish on the old one.
func (r *Registry) Configure(engineURL, demo string) { panic("todo") }

// Ready is closed after the first round of probes.
func (r *Registry) Ready() <-chan struct{} { panic("todo") }

// Resolve says which engine serves model: exact name, or the same with ":latest".
// A name that no engine has goes to Ollama for its own 404. A list older than
// 5 s is read again once before a name counts as unknown.
func (r *Registry) Resolve(ctx context.Context, model string) (Target, error) { panic("todo") }

// Preferred is the engine for calls that name no model.
func (r *Registry) Preferred() (Target, error) { panic("todo") }

// Snapshot returns all engines known, the active one first.
func (r *Registry) Snapshot() []Info { panic("todo") }

// Trouble tells the registry that a request could not reach the engine, so that
// it probes now rather than at the next tick.
func (r *Registry) Trouble(engine string, err error) { panic("todo") }
