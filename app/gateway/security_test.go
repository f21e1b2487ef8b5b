package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"carpool/batching"
)

// raw sends bytes as they are on a connection of their own.
func (r *rig) raw(request string) *http.Response {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Fatalf("no answer to %q: %v", request, err)
	}
	r.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// counter is an engine that counts its hits.
type counter struct {
	hits chan string
	http.Handler
}

func newCounter() *counter {
	return &counter{hits: make(chan string, 1000), Handler: says(typeJSON, `{"done":true}`)}
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.hits <- r.Method + " " + r.URL.EscapedPath()
	c.Handler.ServeHTTP(w, r)
}

func TestHost(t *testing.T) {
	engine := newCounter()
	r := newRig(t, engine, Limits{AllowedHosts: []string{"carpool.home", "box:9999"}}, batching.Settings{})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.url, "http://"))
	routes := []string{"GET /", "HEAD /", "GET /health", "GET /metrics", "POST /api/chat", "GET /api/tags", "OPTIONS /v1/models", "POST /api/pull", "DELETE /nothing",
		"GET /v1/models/a/b", "POST /api/show", "POST /engine/ollama/api/chat", "GET /engine/ollama/v1/models", "DELETE /engine/ollama/api/delete", "GET /engine/other/slots"}
	tests := []struct {
		host string
		in   bool
	}{
		{"127.0.0.1:" + port, true},
		{"localhost:" + port, true},
		{"[::1]:" + port, true},
		{"host.docker.internal:" + port, true},
		{"carpool.home", true},
		{"carpool.home:" + port, true},
		{"box:9999", true},
		{"box", false},
		{"", false},
		{"evil.com", false},
		{"evil.com:" + port, false},
		{"127.attacker.example:" + port, false},
		{"127.0.0.1.evil:" + port, false},
		{"localhost.:" + port, false},
		{"x.localhost:" + port, false},
		{"foo.local:" + port, false},
		{"0.0.0.0:" + port, false},
		{"127.0.0.1:1", false},
		{"127.0.0.1", false},
		{"LOCALHOST:" + port, false},
		{"127.0.0.2:" + port, false},
		{"::1:" + port, false},
		{"localhost:" + port + "@evil.com", false},
	}
	for _, tt := range tests {
		for _, route := range routes {
			res := r.raw(route + " HTTP/1.1\r\nHost: " + tt.host + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			// net/http itself answers 400 to a Host that is none.
			if in := res.StatusCode != 403 && (tt.in || res.StatusCode != 400); in != tt.in {
				t.Errorf("%s with Host %q: %d", route, tt.host, res.StatusCode)
			}
			if !tt.in && len(engine.hits) > 0 {
				t.Errorf("%s with Host %q reached the engine: %s", route, tt.host, <-engine.hits)
			}
			for len(engine.hits) > 0 {
				<-engine.hits
			}
		}
	}
	for _, request := range []string{
		"GET http://evil/api/tags HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n\r\n",
		"GET http://127.0.0.1:" + port + "/api/tags HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n\r\n",
		"GET /api/tags HTTP/1.0\r\n\r\n",
		"CONNECT evil:80 HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n\r\n",
	} {
		if res := r.raw(request); res.StatusCode != 403 || len(engine.hits) > 0 {
			t.Errorf("%q: %d, %d hits", request, res.StatusCode, len(engine.hits))
		}
	}
}

