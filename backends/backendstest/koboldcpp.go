package backendstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// KoboldModels is what a KoboldCpp lists until SetModels.
var KoboldModels = []string{"koboldcpp/tiny-Q4_K_M"}

// KoboldVersion is what a KoboldCpp says of itself.
const KoboldVersion = "1.120"

// koboldCPP is an engine like KoboldCpp. Its routes and shapes are from
// koboldcpp.py of LostRuins/koboldcpp at version 1.120: do_GET, do_POST,
// generate_text, handle_sse_stream, secure_endpoint.
var koboldCPP = kind{
	name: "KoboldCpp", models: KoboldModels, loaded: KoboldModels, slots: 1, keep: 64 << 20, deaf: true,
	routes: koboldRoutes,
	guard:  koboldGuard,
}

// NewKoboldCPP returns an engine like KoboldCpp on a free port of 127.0.0.1. It
// works on one request at a time, as without --parallelrequests. It answers any
// model's name with its one model, a request for nothing with as many tokens as it
// may, and a client that leaves an unstreamed answer does not stop it.
func NewKoboldCPP(t testing.TB) *Engine {
	t.Helper()
	return onPort(t, koboldCPP)
}

// NewKoboldCPPInMemory is NewKoboldCPP without a socket.
func NewKoboldCPPInMemory(t testing.TB) *Engine {
	t.Helper()
	return inMemory(t, koboldCPP)
}

func koboldRoutes(e *Engine) {
	w := koboldWire()
	chat := w.koboldTakes(e, w.chat(e))
	for _, path := range []string{"/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat"} {
		e.serve(path, chat) // of those after the first only that they work
	}
	e.serve("/v1/completions", w.koboldTakes(e, w.complete(e)))
	for _, path := range []string{"/api/v1/generate", "/api/latest/generate", "/api/extra/generate/stream", "/api/generate"} {
		e.serve(path, w.koboldTakes(e, w.koboldGenerate(e)))
	}
	for _, path := range []string{"/v1/embeddings", "/api/extra/embeddings"} {
		e.serve(path, w.embed(e, func(*Engine) bool { return true }))
	}
	const json = "application/json"
	for path, page := range map[string]func(*Engine, *http.Request) object{
		"/api/extra/version": koboldAbout, "/api/extra/perf": koboldPerf, "/api/v1/model": koboldModel, "/v1/models": koboldModels,
		"/api/v1/info/version":              func(*Engine, *http.Request) object { return object{"result": "1.2.5"} },
		"/api/v1/config/max_context_length": koboldContext, "/api/extra/true_max_context_length": koboldContext,
		"/props":       koboldProps,
		"/api/tags":    koboldTags,
		"/api/ps":      koboldTags,
		"/api/version": func(*Engine, *http.Request) object { return object{"version": "0.7.0"} },
	} {
		e.mux.HandleFunc("GET "+path, e.info(json, func(r *http.Request) (int, string) { return 200, marshal(page(e, r)) }))
	}
	e.mux.HandleFunc("POST /api/extra/tokencount", e.llamaPost(func(_ *Engine, q Request) (int, string) {
		var body struct{ Prompt string }
		_ = decodeBody(q, &body) // what is not JSON has no tokens
		return 200, marshal(object{"value": len(split(body.Prompt)), "ids": []int{}, "prompt": body.Prompt})
	}))
	for _, path := range []string{"/api/extra/abort", "/api/extra/generate/check"} {
		e.mux.HandleFunc("POST "+path, e.llamaPost(func(*Engine, Request) (int, string) { return 200, `{"success": "true", "done": "true"}` }))
	}
	e.otherwise(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "Error: KoboldCpp HTTP Server is running, but this endpoint does not exist.") // the client may have gone
	})
}

// koboldGuard asks for the password where text is generated. What tells of the
// engine is free, but for the model's name.
func koboldGuard(e *Engine, w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || koboldKnows(e, r) {
		return false
	}
	e.seen(r, true)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, koboldError("Authentication key is missing or invalid.", "unauthorized")) // the client may have gone
	return true
}

func koboldKnows(e *Engine, r *http.Request) bool {
	key := get(e, func() string { return e.key })
	return key == "" || r.Header.Get("Authorization") == "Bearer "+key
}

func koboldError(message, kind string) string {
	return marshal(object{"detail": object{"msg": message, "type": kind}})
}

func koboldWire() *wire {
	fail := func(_ *Engine, status int, message string) string {
		kind := "bad_input"
		if status == http.StatusServiceUnavailable {
			kind = "service_unavailable"
		}
		return koboldError(message, kind)
	}
	return &wire{
		last:      object{"role": "assistant", "content": ""},
		reasoning: func(*Engine) string { return "reasoning_content" },
		call:      func(id string) string { return "call_" + id },
		message: func(r reply, m object) {
			if len(r.calls) == 0 {
				m["tool_calls"] = []object{}
			}
		},
		fail: fail,
		broken: func(*Engine, string) string { // it does not say why
			return sse(marshal(object{"object": "chat.completion.chunk", "created": created,
				"choices": []object{{"index": 0, "finish_reason": "error", "delta": object{"role": "assistant", "content": ""}}}})) + "data: [DONE]\n\n"
		},
		usage: count,
		more:  func(*Engine, listed, reply) object { return nil },
		resolve: func(e *Engine, _ Request, _ bool) (listed, *refusal) {
			return e.catalog()[0], nil // whatever name it is asked for
		},
		admit: func(*Engine, Request, *chatBody, wish) *refusal { return nil }, // it cuts what is too long, without a word
	}
}

// longest is how many tokens it makes where it is told no bound (default_genlen).
const longest = 2048

