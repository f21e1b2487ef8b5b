package backendstest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// LlamaServerModels is what a llama-server lists until SetModels.
var LlamaServerModels = []string{"tiny-Q4_K_M.gguf"}

// llamaServer is an engine like llama.cpp's llama-server. Its routes and shapes
// are from llama.cpp tools/server/README.md, server-task.cpp and
// server-common.cpp.
var llamaServer = kind{
	name: "llama-server", models: LlamaServerModels, loaded: LlamaServerModels, slots: 4, keep: 64 << 20,
	routes: llamaRoutes,
	guard:  llamaGuard,
}

// NewLlamaServer returns an engine like llama-server on a free port of
// 127.0.0.1. It has four slots, which share nothing.
func NewLlamaServer(t testing.TB) *Engine {
	t.Helper()
	return onPort(t, llamaServer)
}

// NewLlamaServerInMemory is NewLlamaServer without a socket.
func NewLlamaServerInMemory(t testing.TB) *Engine {
	t.Helper()
	return inMemory(t, llamaServer)
}

func llamaRoutes(e *Engine) {
	w := llamaWire()
	for _, prefix := range []string{"", "/v1"} {
		e.serve(prefix+"/chat/completions", w.chat(e))
	}
	e.serve("/v1/completions", w.complete(e))
	e.serve("/v1/embeddings", w.llamaVectors(e, w.embed(e, func(*Engine) bool { return true })))
	e.serve("/v1/responses", w.responses(e))
	e.serve("/v1/messages", w.messages(e))
	e.serve("/completion", w.llamaComplete(e))
	e.serve("/completions", w.llamaComplete(e))
	e.serve("/infill", w.llamaComplete(e))
	e.serve("/embedding", w.llamaVectors(e, w.llamaEmbed(e)))
	e.serve("/embeddings", w.llamaVectors(e, w.llamaEmbed(e)))
	const json = "application/json; charset=utf-8"
	for path, page := range map[string]func(*Engine, *http.Request) (int, string){
		"/health": llamaHealth, "/v1/health": llamaHealth, "/props": llamaProps, "/slots": llamaSlots,
		"/models": llamaModels, "/v1/models": llamaModels,
	} {
		e.mux.HandleFunc("GET "+path, e.info(json, func(r *http.Request) (int, string) { return page(e, r) }))
	}
	e.mux.HandleFunc("GET /metrics", e.info("text/plain; version=0.0.4", func(*http.Request) (int, string) { return llamaMetrics(e) }))
	e.mux.HandleFunc("POST /tokenize", e.llamaPost(llamaTokenize))
	e.mux.HandleFunc("POST /apply-template", e.llamaPost(llamaTemplate))
	e.mux.HandleFunc("POST /v1/messages/count_tokens", e.llamaPost(llamaCount))
	e.mux.HandleFunc("POST /models/load", e.llamaPost(llamaLoad))
	e.mux.HandleFunc("POST /models/unload", e.llamaPost(llamaUnload))
	e.otherwise(func(w http.ResponseWriter, _ *http.Request) {
		llamaWrite(w, http.StatusNotFound, llamaError(http.StatusNotFound, "File Not Found"))
	})
}

// llamaGuard asks for the key, except on public paths, and answers 503 while the
// model is loaded (server-http.cpp).
func llamaGuard(e *Engine, w http.ResponseWriter, r *http.Request) bool {
	e.mu.Lock()
	key, loading, missing := e.key, e.loading, e.missing(r.URL.Path)
	e.mu.Unlock()
	given := r.Header.Get("Authorization")
	if given == "" {
		given = r.Header.Get("X-Api-Key")
	}
	public := slices.Contains([]string{"/", "/health", "/v1/health", "/models", "/v1/models"}, r.URL.Path)
	var status int
	var message string
	switch {
	case key != "" && !public && strings.TrimPrefix(given, "Bearer ") != key:
		status, message = http.StatusUnauthorized, "Invalid API Key"
	case loading:
		status, message = http.StatusServiceUnavailable, "Loading model"
	case missing:
		status, message = http.StatusNotFound, "File Not Found"
	default:
		return false
	}
	e.seen(r, true)
	llamaWrite(w, status, llamaError(status, message))
	return true
}