func TestOrigin(t *testing.T) {
	engine := newCounter()
	r := newRig(t, engine, Limits{AllowedOrigins: []string{"https://chat.example", "moz-extension://*", "*"}}, batching.Settings{})
	tests := []struct {
		origin string
		in     bool
	}{
		{"http://localhost", true},
		{"https://localhost", true},
		{"http://localhost:5173", true},
		{"http://127.0.0.1:3000", true},
		{"app://obsidian.md", true},
		{"file://", true},
		{"tauri://localhost", true},
		{"vscode-webview://1abc", true},
		{"vscode-file://vscode-app", true},
		{"https://chat.example", true},
		{"moz-extension://0f-1", true},
		{"null", false},
		{"", false},
		{"*", false},
		{"http://evil.com", false},
		{"https://chat.example.evil.com", false},
		{"https://chat.example:444", false},
		{"http://localhost.evil.com", false},
		{"http://localhost:80@evil.com", false},
		{"http://localhost:80.evil.com", false},
		{"http://localhost:", false},
		{"http://localhost/", false},
		{"http://127.0.0.1.evil.com", false},
		{"http://127.0.0.2", false},
		{"http://0.0.0.0:8080", false},
		{"HTTP://localhost", false},
		{"chrome-extension://abc", false},
		{"http://localhost, http://evil.com", false},
		{"app:evil.com", false},
	}
	requests := []struct {
		name, method string
		headers      []string
	}{
		{"json", "POST", []string{"Content-Type", "application/json"}},
		{"preflight", "OPTIONS", []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-a"}},
		{"cross-site get", "GET", []string{"Sec-Fetch-Site", "cross-site"}},
	}
	for _, tt := range tests {
		for _, q := range requests {
			res := r.do(q.method, "/api/chat", "", append([]string{"Origin", tt.origin}, q.headers...)...)
			_ = text(t, res)
			cors := res.Header.Get("Access-Control-Allow-Origin")
			if in := res.StatusCode != 403; in != tt.in {
				t.Errorf("%s of %q: %d", q.name, tt.origin, res.StatusCode)
			}
			if tt.in && cors != tt.origin || !tt.in && cors != "" {
				t.Errorf("%s of %q: CORS header %q", q.name, tt.origin, cors)
			}
			if q.name == "preflight" && tt.in && (res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Headers") != "content-type,x-a") {
				t.Errorf("preflight of %q: %d %v", tt.origin, res.StatusCode, res.Header)
			}
			if !tt.in && len(engine.hits) > 0 {
				t.Errorf("%s of %q reached the engine: %s", q.name, tt.origin, <-engine.hits)
			}
			for len(engine.hits) > 0 {
				<-engine.hits
			}
		}
	}
}

func TestBrowserRequests(t *testing.T) {
	engine := newCounter()
	r := newRig(t, engine, Limits{}, batching.Settings{})
	tests := []struct {
		name, method, path string
		headers            []string
		status             int
	}{
		{"text of an allowed page", "POST", "/api/pull", []string{"Origin", "http://localhost:1", "Content-Type", "text/plain"}, 415},
		{"no type of an allowed page", "POST", "/api/pull", []string{"Origin", "http://localhost:1"}, 415},
		{"json with a charset", "POST", "/api/pull", []string{"Origin", "http://localhost:1", "Content-Type", "application/json; charset=utf-8"}, 200},
		{"a blob of an allowed page", "POST", "/api/blobs/sha256:1", []string{"Origin", "app://x", "Content-Type", "application/octet-stream"}, 200},
		{"a form of another site", "POST", "/api/pull", []string{"Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"}, 403},
		{"an image of another site", "GET", "/api/tags", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"a link of another site", "GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"a posted link", "POST", "/api/pull", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Content-Type", "application/json"}, 403},
		{"the address bar", "GET", "/", []string{"Sec-Fetch-Site", "none"}, 200},
		{"curl with any type", "POST", "/api/pull", []string{"Content-Type", "application/x-www-form-urlencoded"}, 200},
		{"curl with no type", "POST", "/api/pull", nil, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := r.do(tt.method, tt.path, "", tt.headers...)
			if body := text(t, res); res.StatusCode != tt.status {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if hit := len(engine.hits) > 0; hit != (tt.status == 200) {
				t.Errorf("engine asked: %v", hit)
			}
			for len(engine.hits) > 0 {
				<-engine.hits
			}
		})
	}
}

