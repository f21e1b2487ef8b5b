// Package backends knows what each engine is: how to find it, which models it
// has, whether it is well, and how a request reaches it.
package backends

import (
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
	Label     string    `json:"label"`   // for people: "Ollama", "Demo engine (simulated)"
	URL       string    `json:"url"`     // "" for the demo engine
	Version   string    `json:"version"` // "" for the demo engine
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
	ErrUnknownModel = errors.New("no engine has it")
)
