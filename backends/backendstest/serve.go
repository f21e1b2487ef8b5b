package backendstest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
)

// ollama is an engine like Ollama.
var ollama = kind{name: "Ollama", models: Models, keep: 1 << 20, native: true, routes: ollamaRoutes, aside: ollamaUnload}

func ollamaRoutes(e *Engine) {
	for path, answer := range answers {
		e.serve(path, func(q Request, s Script) frames {
			f := answer(q, s.tokens(q))
			if s.Body == "" && s.Status == 0 && s.End == Clean && !e.has(q.Model) {
				f.status, f.whole = http.StatusNotFound, f.fail(http.StatusNotFound, notFound(q.Model))
			}
			return f
		})
	}
	e.mux.HandleFunc("GET /{$}", e.info("text/plain; charset=utf-8", func(*http.Request) (int, string) { return 200, "Ollama is running" }))
	const native = "application/json; charset=utf-8"
	e.mux.HandleFunc("GET /api/version", e.info(native, func(*http.Request) (int, string) { return 200, `{"version":"` + Version + `"}` }))
	e.mux.HandleFunc("GET /api/tags", e.info(native, func(*http.Request) (int, string) { return 200, e.tags() }))
	e.mux.HandleFunc("GET /api/ps", e.info(native, func(*http.Request) (int, string) { return 200, e.ps() }))
	e.mux.HandleFunc("GET /v1/models", e.info("application/json", func(*http.Request) (int, string) { return 200, e.list() }))
	e.mux.HandleFunc("GET /v1/models/{model...}", e.info("application/json", func(r *http.Request) (int, string) {
		if name := r.PathValue("model"); !e.has(name) {
			return 404, openaiFail(404, notFound(name))
		}
		return 200, openaiModel(r.PathValue("model"))
	}))
	e.mux.HandleFunc("POST /api/show", e.show)
	for _, managed := range []string{
		"POST /api/pull", "POST /api/push", "POST /api/create", "POST /api/copy", "DELETE /api/delete", "POST /api/blobs/{digest}",
	} {
		e.mux.HandleFunc(managed, e.manage)
	}
	e.otherwise(http.NotFound)
}

// ollamaUnload answers a request for nothing that is to be kept for no time, and
// takes the model out of memory.
func ollamaUnload(e *Engine, q Request) (answer string, ok bool) {
	var body struct {
		Prompt    string
		KeepAlive *int `json:"keep_alive"`
	}
	if q.Path != "/api/generate" || json.Unmarshal(q.Body, &body) != nil || body.Prompt != "" || body.KeepAlive == nil || *body.KeepAlive != 0 || !e.has(q.Model) {
		return "", false
	}
	for _, m := range e.Loaded() {
		if strings.TrimSuffix(m, ":latest") == strings.TrimSuffix(q.Model, ":latest") {
			e.unload(m)
		}
	}
	return `{"model":` + quote(q.Model) + `,"created_at":"` + stamp + `","response":"","done":true,"done_reason":"unload"}`, true
}

// serve adds an inference route.
func (e *Engine) serve(path string, answer answerer) {
	e.inference[path] = true
	e.mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { e.infer(w, r, answer) })
}

// otherwise says how paths without a route and without a Page are answered.
func (e *Engine) otherwise(unknown http.HandlerFunc) {
	e.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		e.seen(r, true)
		e.mu.Lock()
		page, known := e.pages[r.URL.Path]
		e.mu.Unlock()
		if !known {
			unknown(w, r)
			return
		}
		_, _ = io.WriteString(w, page) // the client may have gone
	})
}

// infer treats one inference request by its script.
func (e *Engine) infer(w http.ResponseWriter, r *http.Request, answer answerer) {
	e.mu.Lock()
	s, scripted := e.take()
	stopped := e.stopped
	e.mu.Unlock()

	if scripted && s.NeverRead {
		e.seen(r, false)
		wait[any](r.Context(), stopped, nil)
		return
	}
	q := e.seen(r, true)
	if e.kind.aside != nil && !scripted {
		if answer, ok := e.kind.aside(e, q); ok {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = io.WriteString(w, answer) // the client may have gone
			return
		}
	}
	if !scripted {
		e.mu.Lock()
		choose := e.choose
		e.mu.Unlock()
		if choose != nil {
			s = choose(q)
		}
	}
	ctx := r.Context()
	if e.kind.deaf && !q.Stream {
		ctx = context.WithoutCancel(ctx)
	}
	e.enter()
	tell := e.teller(q)
	tell(Came)
	heard := context.AfterFunc(r.Context(), func() { tell(Left) })
	ended := sync.OnceFunc(func() { tell(Ended) })
	whole := false
	defer func() {
		heard()
		ended()
		e.leave(!whole && r.Context().Err() != nil)
		select {
		case <-stopped:
			panic(http.ErrAbortHandler) // an engine that was killed ends nothing well
		default:
		}
	}()

	s, ok := e.hold(ctx, stopped, q, s)
	if !ok {
		return
	}
	line := ""
	if e.kind.line != nil {
		line = e.kind.line(e, q)
	}
	if !e.getSlot(ctx, stopped, line) {
		return
	}
	defer e.freeSlot(line)
	if e.isWedged(q.Model) {
		wait[any](ctx, stopped, nil)
		return
	}
	p := &player{w: w, ctx: ctx, stopped: stopped, script: s, ended: ended}
	whole = p.play(q, answer)
}

// take fetches the next script of Engine.Script.
func (e *Engine) take() (Script, bool) {
	if len(e.scripts) == 0 {
		return Script{}, false
	}
	s := e.scripts[0]
	e.scripts = e.scripts[1:]
	return s, true
}

func (e *Engine) enter() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running++
	e.peak = max(e.peak, e.running)
}

func (e *Engine) leave(canceled bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running--
	if canceled {
		e.canceled++
	}
}
