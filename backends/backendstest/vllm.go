package backendstest

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// VLLMModels is what a vLLM lists until SetModels.
var VLLMModels = []string{"meta-llama/Llama-3.1-8B-Instruct"}

// VLLMVersion is what a vLLM says of itself.
const VLLMVersion = "0.11.0"

// vLLM is an engine like vLLM's OpenAI-compatible server. Its routes and shapes
// are from vllm/entrypoints/openai: api_server.py, engine/protocol.py,
// chat_completion/serving.py.
var vLLM = kind{
	name: "vLLM", models: VLLMModels, loaded: VLLMModels, keep: 64 << 20,
	routes: vllmRoutes,
	guard:  vllmGuard,
}

// NewVLLM returns an engine like vLLM on a free port of 127.0.0.1. It works on
// any number of requests at once. A model whose name has "embed" in it embeds
// and does nothing else.
func NewVLLM(t testing.TB) *Engine {
	t.Helper()
	return onPort(t, vLLM)
}

// NewVLLMInMemory is NewVLLM without a socket.
func NewVLLMInMemory(t testing.TB) *Engine {
	t.Helper()
	return inMemory(t, vLLM)
}

func vllmRoutes(e *Engine) {
	w := vllmWire()
	e.serve("/v1/chat/completions", w.chat(e))
	e.serve("/v1/completions", w.complete(e))
	e.serve("/v1/embeddings", w.embed(e, func(*Engine) bool { return true }))
	e.serve("/v1/responses", w.responses(e))
	e.serve("/v1/messages", w.messages(e))
	const json = "application/json"
	e.mux.HandleFunc("GET /health", e.info("", func(*http.Request) (int, string) { return 200, "" }))
	e.mux.HandleFunc("GET /ping", e.info("", func(*http.Request) (int, string) { return 200, "" }))
	e.mux.HandleFunc("GET /version", e.info(json, func(*http.Request) (int, string) { return 200, `{"version":"` + VLLMVersion + `"}` }))
	e.mux.HandleFunc("GET /load", e.info(json, func(*http.Request) (int, string) { return 200, marshal(object{"server_load": e.Running()}) }))
	e.mux.HandleFunc("GET /v1/models", e.info(json, func(*http.Request) (int, string) { return 200, vllmModels(e) }))
	e.mux.HandleFunc("GET /metrics", e.info("text/plain; version=0.0.4; charset=utf-8", func(*http.Request) (int, string) { return 200, vllmMetrics(e) }))
	e.mux.HandleFunc("GET /openapi.json", e.info(json, func(*http.Request) (int, string) { return 200, vllmSpec(e) }))
	e.otherwise(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusNotFound
		if e.inference[r.URL.Path] {
			status = http.StatusMethodNotAllowed
		}
		vllmWrite(w, status, vllmError(e, status, http.StatusText(status), http.StatusText(status), nil))
	})
}

// vllmGuard asks for the key on the paths under /v1 (AuthenticationMiddleware)
// and for JSON in what is posted there (validate_json_request).
func vllmGuard(e *Engine, w http.ResponseWriter, r *http.Request) bool {
	e.mu.Lock()
	key, missing := e.key, e.missing(r.URL.Path)
	e.mu.Unlock()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var status int
	var body string
	switch {
	case missing:
		status, body = http.StatusNotFound, vllmError(e, http.StatusNotFound, "Not Found", "Not Found", nil)
	case key != "" && strings.HasPrefix(r.URL.Path, "/v1") && r.Header.Get("Authorization") != "Bearer "+key:
		status, body = http.StatusUnauthorized, `{"error":"Unauthorized"}`
	case r.Method == http.MethodPost && e.inference[r.URL.Path] && kind != "application/json":
		status = http.StatusBadRequest
		body = vllmError(e, status, "Unsupported Media Type: Only 'application/json' is allowed", "Bad Request", nil)
	default:
		return false
	}
	e.seen(r, true)
	vllmWrite(w, status, body)
	return true
}

func vllmWrite(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may have gone
}

// vllmError is an ErrorResponse of engine/protocol.py.
func vllmError(e *Engine, status int, message, kind string, param any) string {
	info := object{"message": message, "type": kind, "param": param, "code": status}
	if e.quirk(FlatErrors) {
		info["object"] = "error"
		return marshal(info)
	}
	return marshal(object{"error": info})
}

