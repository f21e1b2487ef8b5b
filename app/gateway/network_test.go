package gateway

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"carpool/batching"
)

const testToken = "carpool-0123456789abcdef"

// openToNetwork gives a rig a second address, that of the network.
func (r *rig) openToNetwork() (url string) {
	r.t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.2:0")
	if err != nil {
		r.t.Skip("this system has no other loopback address: ", err)
	}
	r.gateway.peer = func(netip.AddrPort, netip.AddrPort) Peer {
		r.t.Error("a program is looked for at the other end of the network")
		return nil
	}
	r.gateway.SetToken(testToken, true)
	server := &http.Server{Handler: r.gateway, ConnContext: r.gateway.ConnContext}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(Network(l))
	}()
	r.t.Cleanup(func() {
		r.client.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}

// seen is an engine that notes what reaches it.
type seen struct{ requests chan *http.Request }

func (s seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests <- r
	says(typeJSON, `{"done":true,"response":"x"}`)(w, r)
}

func Test03_Network(t *testing.T) {
	engine := seen{make(chan *http.Request, 1000)}
	local := newRig(t, engine, Limits{Keys: map[string]string{"app-key": "Chat"}}, batching.Settings{})
	r := *local
	r.url = local.openToNetwork()
	hits := func() (n int) {
		for ; len(engine.requests) > 0; n++ {
			<-engine.requests
		}
		return n
	}
	generate := `{"model":"m","prompt":"hi","stream":false}`

	t.Run("NeedsTheToken", func(t *testing.T) {
		for _, path := range []string{"/api/generate", "/v1/chat/completions", "/v1/messages", "/health", "/metrics", "/", "/api/tags", "/nothing"} {
			for _, headers := range [][]string{nil, {"Authorization", "Bearer wrong"}, {"Authorization", "Bearer "}, {"Authorization", ""},
				{"X-Api-Key", ""}, {"X-Api-Key", testToken + "x"}, {"X-Api-Key", testToken[:len(testToken)-1]}, {"Cookie", testToken}, {"Authorization", "Basic " + testToken}} {
				res := r.do("POST", path, generate, headers...)
				body := text(t, res)
				if res.StatusCode != 401 || res.Header.Get("X-Should-Retry") != "false" || !strings.Contains(body, "carpool lan token") {
					t.Errorf("%s with %q: %d %v %s", path, headers, res.StatusCode, res.Header, body)
				}
			}
		}
		if n := hits(); n > 0 {
			t.Errorf("the engine was asked %d times", n)
		}
	})
	t.Run("RefusesInTheCallersDialect", func(t *testing.T) {
		for path, at := range map[string][]string{"/api/chat": {"error"}, "/v1/chat/completions": {"error", "code"}, "/v1/messages": {"error", "type"}} {
			var v any
			if err := json.Unmarshal([]byte(text(t, r.do("POST", path, generate))), &v); err != nil {
				t.Fatal(err)
			}
			for _, key := range at {
				m, _ := v.(map[string]any)
				v = m[key]
			}
			if s, _ := v.(string); s == "" {
				t.Errorf("%s: nothing at %v", path, at)
			}
		}
	})
	t.Run("TakesTheTokenAsEitherKey", func(t *testing.T) {
		for _, headers := range [][]string{{"Authorization", "Bearer " + testToken}, {"Authorization", "bearer  " + testToken}, {"Authorization", testToken},
			{"X-Api-Key", testToken}, {"X-Api-Key", testToken, "Authorization", "Bearer engine-key"}} {
			res := r.do("POST", "/api/generate", generate, headers...)
			if body := text(t, res); res.StatusCode != 200 {
				t.Errorf("%q: %d %s", headers, res.StatusCode, body)
				continue
			}
			r.recorded()
			if got := (<-engine.requests).Header.Get("Authorization"); len(headers) == 4 && got != "Bearer engine-key" {
				t.Errorf("the engine's own key came as %q", got)
			}
		}
	})
	t.Run("KeepsTheTokenFromTheEngine", func(t *testing.T) {
		for _, from := range []*rig{&r, local} {
			for _, path := range []string{"/api/generate", "/api/tags", "/api/version", "/v1/models/m", "/api/show", "/v1/messages"} {
				for _, headers := range [][]string{{"Authorization", "Bearer " + testToken}, {"X-Api-Key", testToken},
					{"Authorization", "Bearer other", "Authorization", "Bearer " + testToken, "X-Api-Key", testToken}} {
					method := "POST"
					if strings.HasPrefix(path, "/api/t") || strings.HasPrefix(path, "/api/v") || strings.HasPrefix(path, "/v1/models") {
						method = "GET"
					}
					_ = text(t, from.do(method, path, generate, headers...))
				}
			}
		}
		asked := 0
		for ; len(engine.requests) > 0; asked++ {
			q := <-engine.requests
			for name, values := range q.Header {
				if strings.Contains(strings.Join(values, " "), testToken) {
					t.Errorf("%s reached the engine with the token in %s", q.URL, name)
				}
			}
		}
		if asked == 0 {
			t.Error("the engine was never asked")
		}
		for len(r.records) > 0 {
			<-r.records
		}
	})
	t.Run("IsNotForManagement", func(t *testing.T) {
		for _, call := range []string{"POST /api/pull", "POST /api/push", "POST /api/create", "POST /api/copy", "DELETE /api/delete", "POST /api/delete",
			"HEAD /api/blobs/sha256:0a", "POST /api/blobs/sha256:0a", "POST /engine/ollama/api/pull", "POST /api/pull/", "POST /API/pull",
			"POST /models/load", "POST /models/unload", "POST /api/v1/models/download", "POST /something/new", "PUT /api/chat", "DELETE /v1/responses/r", "PATCH /x"} {
			method, path, _ := strings.Cut(call, " ")
			res := r.do(method, path, `{"model":"m"}`, "Authorization", "Bearer "+testToken)
			if body := text(t, res); res.StatusCode != 403 {
				t.Errorf("%s: %d %s", call, res.StatusCode, body)
			}
		}
		for _, path := range []string{"/api/generate", "/api/chat"} {
			for _, body := range []string{`{"model":"m","keep_alive":0}`, `{"model":"m","keep_alive":"1ms"}`, `{"model":"m","keep_alive":-1}`,
				`{"model":"m","prompt":"p","messages":[{}],"keep_alive":0}`, `{"model":"m","prompt":"p","messages":[{}],"keep_alive":"9999h"}`} {
				res := r.do("POST", path, body, "Authorization", "Bearer "+testToken)
				if answer := text(t, res); res.StatusCode != 403 {
					t.Errorf("%s by %s: %d %s", body, path, res.StatusCode, answer)
				}
			}
			res := r.do("POST", path, "\x1f\x8b", "Authorization", "Bearer "+testToken, "Content-Encoding", "gzip")
			if answer := text(t, res); res.StatusCode != 403 {
				t.Errorf("a packed body by %s: %d %s", path, res.StatusCode, answer)
			}
		}
		for _, path := range []string{"/slots", "/props", "/debug/pprof", "/engine/ollama/metrics"} {
			if res := r.do("GET", path, "", "X-Api-Key", testToken); res.StatusCode != 404 || text(t, res) == "" {
				t.Errorf("%s: %d", path, res.StatusCode)
			}
		}
		if n := hits(); n > 0 {
			t.Errorf("the engine was asked %d times", n)
		}
		if res := local.post("/api/pull", `{"model":"m"}`); res.StatusCode != 200 || text(t, res) == "" || hits() != 1 {
			t.Errorf("a program of this computer may not pull: %d", res.StatusCode)
		}
	})
	t.Run("ReadsAndLoads", func(t *testing.T) {
		for _, call := range []string{"GET /", "GET /health", "GET /api/tags", "GET /api/ps", "POST /api/show", "GET /v1/models", "GET /v1/models/m", "GET /engine/ollama/api/tags"} {
			method, path, _ := strings.Cut(call, " ")
			if res := r.do(method, path, `{"model":"m"}`, "X-Api-Key", testToken); res.StatusCode != 200 || text(t, res) == "" {
				t.Errorf("%s: %d", call, res.StatusCode)
			}
		}
		if res := r.do("POST", "/api/generate", `{"model":"m"}`, "X-Api-Key", testToken); res.StatusCode != 200 || text(t, res) == "" {
			t.Errorf("loading a model: %d", res.StatusCode)
		}
		hits()
	})
	t.Run("JudgesPagesAsEver", func(t *testing.T) {
		preflight := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization"}
		for origin, status := range map[string]int{"http://localhost:3000": 204, "https://evil.example": 403, "null": 403} {
			res := r.do("OPTIONS", "/api/chat", "", append(preflight, "Origin", origin)...)
			if _ = text(t, res); res.StatusCode != status {
				t.Errorf("a preflight of %s: %d", origin, res.StatusCode)
			}
			if status != 403 {
				continue
			}
			res = r.do("POST", "/api/chat", generate, "Origin", origin, "Authorization", "Bearer "+testToken)
			if _ = text(t, res); res.StatusCode != 403 || res.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("a call of %s with the token: %d", origin, res.StatusCode)
			}
		}
		res := r.do("POST", "/api/chat", generate, "Origin", "http://localhost:3000", "Content-Type", "application/json")
		if _ = text(t, res); res.StatusCode != 401 || res.Header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("an allowed page without the token: %d", res.StatusCode)
		}
		if n := hits(); n > 0 {
			t.Errorf("the engine was asked %d times", n)
		}
	})
	t.Run("TakesAnyNameOfTheComputer", func(t *testing.T) {
		for _, host := range []string{"gpu.lan:11436", "192.168.1.7", ""} {
			if res := r.do("GET", "/health", "", "Host", host, "X-Api-Key", testToken); res.StatusCode != 200 || text(t, res) == "" {
				t.Errorf("Host %q: %d", host, res.StatusCode)
			}
		}
	})
	t.Run("CountsForItsAddress", func(t *testing.T) {
		res := r.do("POST", "/api/generate", generate, "X-Api-Key", testToken, "Authorization", "Bearer app-key", "X-Carpool-App", "Chat", "User-Agent", "Chat/1.0")
		if _ = text(t, res); res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
		host, _, err := net.SplitHostPort(strings.TrimPrefix(r.url, "http://"))
		if got := r.recorded().App; err != nil || !strings.HasPrefix(got, "127.0.0.") || host == "" {
			t.Errorf("the app is %q", got)
		}
		res = local.do("POST", "/api/generate", generate, "Authorization", "Bearer app-key")
		if _ = text(t, res); res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
		if got := r.recorded().App; got != "Chat" {
			t.Errorf("a local app is %q", got)
		}
		hits()
	})
	t.Run("ClosesForThoseWhoAreConnected", func(t *testing.T) {
		old := testToken
		local.gateway.SetToken("carpool-another-token", true)
		if res := r.do("GET", "/health", "", "X-Api-Key", old); res.StatusCode != 401 || text(t, res) == "" {
			t.Errorf("an old token: %d", res.StatusCode)
		}
		if res := r.do("GET", "/health", "", "X-Api-Key", "carpool-another-token"); res.StatusCode != 200 || text(t, res) == "" {
			t.Errorf("the new one: %d", res.StatusCode)
		}
		local.gateway.SetToken("carpool-another-token", false)
		if res := r.do("GET", "/health", "", "X-Api-Key", "carpool-another-token"); res.StatusCode != 403 || text(t, res) == "" {
			t.Errorf("after it was closed: %d", res.StatusCode)
		}
		local.gateway.SetToken("", true)
		for _, headers := range [][]string{nil, {"X-Api-Key", ""}, {"Authorization", "Bearer"}, {"Authorization", ""}} {
			if res := r.do("GET", "/health", "", headers...); res.StatusCode != 403 || text(t, res) == "" {
				t.Errorf("without a token to ask for, with %q: %d", headers, res.StatusCode)
			}
		}
		if res := local.do("GET", "/health", ""); res.StatusCode != 200 || text(t, res) == "" {
			t.Errorf("a program of this computer: %d", res.StatusCode)
		}
	})
}
