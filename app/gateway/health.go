package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// serveHealth answers GET /health with what Options.Health tells.
func (c *call) serveHealth() {
	if !c.onlyReads() {
		return
	}
	status := "ok"
	if c.draining.Load() {
		status = "shutting down"
	}
	var state any = map[string]string{"status": status}
	if c.health != nil {
		state = c.health()
	}
	body, err := json.Marshal(state)
	if err != nil {
		c.log.Error("health cannot be told", "error", err)
		c.client.refuse(c.dialect, newFault(internalError, "internal error"))
		return
	}
	c.sendJSON(append(body, '\n'))
}

// serveMetrics answers GET /metrics with ours, never with the engine's.
func (c *call) serveMetrics() {
	switch {
	case c.metrics == nil:
		c.client.refuse(c.dialect, newFault(notFound, "404 page not found"))
	case c.onlyReads():
		c.metrics.ServeHTTP(c.client, c.in)
	}
}

// onlyReads reports whether the call is a GET or HEAD, and refuses any other.
func (c *call) onlyReads() bool {
	if c.in.Method == http.MethodGet || c.in.Method == http.MethodHead {
		return true
	}
	c.client.Header().Set("Allow", "GET, HEAD")
	c.client.refuse(c.dialect, newFault(methodNotAllowed, "405 method not allowed"))
	return false
}

func (c *call) sendJSON(body []byte) {
	h := c.client.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = c.client.Write(body) // a client that has gone needs no error
}
