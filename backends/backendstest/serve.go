package backendstest

import (
	"io"
	"net/http"
)

// routes is the whole surface of the engine.
func (e *Engine) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for path, answer := range answers {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { e.infer(w, r, answer) })
	}
	mux.HandleFunc("GET /{$}", e.info("text/plain; charset=utf-8", func(*http.Request) (int, string) { return 200, "Ollama is running" }))
	const native = "application/json; charset=utf-8"
	mux.HandleFunc("GET /api/version", e.info(native, func(*http.Request) (int, string) { return 200, `{"version":"` + Version + `"}` }))
	mux.HandleFunc("GET /api/tags", e.info(native, func(*http.Request) (int, string) { return 200, e.tags() }))
	mux.HandleFunc("GET /api/ps", e.info(native, func(*http.Request) (int, string) { return 200, e.ps() }))
	mux.HandleFunc("GET /v1/models", e.info("application/json", func(*http.Request) (int, string) { return 200, e.list() }))
	mux.HandleFunc("GET /v1/models/{model...}", e.info("application/json", func(r *http.Request) (int, string) {
		if name := r.PathValue("model"); !e.has(name) {
			return 404, openaiFail(404, notFound(name))
		}
		return 200, openaiModel(r.PathValue("model"))
	}))
	mux.HandleFunc("POST /api/show", e.show)
	for _, managed := range []string{
		"POST /api/pull", "POST /api/push", "POST /api/create", "POST /api/copy", "DELETE /api/delete", "POST /api/blobs/{digest}",
	} {
		mux.HandleFunc(managed, e.manage)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		e.seen(r, true)
		e.mu.Lock()
		page, known := e.pages[r.URL.Path]
		e.mu.Unlock()
		if !known {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, page) // the client may have gone
	})
	return mux
}

// infer treats one inference request by its script.
func (e *Engine) infer(w http.ResponseWriter, r *http.Request, answer func(Request, int) frames) {
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
	if !scripted {
		e.mu.Lock()
		choose := e.choose
		e.mu.Unlock()
		if choose != nil {
			s = choose(q)
		}
	}
	e.enter()
	whole := false
	defer func() {
		e.leave(!whole && r.Context().Err() != nil)
		select {
		case <-stopped:
			panic(http.ErrAbortHandler) // an engine that was killed ends nothing well
		default:
		}
	}()

	s, ok := e.hold(r.Context(), stopped, q, s)
	if !ok {
		return
	}
	if s.Body == "" && s.Status == 0 && s.End == Clean && !e.has(q.Model) {
		s.Status, s.Error = 404, notFound(q.Model)
	}
	p := &player{w: w, ctx: r.Context(), stopped: stopped, script: s}
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
