package gateway

import (
	"net/http"
	"strings"
)

// route says what the gateway does with a path.
type route struct {
	scheduled bool
	prompts   []string // keys of which one has to be filled, else the call only loads or unloads; nil = always work
	embedding bool     // generates no tokens
	vectors   embedForm
	fills     bool // may ask for the middle of a text
	seeds     bool // takes a seed, which makes an answer repeatable
	own       bool // only one kind of engine has it
	streams   bool // the answer is a stream, whatever the body says
	stateful  bool // the engine keeps what was asked, so no two requests are equal
}

// routes are the inference routes; every other path goes straight.
var routes = map[string]route{
	"/api/generate":        {scheduled: true, prompts: []string{"prompt"}, fills: true, seeds: true},
	"/api/chat":            {scheduled: true, prompts: []string{"messages"}, seeds: true},
	"/api/embed":           {scheduled: true, embedding: true, vectors: nativeVectors},
	"/api/embeddings":      {scheduled: true, embedding: true, vectors: legacyVector},
	"/v1/chat/completions": {scheduled: true, seeds: true},
	"/v1/completions":      {scheduled: true, fills: true, seeds: true},
	"/v1/embeddings":       {scheduled: true, embedding: true, vectors: openaiVectors},
	"/v1/responses":        {scheduled: true},
	"/v1/messages":         {scheduled: true},
}

// serve routes a call that was let in.
func (c *call) serve() {
	if f := c.pin(); f != nil {
		c.client.refuse(c.dialect, f)
		return
	}
	if c.remote && !c.servesNetwork() {
		c.client.refuse(c.dialect, notFromNetwork())
		return
	}
	path, method := c.in.URL.Path, c.in.Method
	reads := method == http.MethodGet || method == http.MethodHead
	ours := c.pinned == ""
	switch r := routes[path]; {
	case ours && path == "/health":
		c.serveHealth()
	case ours && path == "/metrics":
		c.serveMetrics()
	case r.scheduled && method == http.MethodPost:
		c.route = r
		c.schedule()
	case listings[path] != nil && reads:
		c.serveList(listings[path])
	case strings.HasPrefix(path, modelPath) && reads:
		c.serveModel()
	case path == "/api/show" && method == http.MethodPost:
		c.serveShow()
	case path == "/api/version" && reads:
		c.serveVersion()
	case path == "/" && reads:
		c.serveRoot()
	case isManagement(path):
		c.serveManagement()
	default:
		c.serveOwn()
	}
}

// servedWhileDraining reports whether a path is for those who watch us, to the end.
func servedWhileDraining(path string) bool {
	return path == "/health" || path == "/metrics" || path == "/api/version"
}