func llamaWrite(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may have gone
}

// llamaError is format_error_response of server-common.cpp, in its envelope.
func llamaError(status int, message string) string {
	return marshal(object{"error": llamaErrorObject(status, message)})
}

func llamaErrorObject(status int, message string) object {
	kind := map[int]string{
		400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
		501: "not_supported_error", 503: "unavailable_error",
	}[status]
	if kind == "" {
		kind = "server_error"
	}
	return object{"code": status, "message": message, "type": kind}
}

func llamaWire() *wire {
	return &wire{
		role:      object{"role": "assistant", "content": nil},
		last:      object{},
		reasoning: func(*Engine) string { return "reasoning_content" },
		call:      func(id string) string { return "call-" + id },
		message:   func(reply, object) {},
		fail:      func(_ *Engine, status int, message string) string { return llamaError(status, message) },
		broken: func(e *Engine, message string) string {
			if e.quirk(ErrorField) {
				return "error: " + marshal(llamaErrorObject(500, message)) + "\n\ndata: [DONE]\n\n"
			}
			return sse(llamaError(500, message))
		},
		usage: func(r reply) object {
			return merge(object{"prompt_tokens_details": object{"cached_tokens": 0}}, count(r))
		},
		more:    func(_ *Engine, _ listed, r reply) object { return object{"timings": llamaTimings(r)} },
		resolve: llamaResolve,
		admit:   llamaAdmit,
	}
}

func llamaTimings(r reply) object {
	per := func(n int, ms float64) (float64, float64) { return ms / float64(max(1, n)), float64(n) / ms * 1000 }
	promptMS, predictedMS := 2.0, float64(max(1, r.tokens()))
	promptEach, promptRate := per(r.prompt, promptMS)
	each, rate := per(r.tokens(), predictedMS)
	return object{
		"cache_n": 0, "prompt_n": r.prompt, "prompt_ms": promptMS, "prompt_per_token_ms": promptEach, "prompt_per_second": promptRate,
		"predicted_n": r.tokens(), "predicted_ms": predictedMS, "predicted_per_token_ms": each, "predicted_per_second": rate,
	}
}

// llamaResolve answers any name with the one model there is. A router goes by
// the name, and loads.
func llamaResolve(e *Engine, q Request, _ bool) (listed, *refusal) {
	all := e.catalog()
	e.SetSleeping(false)
	if !get(e, func() bool { return e.router }) && len(all) > 0 {
		return all[0], nil
	}
	m, found := e.model(q.Model)
	if !found {
		message := fmt.Sprintf("model '%s' not found", q.Model)
		return listed{}, &refusal{status: http.StatusBadRequest, message: message, body: llamaError(http.StatusBadRequest, message)}
	}
	e.load(m.Name)
	return m, nil
}

func llamaAdmit(e *Engine, _ Request, _ *chatBody, a wish) *refusal {
	if e.quirk(OnlyEmbeddings) && get(e, func() bool { return e.embeddings }) {
		const message = "This server does not support completions. Start it without `--embeddings`"
		return &refusal{status: http.StatusNotImplemented, message: message, body: llamaError(http.StatusNotImplemented, message)}
	}
	context, prompt := get(e, func() int { return e.context }), words(a.text)
	if prompt <= context {
		return nil
	}
	message := fmt.Sprintf("request (%d tokens) exceeds the available context size (%d tokens), try increasing it", prompt, context)
	return &refusal{status: http.StatusBadRequest, message: message, body: marshal(object{"error": object{
		"code": 400, "message": message, "type": "exceed_context_size_error", "n_prompt_tokens": prompt, "n_ctx": context,
	}})}
}
