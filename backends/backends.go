// Package backends knows what each engine is: how to find it, which models it
// has, whether it is well, and how a request reaches it.
package backends

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Kind is an engine's make.
type Kind string

// The kinds.
const (
	KindOllama   Kind = "ollama"
	KindLMStudio Kind = "lmstudio"
	KindLlamaCPP Kind = "llamacpp"
	KindOpenAI   Kind = "openai" // vLLM, SGLang, a cluster: anything that serves /v1
	KindDemo     Kind = "demo"

	KindKoboldCPP Kind = "koboldcpp"
)

// API is a family of routes that an engine serves by itself. What it does not
// serve is translated to chat completions.
type API string

// The families.
const (
	OllamaAPI    API = "ollama"    // /api/generate, chat, embed, tags, show and the rest
	OpenAIAPI    API = "openai"    // /v1/chat/completions, completions, embeddings, models
	ResponsesAPI API = "responses" // /v1/responses
	AnthropicAPI API = "anthropic" // /v1/messages
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
	Digest    string `json:"digest,omitempty"` // of its content; "" = not told
	Embedding bool   `json:"embedding"`        // it only embeds; false = it does not, or not told
	Slots     int    `json:"slots"`            // requests that may run at once whatever the engine's setting; 0 = as Info says
	Context   int    `json:"context"`          // tokens that one request may hold as it is loaded, else at most; 0 = not told
	Vision    bool   `json:"vision"`           // it takes images; false = it does not, or not told
	Tools     bool   `json:"tools"`            // it was trained to call tools; false = it was not, or not told

	Memory ModelMemory `json:"memory"`

	file string // of its weights, on the engine's machine; "" = not told
}

// Target is where a request goes.
type Target struct {
	Info // its lists are shared by all targets, and never changed
	// Model is the engine's own name for what was asked for: without the engine
	// that it was picked by, and with ":latest" where that is how it is listed.
	// "" = no model was asked for.
	Model     string
	Base      *url.URL          // scheme, host and path prefix of the engine
	Transport http.RoundTripper // ignores HTTP_PROXY, never follows redirects, HTTP/1.1; adds the engine's key
	Gone      context.Context   // ends when the engine is not up any more; nil = it stays
	Struck    context.Context   // ends when the settings do not name it any more, up or not; nil = never
	// Prefixed says that the engine was picked by its name, as "engine/model", so
	// that what was asked for is no name that it knows.
	Prefixed bool
	Why      string // why this one of several that have the model; "" = it alone has it
}

// Errors of Resolve and Preferred.
var (
	// ErrNoEngine: no engine can serve now (503). Its text says what to do.
	ErrNoEngine = errors.New("no engine is running")
	// ErrUnknownModel: no engine has the model, and none can answer its own 404.
	ErrUnknownModel = errors.New("no engine has it")
)
