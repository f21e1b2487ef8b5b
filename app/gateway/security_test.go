package gateway

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// forget forgets the hits so far.
func (c *counter) forget() {
	for len(c.hits) > 0 {
		<-c.hits
	}
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.hits <- r.Method + " " + r.URL.EscapedPath()
	c.Handler.ServeHTTP(w, r)
}

// pipeline sends one request of each method behind the other on a connection of
// its own, and returns the answers' statuses until the connection ends.
func (r *rig) pipeline(host, path string, methods []string) (statuses []int) {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var requests strings.Builder
	for _, m := range methods {
		requests.WriteString(m + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\n\r\n")
	}
	if _, err := io.WriteString(conn, requests.String()); err != nil {
		r.t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for _, m := range methods {
		res, err := http.ReadResponse(in, &http.Request{Method: m})
		if err != nil {
			r.t.Fatalf("no answer to %s %s with Host %q: %v", m, path, host, err)
		}
		_, _ = io.Copy(io.Discard, res.Body) // what breaks off shows in the next answer
		if statuses = append(statuses, res.StatusCode); res.Close {
			break
		}
	}
	return statuses
}

// everyPath is each path that the code of this package names, and each below an
// engine's name, so that a new route is among them by itself.
func everyPath(t *testing.T) (paths []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(`^/[a-z0-9/_-]*$`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if path, _ := strconv.Unquote(l.Value); word.MatchString(path) {
					if paths = append(paths, path, "/engine/ollama"+path); strings.HasSuffix(path, "/") {
						paths = append(paths, path+"x")
					}
				}
			}
			return true
		})
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	for path := range routes {
		if !slices.Contains(paths, path) {
			t.Fatalf("%s is not among %q", path, paths)
		}
	}
	return paths
}

// everyMethod is each that some engine knows, and one that none does.
var everyMethod = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}

func Test01_Hosts(t *testing.T) {
	engine := newCounter()
	r := newRig(t, engine, Limits{AllowedHosts: []string{"carpool.home", "box:9999"}}, batching.Settings{})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.url, "http://"))
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
		{"[::]:" + port, false},
		{"[::ffff:127.0.0.1]:" + port, false},
		{"[0:0:0:0:0:0:0:1]:" + port, false},
		{"127.1:" + port, false},
		{"2130706433:" + port, false},
		{"0x7f000001:" + port, false},
		{"127.0.0.1:1", false},
		{"127.0.0.1:0" + port, false},
		{"127.0.0.1:", false},
		{"127.0.0.1", false},
		{"localhost", false},
		{"LOCALHOST:" + port, false},
		{"127.0.0.2:" + port, false},
		{"::1:" + port, false},
		{"localhost:" + port + "@evil.com", false},
		{"evil.com@localhost:" + port, false},
		{"localhost:" + port + ", evil.com", false},
		{"localhost:" + port + "/", false},
	}
	paths := everyPath(t)
	t.Run("OnlyTheExactSet", func(t *testing.T) {
		asked := 0
		for _, tt := range tests {
			for _, path := range paths {
				if tt.in && strings.HasPrefix(path, "/engine") {
					continue // what is let in costs more, and goes the same way
				}
				for _, status := range r.pipeline(tt.host, path, everyMethod) {
					asked++
					// net/http itself answers 400 to a Host that is none, and hangs up.
					if in := status != 403 && (tt.in || status != 400); in != tt.in {
						t.Fatalf("%s with Host %q: %d", path, tt.host, status)
					}
				}
				if !tt.in && len(engine.hits) > 0 {
					t.Errorf("Host %q reached the engine: %s", tt.host, <-engine.hits)
				}
				engine.forget()
			}
		}
		t.Logf("%d hosts × %d paths × %d methods: %d requests", len(tests), len(paths), len(everyMethod), asked)
	})
	t.Run("NoOtherFormOfTarget", func(t *testing.T) {
		good := "Host: 127.0.0.1:" + port + "\r\n\r\n"
		for _, request := range []string{
			"GET http://evil/api/tags HTTP/1.1\r\n" + good,
			"GET http://127.0.0.1:" + port + "/api/tags HTTP/1.1\r\n" + good,
			"GET //127.0.0.1:" + port + "/api/tags HTTP/1.1\r\nHost: evil\r\n\r\n",
			"GET /api/tags HTTP/1.0\r\n\r\n",
			"CONNECT evil:80 HTTP/1.1\r\n" + good,
			"CONNECT /api/tags HTTP/1.1\r\nHost: evil\r\n\r\n",
		} {
			if res := r.raw(request); res.StatusCode != 403 || len(engine.hits) > 0 {
				t.Errorf("%q: %d, %d hits", request, res.StatusCode, len(engine.hits))
			}
		}
	})
}

