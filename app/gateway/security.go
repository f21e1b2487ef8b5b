package gateway

import (
	"mime"
	"net"
	"net/http"
	"strings"
)

// guard decides which requests may come in at all. A gateway that rewrites Host
// takes the engine's own defence against DNS rebinding away, so this one has to
// stand in for it, on every route and before routing.
type guard struct {
	hosts   map[string]bool
	origins map[string]bool // exact, from the settings
	schemes []string        // prefixes, from the settings
}

func newGuard(port string, l Limits) guard {
	g := guard{hosts: map[string]bool{}, origins: map[string]bool{}}
	for _, name := range []string{"127.0.0.1", "localhost", "[::1]", "host.docker.internal"} {
		g.addHost(name, port)
	}
	for _, name := range l.AllowedHosts {
		if name == "" {
			continue
		}
		// With or without a port: behind a reverse proxy Host has none.
		g.hosts[name] = true
		g.addHost(name, port)
	}
	for _, origin := range l.AllowedOrigins {
		// A bare "*" would let every web page in, so a wildcard needs a scheme.
		if prefix, wild := strings.CutSuffix(origin, "*"); !wild {
			g.origins[origin] = true
		} else if strings.Contains(prefix, "://") {
			g.schemes = append(g.schemes, prefix)
		}
	}
	return g
}

func (g *guard) addHost(name, port string) {
	if port == "80" || port == "" {
		g.hosts[name] = true
	}
	if port != "" {
		g.hosts[name+":"+port] = true
	}
}

// admit judges where r comes from. For a page that may read the answer it has c
// say so; nil = come in. A request from the network may name any Host: what a page
// cannot do by another name is to know the token.
func (g *guard) admit(c *client, r *http.Request, remote bool) *fault {
	if !strings.HasPrefix(r.RequestURI, "/") || !remote && !g.hosts[r.Host] {
		return newFault(forbiddenHost, "this Host is not allowed; add it to gateway.allowed_hosts to let it in")
	}
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return checkFetchSite(r)
	}
	if len(origins) > 1 || !g.allowsOrigin(origins[0]) {
		return newFault(forbiddenOrigin, "this Origin is not allowed; add it to gateway.allowed_origins to let it in")
	}
	c.head.Set("Access-Control-Allow-Origin", origins[0])
	c.head.Set("Vary", "Origin")
	return checkContentType(r)
}

// allowsOrigin reports whether pages of origin may ask: those that Ollama lets
// in by default from this machine, and those of the settings.
func (g *guard) allowsOrigin(origin string) bool {
	if len(origin) > 512 || strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' }) {
		return false
	}
	if g.origins[origin] {
		return true
	}
	for _, prefix := range g.schemes {
		if strings.HasPrefix(origin, prefix) {
			return true
		}
	}
	scheme, rest, ok := strings.Cut(origin, "://")
	if !ok {
		return false
	}
	switch scheme {
	case "app", "file", "tauri", "vscode-webview", "vscode-file":
		return true
	case "http", "https":
		host, port, hasPort := strings.Cut(rest, ":")
		return (host == "localhost" || host == "127.0.0.1") && (!hasPort || isPort(port))
	}
	return false
}

func isPort(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// checkFetchSite judges requests that a browser sends without an Origin, as for
// images and links. A person may follow a link of another site's page to us, in a
// tab; the page itself may do nothing, not even open us in a frame.
func checkFetchSite(r *http.Request) *fault {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "":
		return nil
	case "none", "same-origin":
		return checkContentType(r)
	}
	h := r.Header
	followed := h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document" && h.Get("Sec-Fetch-User") == "?1"
	if followed && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		return nil
	}
	return newFault(forbiddenOrigin, "requests of other sites are not allowed")
}

// checkContentType refuses a browser's POST in one of the types that a page may
// send anywhere without asking first. Plain local clients are not judged.
func checkContentType(r *http.Request) *fault {
	if r.Method != http.MethodPost {
		return nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	_, path, _ := enginePath(r.URL.Path)
	blob := strings.HasPrefix(path, blobPath) && media == "application/octet-stream"
	if err == nil && (media == "application/json" || blob) {
		return nil
	}
	return newFault(unsupportedMedia, "a browser's request needs Content-Type: application/json")
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

// answerPreflight lets an admitted origin go on. The engine cannot be asked: it
// would judge the Host and Origin that we have rewritten.
func (c *client) answerPreflight(r *http.Request) {
	h := c.Header()
	h.Set("Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" && len(asked) <= 2048 {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	h.Set("Access-Control-Max-Age", "43200")
	c.WriteHeader(http.StatusNoContent)
}

func portOf(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return port
}
