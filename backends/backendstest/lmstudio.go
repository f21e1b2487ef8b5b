package backendstest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// LMStudioModels are what an LM Studio lists until SetModels; the first is
// loaded.
var LMStudioModels = []string{"openai/gpt-oss-20b", "qwen/qwen3-vl-4b", "text-embedding-nomic-embed-text-v1.5"}

// lmStudio is an engine like LM Studio 0.4. Its routes and shapes are from the
// LM Studio docs (REST API v0, REST API v1, OpenAI compatibility, tool use), its
// errors from the issues of lmstudio-bug-tracker, as the docs show none.
var lmStudio = kind{
	name: "LM Studio", models: LMStudioModels, loaded: LMStudioModels[:1], slots: 4, keep: 64 << 20,
	routes: lmStudioRoutes,
	guard:  lmStudioGuard,
	line: func(e *Engine, q Request) string {
		m, _ := lmStudioServes(e, q.Model, strings.HasSuffix(q.Path, "/embeddings"))
		return m.Name
	},
}

// NewLMStudio returns an engine like LM Studio on a free port of 127.0.0.1. Each
// loaded model has four slots.
func NewLMStudio(t testing.TB) *Engine {
	t.Helper()
	return onPort(t, lmStudio)
}

// NewLMStudioInMemory is NewLMStudio without a socket.
func NewLMStudioInMemory(t testing.TB) *Engine {
	t.Helper()
	return inMemory(t, lmStudio)
}

func lmStudioRoutes(e *Engine) {
	w, native := lmStudioWire(), lmStudioWire()
	native.more = lmStudioStats
	counts := func(e *Engine) bool { return !e.quirk(NeverCounts) }
	for prefix, w := range map[string]*wire{"/v1": w, "/api/v0": native} {
		e.serve(prefix+"/chat/completions", w.chat(e))
		e.serve(prefix+"/completions", w.complete(e))
		e.serve(prefix+"/embeddings", w.embed(e, counts))
	}
	e.serve("/v1/responses", w.responses(e))
	e.serve("/v1/messages", w.messages(e))
	e.serve("/api/v1/chat", w.nativeChat(e))
	const json = "application/json"
	list := func(each func(*Engine, listed) object) func(*http.Request) (int, string) {
		return func(*http.Request) (int, string) {
			data := []object{}
			for _, m := range e.catalog() {
				data = append(data, each(e, m))
			}
			return 200, marshal(object{"object": "list", "data": data})
		}
	}
	e.mux.HandleFunc("GET /v1/models", e.info(json, list(func(_ *Engine, m listed) object {
		return object{"id": m.Name, "object": "model", "owned_by": "organization_owner"}
	})))
	e.mux.HandleFunc("GET /api/v0/models", e.info(json, list(lmStudioV0)))
	e.mux.HandleFunc("GET /api/v0/models/{model...}", e.info(json, func(r *http.Request) (int, string) {
		m, found := e.model(r.PathValue("model"))
		if !found {
			return 404, marshal(object{"error": fmt.Sprintf("Model %q not found", r.PathValue("model"))})
		}
		return 200, marshal(lmStudioV0(e, m))
	}))
	e.mux.HandleFunc("GET /api/v1/models", e.info(json, func(*http.Request) (int, string) {
		models := []object{}
		for _, m := range e.catalog() {
			models = append(models, lmStudioV1(e, m))
		}
		return 200, marshal(object{"models": models})
	}))
	e.mux.HandleFunc("POST /api/v1/models/load", e.lmStudioLoad)
	e.mux.HandleFunc("POST /api/v1/models/unload", e.lmStudioUnload)
	e.otherwise(lmStudioUnknown)
}

// lmStudioUnknown answers a path that LM Studio does not have: "Returning 200
// anyway", says its log (lmstudio-bug-tracker#1323).
func lmStudioUnknown(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, marshal(object{"error": fmt.Sprintf("Unexpected endpoint or method. (%s %s)", r.Method, r.URL.Path)})) // the client may have gone
}