func Test02_Origins(t *testing.T) {
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
		{"http://localhost:123456", false},
		{"http://localhost:1e3", false},
		{"moz-extension:evil", false},
		{"ftp://localhost", false},
		{"blob:http://localhost", false},
	}
	requests := []struct {
		name, method string
		headers      []string
	}{
		{"json", "POST", []string{"Content-Type", "application/json"}},
		{"text", "POST", []string{"Content-Type", "text/plain"}},
		{"form", "POST", []string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}},
		{"cross-site json", "POST", []string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}},
		{"preflight", "OPTIONS", []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-a"}},
		{"cross-site get", "GET", []string{"Sec-Fetch-Site", "cross-site"}},
	}
	for _, tt := range tests {
		for _, q := range requests {
			res := r.do(q.method, "/api/chat", `{"model":"m","messages":[{"content":"x"}]}`, append([]string{"Origin", tt.origin}, q.headers...)...)
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
			if (!tt.in || res.StatusCode == 415) && len(engine.hits) > 0 {
				t.Errorf("%s of %q reached the engine: %s", q.name, tt.origin, <-engine.hits)
			}
			engine.forget()
		}
	}
}

func Test02_Sites(t *testing.T) {
	engine := newCounter()
	r := newRig(t, engine, Limits{}, batching.Settings{})
	followed := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-User", "?1"}
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
		{"a link of another site", "GET", "/", followed, 200},
		{"a frame of another site", "GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-User", "?1"}, 403},
		{"a page that goes to us by itself", "GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"another page of the same site", "GET", "/api/tags", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"a posted link", "POST", "/api/pull", append([]string{"Content-Type", "application/json"}, followed...), 403},
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
			engine.forget()
		})
	}
}

func Test03_Paths(t *testing.T) {
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
		{"/debug/vars", false},
		{"/tools", false},
		{"/cors-proxy", false},
		{"/lora-adapters", false},
		{"/Slots?fail_on_no_slot=1", false},
		{"/slots/0?action=restore", false},
		{"/slots/", false},
		{"/props/", false},
		{"/PrOpS", false},
		{"/METRICS", false},
		{"/metrics/", false},
		{"///slots", false},
		{"/./slots", false},
		{"/api/..;/slots", true}, // a name like any other, and not the engine's /slots
		{"/..%2fslots", false},
		{"/..%5cslots", false},
		{"/%2e%2e%2fslots", false},
		{"/%2fslots", false},
		{"/slots%2f0", false},
		{"/slots%00", false},
		{"/slots%0d%0aX:%20y", false},
		{"/api/tags%0a", false},
		{"/api/tags%7f", false},
		{"/%ef%bc%8e%ef%bc%8e/slots", true}, // wide dots are no dots
		{"/engine/ollama/engine/ollama/api/tags", false},
		{"/engine/ollama/SLOTS", false},
		{"/engine/ollama/..%2fslots", false},
		{"/engine/..%2follama/slots", false},
		{"/engine//slots", false},
		{"/engine/../slots", false},
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

// Test03_Management: what changes models is for programs of this machine.
func Test03_Management(t *testing.T) {
	engine := newCounter()
	r := newRig(t, engine, Limits{}, batching.Settings{})
	var calls []string
	for path := range management {
		method := "POST"
		if path == "/api/delete" {
			method = "DELETE"
		}
		calls = append(calls, method+" "+path, method+" /engine/ollama"+path)
	}
	for _, method := range []string{"POST", "HEAD"} {
		calls = append(calls, method+" "+blobPath+"sha256:0", method+" /engine/ollama"+blobPath+"sha256:0")
	}
	pages := map[string][]string{
		"another site's page":             {"Origin", "https://evil.example", "Content-Type", "application/json"},
		"a page without an origin":        {"Origin", "null", "Content-Type", "application/json"},
		"an extension":                    {"Origin", "chrome-extension://abc", "Content-Type", "application/octet-stream"},
		"another site's form":             {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-User", "?1", "Content-Type", "text/plain"},
		"another port's image":            {"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
		"a page that says it is harmless": {"Origin", "https://evil.example", "Sec-Fetch-Site", "none", "Content-Type", "application/json"},
	}
	for _, call := range calls {
		method, path, _ := strings.Cut(call, " ")
		for name, headers := range pages {
			if method == "HEAD" && strings.HasSuffix(name, "form") {
				continue // a link that a person followed; it reads
			}
			res := r.do(method, path, `{"model":"m"}`, headers...)
			if _ = text(t, res); res.StatusCode != 403 || res.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s of %s: %d", call, name, res.StatusCode)
			}
			if len(engine.hits) > 0 {
				t.Errorf("%s of %s reached the engine as %s", call, name, <-engine.hits)
			}
		}
		res := r.do(method, path, `{"model":"m"}`)
		if _ = text(t, res); res.StatusCode != 200 || len(engine.hits) != 1 {
			t.Errorf("%s of a program: %d, %d hits", call, res.StatusCode, len(engine.hits))
		}
		engine.forget()
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
