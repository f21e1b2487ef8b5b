//go:build e2e

package e2e

import (
	"net/http"
	"strings"
)

// ownRows are the routes that only one kind of engine has, under its name.
func ownRows() []capability {
	return []capability{
		{"LM Studio's /api/v0 and /api/v1", func(c *cell) {
			if c.LMStudio == "" {
				c.notFound("/engine/" + c.pool.kind + "/api/v0/models")
			}
			for path, body := range map[string]string{
				"/api/v0/models":           "",
				"/api/v1/models":           "",
				"/api/v0/chat/completions": `{"model":"` + c.Chat + `","messages":[{"role":"user","content":"hello"}]}`,
				"/api/v1/chat":             `{"model":"` + c.Chat + `","input":"hello"}`,
			} {
				c.own(path, body)
			}
		}},
		{"llama.cpp's /completion, /tokenize, …", func(c *cell) {
			if c.pool.kind != "llamacpp" {
				c.notFound("/engine/" + c.pool.kind + "/completion")
			}
			for path, body := range map[string]string{
				"/completion":     `{"prompt":"the time is","n_predict":8}`,
				"/tokenize":       `{"content":"the time is"}`,
				"/embedding":      `{"content":"the time is"}`,
				"/apply-template": `{"messages":[{"role":"user","content":"hello"}]}`,
			} {
				c.own(path, body)
			}
		}},
		{"KoboldCpp's /api/v1/generate, /api/extra, …", func(c *cell) {
			if c.pool.kind != "koboldcpp" {
				c.notFound("/engine/" + c.pool.kind + "/api/extra/version")
			}
			for path, body := range map[string]string{
				"/api/v1/generate":      `{"prompt":"the time is","max_length":8}`,
				"/api/extra/tokencount": `{"prompt":"the time is"}`,
				"/api/extra/version":    "",
				"/api/v1/model":         "",
			} {
				c.own(path, body)
			}
		}},
	}
}

// own asks for a route of the engine's own, under its name and, as it is the
// preferred one, as it is.
func (c *cell) own(path, body string) {
	c.Helper()
	for _, prefix := range []string{"/engine/" + c.pool.kind, ""} {
		if status, text := c.send(c.pool.url, prefix+path, body); status != http.StatusOK || !strings.ContainsAny(text[:min(1, len(text))], "{[") {
			c.Errorf("%s%s: %d %s", prefix, path, status, text)
		}
	}
}

// notFound ends a check at an engine that must not know a path.
func (c *cell) notFound(path string) {
	c.Helper()
	status, text := c.send(c.pool.url, path, "")
	if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		c.Fatalf("%s: %d %s", path, status, text)
	}
	c.without("it has no such routes")
}
