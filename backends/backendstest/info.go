package backendstest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

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
	if own := get(e, func() string { return e.shows[q.Model] }); own != "" {
		body = own
	}
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
		return fmt.Sprintf(`{"name":%s,"model":%s,"size":%d,"digest":"00",%s,"expires_at":"%s","size_vram":%d,"context_length":4096}`, quote(m), quote(m), e.memory[0], details, stamp, e.memory[1])
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