// koboldTakes answers as KoboldCpp does: what is no JSON with 500, and a request for
// nothing like any other.
func (w *wire) koboldTakes(e *Engine, answer answerer) answerer {
	return func(q Request, s Script) frames {
		var body object
		if decodeBody(q, &body) != nil {
			return w.refused(e, w.refuse(e, http.StatusInternalServerError, "Error parsing input."))
		}
		if body["messages"] == nil && body["prompt"] == nil {
			body["prompt"], body["messages"] = " ", []object{{"role": "user", "content": ""}}
			q.Body = []byte(marshal(body))
			if s.Tokens == 0 {
				s.Tokens = longest
			}
		}
		return answer(q, s)
	}
}

func decodeBody(q Request, v any) error { return json.Unmarshal(q.Body, v) }

// koboldGenerate answers its own routes. A stream has no [DONE]: its last event
// says why it ends.
func (w *wire) koboldGenerate(e *Engine) answerer {
	return func(q Request, s Script) frames {
		_, _, r, no := w.ask(e, q, s, func(b *chatBody) (wish, error) {
			var more struct {
				Memory string          `json:"memory"`
				Limit  int             `json:"max_length"`
				Stop   json.RawMessage `json:"stop_sequence"`
			}
			_ = decodeBody(q, &more) // koboldTakes has read it
			a := b.completion(more.Memory + strings.Join(texts(b.Prompt), ""))
			a.limit, a.stop = more.Limit, texts(more.Stop)
			return a, nil
		})
		if no != nil {
			return w.refused(e, no)
		}
		event := func(token, reason string) string {
			return "event: message\ndata: " + fmt.Sprintf(`{"token": %s, "finish_reason": %s}`, quote(token), reason) + "\n\n"
		}
		f := w.base(e)
		f.whole = marshal(object{"results": []object{{"text": r.content(), "tool_calls": []object{}, "finish_reason": r.finish, "logprobs": nil,
			"prompt_tokens": r.prompt, "completion_tokens": r.tokens()}}})
		f.broken = func(string) string { return event("", `"error"`) }
		if !strings.HasSuffix(q.Path, koboldStream) {
			return f
		}
		f.tokens = []string{}
		for _, t := range r.text {
			f.tokens = append(f.tokens, event(t, "null"))
		}
		f.mark = event("", quote(r.finish))
		return f
	}
}

// koboldStream ends the path whose answer is a stream, whatever the body says.
const koboldStream = "/api/extra/generate/stream"

// koboldAbout is get_capabilities.
func koboldAbout(e *Engine, _ *http.Request) object {
	all := e.catalog()
	return object{"result": "KoboldCpp", "version": KoboldVersion, "protected": get(e, func() string { return e.key }) != "",
		"llm": len(all) > 0, "txt2img": false, "vision": len(all) > 0 && all[0].Vision, "audio": false, "transcribe": false, "multiplayer": false,
		"websearch": false, "tts": false, "embeddings": false, "music": false, "savedata": false, "admin": 0,
		"router": get(e, func() bool { return e.router }), "guidance": false, "jinja": false, "mcp": false}
}

func koboldPerf(e *Engine, _ *http.Request) object {
	busy, waiting := e.Busy()
	idle := 1
	if busy > 0 {
		idle = 0
	}
	return object{"last_token_count": 0, "last_input_count": 0, "total_gens": 0, "stop_reason": -1, "queue": waiting, "idle": idle}
}

func koboldContext(e *Engine, _ *http.Request) object {
	return object{"value": get(e, func() int { return e.context })}
}

// koboldNames are the names that it lists: one, or in router mode one for each that
// it could swap to.
func koboldNames(e *Engine) []string {
	all := e.catalog()
	if len(all) == 0 {
		return []string{"inactive"}
	}
	var names []string
	for _, m := range all {
		names = append(names, m.Name)
	}
	if !get(e, func() bool { return e.router }) {
		names = names[:1]
	}
	return names
}

func koboldModel(e *Engine, r *http.Request) object {
	if !koboldKnows(e, r) {
		return object{"result": "koboldcpp/protected-model"}
	}
	return object{"result": koboldNames(e)[0]}
}

func koboldModels(e *Engine, _ *http.Request) object {
	data := []object{}
	for _, name := range koboldNames(e) {
		data = append(data, object{"id": name, "object": "model", "created": created, "owned_by": "koboldcpp", "status": object{"value": "loaded"}, "permission": []object{}, "root": "koboldcpp"})
	}
	return object{"object": "list", "data": data}
}

// koboldTags is what it tells clients of Ollama: the same of every model.
func koboldTags(e *Engine, _ *http.Request) object {
	name := koboldNames(e)[0]
	return object{"models": []object{{"name": name, "model": name + ":latest", "modified_at": "2024-07-19T15:26:55.6122841+08:00", "size": 394998579, "size_vram": 394998579,
		"digest":  "b5dc5e784f2a3ee1582373093acf69a2f4e2ac1710b253a001712b86a61f88bb",
		"details": object{"parent_model": "", "format": "gguf", "family": "koboldcpp", "families": []string{"koboldcpp"}, "parameter_size": "128M", "quantization_level": "Q4_0"}}}}
}

// koboldProps is what it tells clients of llama-server. The slots are always 1.
func koboldProps(e *Engine, _ *http.Request) object {
	context := get(e, func() int { return e.context })
	return object{"chat_template": "", "id": 0, "id_task": -1, "total_slots": 1, "modalities": object{"vision": false, "audio": false},
		"model_path": koboldNames(e)[0], "n_ctx": context, "default_generation_settings": object{"n_ctx": context}}
}