// lmStudioGuard asks for the token of LM Studio's "Require Authentication", on
// every path, and hides what an older version does not have.
func lmStudioGuard(e *Engine, w http.ResponseWriter, r *http.Request) bool {
	e.mu.Lock()
	key, missing := e.key, e.missing(r.URL.Path)
	e.mu.Unlock()
	given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	var message string
	switch {
	case missing:
		e.seen(r, true)
		lmStudioUnknown(w, r)
		return true
	case key == "" || given == key:
		return false
	case !bearer:
		message = "An LM Studio API token is required to make requests to this server, but none was provided using the Authorization header using the 'Bearer' scheme."
	default:
		message = "Malformed LM Studio API token provided: " + given[:min(10, len(given))] + "..."
	}
	e.seen(r, true)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, lmStudioError(message, "invalid_request", "invalid_api_key")) // the client may have gone
	return true
}

// missing reports whether the test took a route away.
func (e *Engine) missing(path string) bool {
	return path == "/v1/responses" && !e.responses || strings.HasPrefix(path, "/v1/messages") && !e.messages
}

func lmStudioWire() *wire {
	return &wire{
		last:      object{},
		choice:    object{"logprobs": nil},
		reasoning: func(*Engine) string { return "reasoning_content" },
		call:      func(id string) string { return id },
		message: func(r reply, m object) {
			if len(r.calls) > 0 {
				delete(m, "content")
			}
		},
		fail: func(_ *Engine, _ int, message string) string { return marshal(object{"error": message}) },
		broken: func(_ *Engine, message string) string {
			return named("error", marshal(object{"error": object{"message": message}}))
		},
		usage:   count,
		more:    func(*Engine, listed, reply) object { return nil },
		resolve: lmStudioResolve,
		admit:   lmStudioAdmit,
	}
}

// lmStudioResolve finds the model by its name and loads it if it is not (the
// docs' just-in-time loading).
func lmStudioResolve(e *Engine, q Request, embedding bool) (listed, *refusal) {
	if m, found := lmStudioServes(e, q.Model, embedding); found {
		e.load(m.Name)
		return m, nil
	}
	message := fmt.Sprintf("Invalid model identifier %q. Please specify a valid downloaded model.", q.Model)
	return listed{}, &refusal{status: http.StatusBadRequest, message: message, body: lmStudioError(message, "invalid_request_error", "model_not_found")}
}

// lmStudioServes finds the model that answers for a name.
func lmStudioServes(e *Engine, name string, embedding bool) (listed, bool) {
	m, found := e.model(name)
	if found || !e.quirk(AnswersAnyModel) {
		return m, found
	}
	all := e.catalog()
	i := slices.IndexFunc(all, func(m listed) bool { return m.loaded && m.Embedding == embedding })
	if i < 0 {
		return m, false
	}
	return all[i], true
}

func lmStudioAdmit(e *Engine, q Request, b *chatBody, a wish) *refusal {
	if format := b.Format.Type; format != "" && format != "json_schema" && format != "text" {
		const message = "'response_format.type' must be 'json_schema' or 'text'"
		return &refusal{status: http.StatusBadRequest, message: message, body: marshal(object{"error": message})}
	}
	context := get(e, func() int { return e.context })
	if words(a.text) <= context {
		return nil
	}
	message := fmt.Sprintf("Trying to keep the first %d tokens when context the overflows. However, the model is loaded with context length of only %d tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input", words(a.text), context)
	no := &refusal{status: http.StatusBadRequest, message: message, silent: e.quirk(SilentOverflow), body: marshal(object{"error": message})}
	if q.Stream {
		no.status, no.body = 0, named("error", marshal(object{"error": object{"message": message}}))
	}
	return no
}

// lmStudioError is the form of some errors; others are a plain string.
func lmStudioError(message, kind, code string) string {
	return marshal(object{"error": object{"message": message, "type": kind, "param": nil, "code": code}})
}
