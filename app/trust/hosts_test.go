package trust

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"carpool/backends/backendstest"
)

// hostile is a request that must not come in, as it is written on the wire.
type hostile struct{ name, raw string }

// refuseAll sends each request on both of Carpool's addresses: it is answered with
// one of the statuses and without a CORS header, and the engine hears nothing. Each
// carries "?hostile" in its path. It returns how many were sent.
func refuseAll(t *testing.T, c *carpool, tap *wiretap, all []hostile) (sent int) {
	t.Helper()
	_, port, _ := net.SplitHostPort(c.addr)
	for _, addr := range []string{c.addr, net.JoinHostPort("::1", port)} {
		for _, h := range all {
			status, head := askRaw(t, addr, h.raw)
			sent++
			if status != http.StatusForbidden && status != http.StatusBadRequest && status != http.StatusUnsupportedMediaType {
				t.Errorf("%s at %s: %d", h.name, addr, status)
			}
			if head.Get("Access-Control-Allow-Origin") != "" && status != http.StatusUnsupportedMediaType {
				t.Errorf("%s at %s: the page may read the answer: %v", h.name, addr, head)
			}
		}
	}
	heard, err := tap.requests()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range heard {
		if h.url.RawQuery == "hostile" {
			t.Errorf("%s %s reached the engine", h.method, h.url)
		}
	}
	return sent
}

// askRaw sends raw on a connection of its own and reads the head of the answer.
func askRaw(t *testing.T, addr, raw string) (status int, head http.Header) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer to %q: %v", raw, err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header
}

// tapped is a Carpool before an engine that is listened in on.
func tapped(t *testing.T) (*carpool, *wiretap) {
	t.Helper()
	tap := tapWire(t, backendstest.New(t))
	c := prepare(t, "engine.url="+tap.url)
	c.start()
	c.awaitEngine()
	return c, tap
}

// targets are a path of each kind of route; the gateway's own tests have them all.
var targets = []string{"/", "/health", "/metrics", "/api/tags", "/api/version", "/v1/models", "/api/chat", "/v1/chat/completions", "/api/delete", "/api/show", "/engine/ollama/api/ps", "/api/unknown"}

func Test01_Hosts(t *testing.T) {
	c, tap := tapped(t)
	_, port, _ := net.SplitHostPort(c.addr)
	good := []string{"127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port}
	for _, host := range good {
		if status, _ := askRaw(t, c.addr, "GET /api/tags?friendly HTTP/1.1\r\nHost: "+host+"\r\n\r\n"); status != http.StatusOK {
			t.Fatalf("Host %q: %d", host, status)
		}
	}
	var all []hostile
	for _, host := range []string{"", "evil.example", "evil.example:" + port, "rebind.test:" + port, "127.attacker.example:" + port, "127.0.0.1.evil:" + port, "localhost.:" + port, "x.localhost:" + port,
		"foo.local:" + port, "0.0.0.0:" + port, "127.0.0.1:1", "127.0.0.1", "LOCALHOST:" + port, "127.1:" + port, "[::]:" + port, "[::ffff:127.0.0.1]:" + port, "localhost:" + port + "@evil.example"} {
		for _, path := range targets {
			for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS"} {
				all = append(all, hostile{method + " " + path + " with Host " + host, method + " " + path + "?hostile HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\n\r\n"})
			}
		}
	}
	for _, line := range []string{"GET http://evil.example/api/tags?hostile HTTP/1.1", "GET http://" + c.addr + "/api/tags?hostile HTTP/1.1", "CONNECT evil.example:80 HTTP/1.1", "OPTIONS * HTTP/1.1"} {
		all = append(all, hostile{line, line + "\r\nHost: " + c.addr + "\r\n\r\n"})
	}
	all = append(all, hostile{"no Host", "GET /api/tags?hostile HTTP/1.0\r\n\r\n"})
	sent := refuseAll(t, c, tap, all)
	figure(t, 1, fmt.Sprintf("%d requests by names that are not Carpool's, on 127.0.0.1 and [::1]", sent), "all refused, 0 reached the engine")
}

func Test02_Origins(t *testing.T) {
	c, tap := tapped(t)
	head := func(line string, headers ...string) string {
		return line + " HTTP/1.1\r\nHost: " + c.addr + "\r\n" + strings.Join(headers, "\r\n") + "\r\n"
	}
	for _, origin := range []string{"http://localhost:3000", "app://obsidian.md", "vscode-webview://1a"} {
		status, got := askRaw(t, c.addr, head("GET /api/tags?friendly", "Origin: "+origin)+"\r\n")
		if status != http.StatusOK || got.Get("Access-Control-Allow-Origin") != origin {
			t.Fatalf("Origin %q: %d %v", origin, status, got)
		}
	}
	const body = `{"model":"tiny","messages":[{"role":"user","content":"x"}]}`
	length := fmt.Sprintf("Content-Length: %d", len(body))
	var all []hostile
	for _, origin := range []string{"https://evil.example", "null", "", "*", "http://rebind.test", "chrome-extension://abc", "http://localhost.evil.example", "http://localhost:80@evil.example", "http://127.0.0.2", "http://localhost, http://evil.example"} {
		from := "Origin: " + origin
		for _, path := range targets {
			all = append(all,
				hostile{"GET " + path + " of " + origin, head("GET "+path+"?hostile", from) + "\r\n"},
				hostile{"preflight of " + path + " of " + origin, head("OPTIONS "+path+"?hostile", from, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type") + "\r\n"},
				hostile{"WebSocket of " + path + " of " + origin, head("GET "+path+"?hostile", from, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==") + "\r\n"},
			)
			for _, media := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
				all = append(all, hostile{"POST " + path + " of " + origin, head("POST "+path+"?hostile", from, "Content-Type: "+media, length) + "\r\n" + body})
			}
		}
	}
	for _, path := range targets {
		for _, site := range []string{"cross-site", "same-site"} {
			from := "Sec-Fetch-Site: " + site
			all = append(all,
				hostile{"an image at " + path, head("GET "+path+"?hostile", from, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image") + "\r\n"},
				hostile{"a frame at " + path, head("GET "+path+"?hostile", from, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe") + "\r\n"},
				hostile{"a form to " + path, head("POST "+path+"?hostile", from, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-User: ?1", "Content-Type: text/plain", length) + "\r\n" + body},
			)
		}
		all = append(all, hostile{"a form of this machine's page to " + path, head("POST "+path+"?hostile", "Origin: http://localhost:3000", "Content-Type: text/plain", length) + "\r\n" + body})
	}
	sent := refuseAll(t, c, tap, all)
	figure(t, 2, fmt.Sprintf("%d requests of pages of other sites: posts, forms, preflights, images, frames, WebSockets", sent), "all refused, 0 reached the engine")
}