func vllmWire() *wire {
	fail := func(e *Engine, status int, message string) string {
		kind := map[int]string{400: "BadRequestError", 404: "NotFoundError", 501: "NotImplementedError"}[status]
		if kind == "" {
			kind = "InternalServerError"
		}
		return vllmError(e, status, message, kind, nil)
	}
	return &wire{
		role:   object{"role": "assistant", "content": ""},
		last:   object{"content": ""},
		choice: object{"logprobs": nil, "stop_reason": nil},
		reasoning: func(e *Engine) string {
			if e.quirk(ReasoningRenamed) {
				return "reasoning"
			}
			return "reasoning_content"
		},
		call: func(id string) string { return "chatcmpl-tool-" + id },
		message: func(r reply, m object) {
			if len(r.calls) == 0 {
				m["tool_calls"] = []object{}
			}
			m["refusal"] = nil
		},
		fail:    fail,
		broken:  func(e *Engine, message string) string { return sse(fail(e, 500, message)) + "data: [DONE]\n\n" },
		usage:   func(r reply) object { return merge(object{"prompt_tokens_details": nil}, count(r)) },
		more:    func(*Engine, listed, reply) object { return nil },
		resolve: vllmResolve,
		admit:   vllmAdmit,
	}
}

// vllmResolve knows the models it serves, and for what.
func vllmResolve(e *Engine, q Request, embedding bool) (listed, *refusal) {
	all := e.catalog()
	i := slices.IndexFunc(all, func(m listed) bool { return m.Name == q.Model || q.Model == "" })
	if i < 0 {
		message := fmt.Sprintf("The model `%s` does not exist.", q.Model)
		return listed{}, &refusal{status: http.StatusNotFound, message: message, body: vllmError(e, http.StatusNotFound, message, "NotFoundError", "model")}
	}
	m := all[i]
	api := map[bool]string{true: "Embeddings", false: "Chat Completions"}[embedding]
	if m.Embedding != embedding {
		message := "The model does not support " + api + " API"
		return listed{}, &refusal{status: http.StatusBadRequest, message: message, body: vllmError(e, http.StatusBadRequest, message, "BadRequestError", nil)}
	}
	return m, nil
}

func vllmAdmit(e *Engine, q Request, b *chatBody, a wish) *refusal {
	refuse := func(message string) *refusal {
		return &refusal{status: http.StatusBadRequest, message: message, body: vllmError(e, http.StatusBadRequest, message, "BadRequestError", nil)}
	}
	if len(a.tools) > 0 && a.choice == "auto" && e.quirk(NoAutoTools) {
		return refuse(`"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set`)
	}
	most, prompt := get(e, func() int { return e.context }), words(a.text)
	if prompt+a.limit <= most {
		return nil
	}
	return refuse(fmt.Sprintf("This model's maximum context length is %d tokens. However, you requested %d tokens (%d in the messages, %d in the completion). Please reduce the length of the messages or completion.", most, prompt+a.limit, prompt, a.limit))
}

func vllmModels(e *Engine) string {
	data := []object{}
	most := get(e, func() int { return e.context })
	for _, m := range e.catalog() {
		data = append(data, object{
			"id": m.Name, "object": "model", "created": created, "owned_by": "vllm", "root": m.Name, "parent": nil, "max_model_len": most,
			"permission": []object{{"id": "modelperm-1", "object": "model_permission", "created": created, "allow_sampling": true, "allow_logprobs": true, "allow_view": true, "organization": "*", "group": nil, "is_blocking": false}},
		})
	}
	return marshal(object{"object": "list", "data": data})
}

func vllmMetrics(e *Engine) string {
	busy, waiting := e.Busy()
	var text strings.Builder
	for _, g := range []struct {
		name, help string
		value      float64
	}{
		{"num_requests_running", "Number of requests in model execution batches.", float64(busy)},
		{"num_requests_waiting", "Number of requests waiting to be processed.", float64(waiting)},
		{"kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", float64(min(busy, 100)) / 100},
	} {
		fmt.Fprintf(&text, "# HELP vllm:%s %s\n# TYPE vllm:%s gauge\n", g.name, g.help, g.name)
		for _, m := range e.catalog() {
			fmt.Fprintf(&text, "vllm:%s{engine=\"0\",model_name=%q} %.1f\n", g.name, m.Name, g.value)
		}
	}
	return text.String()
}

// vllmSpec lists the routes, as FastAPI does.
func vllmSpec(e *Engine) string {
	paths := object{}
	for _, path := range []string{"/health", "/ping", "/version", "/load", "/v1/models"} {
		paths[path] = object{"get": object{}}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for path := range e.inference {
		if !e.missing(path) {
			paths[path] = object{"post": object{}}
		}
	}
	return marshal(object{"openapi": "3.1.0", "info": object{"title": "FastAPI", "version": "0.1.0"}, "paths": paths})
}