func TestPath(t *testing.T) {
	engine := newCounter()
	r := newRig(t, engine, Limits{}, batching.Settings{})
	tests := []struct {
		path string
		in   bool
	}{
		{"/api/tags", true},
		{"/api/tags/", true},
		{"/api/blobs/sha256:0a", true},
		{"/v1/models/openai%2Fgpt-oss", true},
		{"/v1/models/a/b", true},
		{"/something/of/its/own", true},
		{"/slots", false},
		{"/SLOTS", false},
		{"/slots/0", false},
		{"/props", false},
		{"/metrics", false},
		{"/rpc", false},
		{"/debug/pprof", false},
		{"/Debug/pprof", false},
		{"//slots", false},
		{"//api/tags", false},
		{"/api//tags", false},
		{"/api/../slots", false},
		{"/api/./tags", false},
		{"/api/..%2f..%2fslots", false},
		{"/api/%2e%2e/slots", false},
		{"/%2e/slots", false},
		{"/api%2ftags", false},
		{"/v1/models/..%2f..%2fslots", false},
		{"/v1/models/a%2f%2fb", false},
		{"/api/%252e%252e/slots", false},
		{"/api\\tags", false},
		{"/api/%5c..%5cslots", false},
		{"/api/tags%00", false},
		{"/%73lots", false},
		{"/engine/ollama/slots", false},
		{"/engine/ollama/metrics", false},
		{"/engine/ollama/%53lots", false},
		{"/engine/ollama//slots", false},
		{"/engine/ollama/../slots", false},
		{"/engine%2follama/api/tags", false},
		{"/engine/ollama%2fapi/tags", false},
		{"/engine/ollama%2fv1/models/x", false},
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.url, "http://"))
	for _, tt := range tests {
		res := r.raw("GET " + tt.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n\r\n")
		hit := len(engine.hits) > 0
		if in := res.StatusCode == 200; in != tt.in || hit != tt.in {
			t.Errorf("%s: %d, engine asked: %v", tt.path, res.StatusCode, hit)
		}
		if hit {
			if got := <-engine.hits; got != "GET "+tt.path {
				t.Errorf("%s reached the engine as %s", tt.path, got)
			}
		}
	}
}

// FuzzPath: what is let in for an engine is what it will read, and nothing closed.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/engine/a/v1/models/x%2Fy", "/engine/a%2Fv1/models/x", "/engine/%61/slots", "/metrics", "/engine/a", "/api/tags/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil || checkPath(u) != nil {
			return
		}
		name, rest, bound := enginePath(u.Path)
		written := u.EscapedPath()
		if bound {
			written, _ = escapedRest(u)
		}
		if read, err := url.PathUnescape(written); err != nil || read != rest || strings.Contains(name, "/") {
			t.Errorf("%q: engine %q, rest %q written as %q", raw, name, rest, written)
		}
		for _, part := range strings.Split(rest, "/") {
			if part == ".." || part == "." {
				t.Errorf("%q leads elsewhere", raw)
			}
		}
		first, _, _ := strings.Cut(strings.TrimLeft(strings.ToLower(rest), "/"), "/")
		if denied[first] && u.Path != "/metrics" {
			t.Errorf("%q reaches %s", raw, first)
		}
	})
}

func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"http://localhost:1", "null", "app://x", "https://127.0.0.1"} {
		f.Add(s)
	}
	g := newGuard("11435", Limits{})
	f.Fuzz(func(t *testing.T, origin string) {
		if !g.allowsOrigin(origin) {
			return
		}
		for _, host := range []string{"http://localhost", "https://localhost", "http://127.0.0.1", "https://127.0.0.1"} {
			rest, ok := strings.CutPrefix(origin, host)
			if ok && (rest == "" || strings.Trim(rest[1:], "0123456789") == "" && rest[0] == ':') {
				return
			}
		}
		for _, scheme := range []string{"app://", "file://", "tauri://", "vscode-webview://", "vscode-file://"} {
			if strings.HasPrefix(origin, scheme) {
				return
			}
		}
		t.Errorf("%q is let in", origin)
	})
}

func TestVaryIsAddedToTheEngines(t *testing.T) {
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Vary", "Accept-Encoding")
		says(typeJSON, "{}")(w, q)
	}), Limits{}, batching.Settings{})
	res := r.do("GET", "/api/tags", "", "Origin", "http://localhost:3000")
	if got := strings.Join(res.Header["Vary"], ", "); text(t, res) == "" || got != "Accept-Encoding, Origin" {
		t.Errorf("Vary: %q", got)
	}
}
