package backendstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
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
		wait(r.Context(), stopped, nil)
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

// hold waits while the engine holds its requests. It returns false if the
// client left or the engine stopped.
func (e *Engine) hold(ctx context.Context, stopped chan struct{}, q Request, s Script) (Script, bool) {
	e.mu.Lock()
	open := e.open
	e.mu.Unlock()
	select {
	case <-open:
		return s, true
	default:
	}
	h := &Held{Request: q, release: make(chan Script, 1), script: s}
	e.held <- h
	select {
	case s = <-h.release:
		return s, true
	case <-open:
		return s, true
	case <-ctx.Done():
	case <-stopped:
	}
	return s, false
}

// player writes one answer.
type player struct {
	w       http.ResponseWriter
	ctx     context.Context
	stopped chan struct{}
	script  Script
}

// play follows the script and reports whether the answer went out to its end.
func (p *player) play(q Request, answer func(Request, int) frames) bool {
	s := p.script
	tokens := s.Tokens
	if tokens == 0 {
		tokens = q.Limit
	}
	if tokens == 0 {
		tokens = 8
	}
	f := answer(q, tokens)
	message := s.Error
	if message == "" {
		message = "scripted error"
	}
	if !p.pause(s.Delay) {
		return false
	}
	for name, values := range s.Header {
		p.w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	switch {
	case s.Body != "":
		return p.head(s.Status, "") && p.write(s.Body)
	case s.Status >= 400:
		return p.head(s.Status, f.json) && p.write(f.fail(s.Status, message))
	case s.End == Error && s.At == 0:
		return p.head(s.Status, f.json) && p.write(f.fail(500, message))
	case s.End > NoMark && s.At == 0:
		p.breakOff()
		return false
	case !q.Stream || f.token == nil:
		return p.head(s.Status, f.json) && p.write(f.whole)
	}
	if !p.head(s.Status, f.stream) || !p.write(f.open) {
		return false
	}
	for i := range tokens {
		if s.End > NoMark && i == s.At {
			break
		}
		if i > 0 && !p.pause(s.Every) || !p.write(f.token(q.word())) {
			return false
		}
	}
	switch s.End {
	case Clean:
		return p.write(f.close) && p.write(f.mark)
	case NoMark:
		return p.write(f.close)
	case Error:
		return p.write(f.broken(message))
	default:
		p.breakOff()
		return false
	}
}

func (p *player) head(status int, contentType string) bool {
	if p.w.Header().Get("Content-Type") == "" && contentType != "" {
		p.w.Header().Set("Content-Type", contentType)
	}
	if status == 0 {
		status = http.StatusOK
	}
	p.w.WriteHeader(status)
	return true
}

// write sends and flushes, in pieces if the script says so.
func (p *player) write(text string) bool {
	size := len(text)
	if p.script.Split > 0 {
		size = p.script.Split
	}
	for len(text) > 0 {
		n := min(size, len(text))
		if _, err := io.WriteString(p.w, text[:n]); err != nil {
			return false
		}
		if err := http.NewResponseController(p.w).Flush(); err != nil {
			return false
		}
		text = text[n:]
	}
	return p.ctx.Err() == nil
}

// breakOff ends the answer as the script's End says.
func (p *player) breakOff() {
	switch p.script.End {
	case Stall:
		wait(p.ctx, p.stopped, nil)
		return
	case Garbage:
		const garbage = "\x00\xff\x7f not the protocol \r\n\r\n{{{"
		if p.script.At > 0 {
			p.write(garbage + "\n\n")
			panic(http.ErrAbortHandler)
		}
		p.hijack(garbage, false)
	default:
		p.hijack("", p.script.End == Reset)
	}
}

// hijack takes over the connection, writes text as it is and closes it.
func (p *player) hijack(text string, reset bool) {
	conn, _, err := http.NewResponseController(p.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no connection below, as with a recorder
	}
	_, _ = io.WriteString(conn, text) // the client may have gone
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// pause reports false if the client left or the engine stopped meanwhile.
func (p *player) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	return wait(p.ctx, p.stopped, timer.C)
}

func wait(ctx context.Context, stopped chan struct{}, until <-chan time.Time) bool {
	select {
	case <-until:
		return true
	case <-ctx.Done():
	case <-stopped:
	}
	return false
}

// info answers a route that only tells something, unless Probe says otherwise.
func (e *Engine) info(contentType string, body func(*http.Request) (int, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e.seen(r, true)
		e.mu.Lock()
		s, stopped := e.probe, e.stopped
		e.mu.Unlock()
		p := &player{w: w, ctx: r.Context(), stopped: stopped, script: s}
		if !p.pause(s.Delay) {
			return
		}
		status, text := body(r)
		switch {
		case s.End > NoMark:
			p.breakOff()
			return
		case s.Body != "":
			text = s.Body
		case s.Status >= 400:
			text = `{"error":"scripted error"}`
		}
		if s.Status != 0 {
			status = s.Status
		}
		for name, values := range s.Header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		if p.head(status, contentType) {
			p.write(text)
		}
	}
}

// manage takes any body, of any size, and agrees.
func (e *Engine) manage(w http.ResponseWriter, r *http.Request) {
	e.seen(r, true)
	w.Header().Set("Content-Type", "application/x-ndjson")
	_, _ = io.WriteString(w, `{"status":"success"}`+"\n") // the client may have gone
}

func (e *Engine) show(w http.ResponseWriter, r *http.Request) {
	q := e.seen(r, true)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	body := `{"details":{"format":"gguf","family":"test"},"model_info":{},"capabilities":["completion"]}`
	if !e.has(q.Model) {
		w.WriteHeader(http.StatusNotFound)
		body = `{"error":` + quote(notFound(q.Model)) + `}`
	}
	_, _ = io.WriteString(w, body) // the client may have gone
}

func notFound(model string) string { return fmt.Sprintf("model '%s' not found", model) }

const details = `"details":{"parent_model":"","format":"gguf","family":"test","families":["test"],"parameter_size":"1M","quantization_level":"F16"}`

func (e *Engine) tags() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return `{"models":[` + join(e.models, func(m string) string {
		return fmt.Sprintf(`{"name":%s,"model":%s,"modified_at":"%s","size":1048576,"digest":"00",%s}`, quote(m), quote(m), stamp, details)
	}) + `]}`
}

func (e *Engine) ps() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return `{"models":[` + join(e.loaded, func(m string) string {
		return fmt.Sprintf(`{"name":%s,"model":%s,"size":2097152,"digest":"00",%s,"expires_at":"%s","size_vram":2097152,"context_length":4096}`, quote(m), quote(m), details, stamp)
	}) + `]}`
}

func (e *Engine) list() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return `{"object":"list","data":[` + join(e.models, openaiModel) + `]}`
}

func openaiModel(name string) string {
	return fmt.Sprintf(`{"id":%s,"object":"model","created":1767323045,"owned_by":"library"}`, quote(name))
}

func join(names []string, each func(string) string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = each(n)
	}
	return strings.Join(parts, ",")
}
