package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/backends"
	"carpool/batching"
)

func TestStraight(t *testing.T) {
	t.Run("ManagementAndListsTakeNoTurn", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{Limits: batching.Limits{Mode: batching.Serial, Size: 1}})
		engine.Hold()
		leave, busy := r.leaving("/api/chat", `{"model":"tiny","messages":[1]}`)
		defer leave()
		held := engine.Next()
		for _, route := range []string{"GET /", "HEAD /", "GET /api/tags", "GET /api/ps", "GET /api/version", "GET /v1/models", "POST /api/show", "GET /nothing"} {
			method, path, _ := strings.Cut(route, " ")
			direct, err := http.NewRequest(method, engine.URL+path, strings.NewReader(`{"model":"tiny"}`))
			if err != nil {
				t.Fatal(err)
			}
			want, err := r.client.Do(direct)
			if err != nil {
				t.Fatal(err)
			}
			got := r.do(method, path, `{"model":"tiny"}`)
			if w, g := text(t, want), text(t, got); w != g || want.StatusCode != got.StatusCode {
				t.Errorf("%s: %d %q, want %d %q", route, got.StatusCode, g, want.StatusCode, w)
			}
			if got.Header.Get("X-Request-Id") == "" || got.Header.Get("X-Carpool-Engine") != "ollama" || got.Header.Get("X-Carpool-Batch") != "" {
				t.Errorf("%s: %v", route, got.Header)
			}
		}
		r.noMore()
		engine.Release()
		held.Release()
		_ = text(t, <-busy)
	})
	t.Run("LoadingAModelTakesNoTurn", func(t *testing.T) {
		engine := newCounter()
		r := newRig(t, engine, Limits{}, batching.Settings{})
		_ = text(t, r.post("/api/generate", `{"model":"m","keep_alive":0}`))
		_ = text(t, r.post("/api/chat", `{"model":"m","messages":[]}`))
		if len(engine.hits) != 2 || r.scheduler.Totals().Requests != 0 {
			t.Errorf("%d hits, %+v", len(engine.hits), r.scheduler.Totals())
		}
		r.noMore()
	})
	t.Run("AnUploadOfAnySizePasses", func(t *testing.T) {
		var size int64
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			size, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusCreated)
		}), Limits{MaxBody: 1000}, batching.Settings{})
		const most = 8 << 20
		res, err := r.client.Post(r.url+"/api/blobs/sha256:0", "application/octet-stream", io.LimitReader(zeros{}, most))
		if err != nil {
			t.Fatal(err)
		}
		if _ = text(t, res); res.StatusCode != 201 || size != most {
			t.Errorf("%d after %d bytes", res.StatusCode, size)
		}
	})
	t.Run("AStreamOfProgressPassesPieceByPiece", func(t *testing.T) {
		next := make(chan struct{})
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				_, _ = io.WriteString(w, "{}\n")
				w.(http.Flusher).Flush()
				<-next
			}
		}), Limits{}, batching.Settings{})
		res := r.post("/api/pull", `{}`)
		for range 3 {
			if _, err := io.ReadFull(res.Body, make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			next <- struct{}{}
		}
		_ = text(t, res)
	})
	t.Run("ARedirectDoesNotLeadAroundUs", func(t *testing.T) {
		var location string
		mux := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		server := httptest.NewServer(mux)
		defer server.Close()
		r := rigFor(t, &engines{target: targetOf(t, server.URL)}, Limits{}, batching.Settings{})
		for _, tt := range []struct {
			location, want string
			status         int
		}{
			{"/api/chat", "/api/chat", 307},
			{server.URL + "/api/chat?a=b", "/api/chat?a=b", 307},
			{"http://evil.example/api/chat", "", 502},
			{"//evil.example/api/chat", "", 502},
			{"javascript:alert(1)", "", 502},
		} {
			location = tt.location
			res := r.post("/api/chat/", `{"messages":[1]}`)
			_ = text(t, res)
			if res.StatusCode != tt.status || res.Header.Get("Location") != tt.want {
				t.Errorf("%s: %d %q", tt.location, res.StatusCode, res.Header.Get("Location"))
			}
		}
	})
	t.Run("AnEngineThatWantsAnotherProtocolIsRefused", func(t *testing.T) {
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
			_ = conn.Close()
		}), Limits{}, batching.Settings{})
		if res := r.do("GET", "/api/x", "", "Upgrade", "x", "Connection", "Upgrade"); res.StatusCode != 502 || text(t, res) == "" {
			t.Errorf("%d", res.StatusCode)
		}
	})
}

// zeros is an endless upload.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestListsOutliveTheEngine(t *testing.T) {
	r, engine := scripted(t, Limits{}, batching.Settings{})
	r.engines.target.Version = "0.17.3"
	ollama := r.engines.target.Info
	ollama.Health = backends.Down
	demo := backends.Info{Name: "demo", Version: "demo", Simulated: true, APIs: ollama.APIs}
	built := backends.Info{Name: "llamacpp", Version: "b8681", Kind: backends.KindLlamaCPP}
	paths := []string{"/api/tags", "/v1/models"}
	want := map[string]string{}
	for _, path := range paths {
		want[path] = text(t, r.do("GET", path, ""))
	}
	for _, tt := range []struct {
		name string
		down func()
	}{
		{"the engine was stopped", engine.Stop},
		{"no engine is known to be", func() {
			r.engines.fail(backends.ErrNoEngine)
			r.engines.known = []backends.Info{demo, built, ollama}
		}},
	} {
		tt.down()
		for _, path := range paths {
			res := r.do("GET", path, "")
			if got := text(t, res); res.StatusCode != 200 || got != want[path] || got == "" || res.Header.Get("Content-Type") == "" {
				t.Errorf("%s: %s: %d %q", tt.name, path, res.StatusCode, got)
			}
		}
		if res := r.do("GET", "/api/version", ""); res.StatusCode != 200 || text(t, res) != `{"version":"0.17.3"}` {
			t.Errorf("%s: version %d", tt.name, res.StatusCode)
		}
		if res := r.do("GET", "/api/ps", ""); res.StatusCode != 503 || !strings.Contains(text(t, res), `"error"`) {
			t.Errorf("%s: ps %d", tt.name, res.StatusCode)
		}
	}
	t.Run("ButNothingIsMadeUp", func(t *testing.T) {
		r := newRig(t, nil, Limits{}, batching.Settings{})
		for _, path := range paths {
			if res := r.do("GET", path, ""); res.StatusCode != 503 || text(t, res) == "" {
				t.Errorf("%s: %d", path, res.StatusCode)
			}
		}
		if res := r.do("GET", "/api/version", ""); text(t, res) != `{"version":"0.17.4"}` {
			t.Error("version")
		}
	})
	t.Run("ButNotThoseOfAnotherEngine", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{})
		_ = text(t, r.do("GET", "/api/tags", ""))
		engine.Stop()
		r.engines.target.Name, r.engines.target.Models = "other", nil
		if res := r.do("GET", "/api/tags", ""); res.StatusCode != 503 || text(t, res) == "" {
			t.Errorf("%d", res.StatusCode)
		}
	})
	t.Run("ButNotThoseThatNotAllCanRead", func(t *testing.T) {
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, "packed")
		}), Limits{}, batching.Settings{})
		r.engines.target.Models = nil
		_ = text(t, r.do("GET", "/api/tags", "", "Accept-Encoding", "br"))
		r.engines.fail(backends.ErrNoEngine)
		if res := r.do("GET", "/api/tags", ""); res.StatusCode != 503 || text(t, res) == "" {
			t.Errorf("%d", res.StatusCode)
		}
	})
	t.Run("AndSimulatedOnesAreForgotten", func(t *testing.T) {
		r, _ := scripted(t, Limits{}, batching.Settings{})
		r.engines.target.Simulated = true
		if res := r.do("GET", "/api/tags", ""); res.Header.Get("X-Carpool-Simulated") != "true" || text(t, res) == "" {
			t.Error("not marked as simulated")
		}
		r.engines.fail(backends.ErrNoEngine)
		if res := r.do("GET", "/api/tags", ""); res.StatusCode != 503 || text(t, res) == "" {
			t.Errorf("%d", res.StatusCode)
		}
	})
}

func TestHealth(t *testing.T) {
	r := newRig(t, nil, Limits{}, batching.Settings{})
	if res := r.do("GET", "/health", ""); res.StatusCode != 200 || text(t, res) != `{"status":"ok"}`+"\n" {
		t.Errorf("%d", res.StatusCode)
	}
	r.gateway.health = func() any { return map[string]int{"queue_depth": 3} }
	res := r.do("GET", "/health", "")
	if got := text(t, res); got != `{"queue_depth":3}`+"\n" || res.Header.Get("Content-Type") != typeJSON {
		t.Errorf("%q %v", got, res.Header)
	}
	if res := r.do("POST", "/health", ""); res.StatusCode != 405 || res.Header.Get("Allow") == "" || text(t, res) == "" {
		t.Errorf("%d", res.StatusCode)
	}
	r.gateway.health = func() any { return func() {} }
	if res := r.do("GET", "/health", ""); res.StatusCode != 500 || text(t, res) == "" {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestMetrics(t *testing.T) {
	const figures = "carpool_limit 8\n"
	engine := newCounter()
	r := newRig(t, engine, Limits{}, batching.Settings{})
	if res := r.do("GET", "/metrics", ""); res.StatusCode != 404 || text(t, res) == "" {
		t.Errorf("without metrics: %d", res.StatusCode)
	}
	r.gateway.metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte(figures))
	})
	ours := func() {
		t.Helper()
		res := r.do("GET", "/metrics", "")
		if got := text(t, res); got != figures || res.Header.Get("Content-Type") != "text/plain; version=0.0.4" || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%q %v", got, res.Header)
		}
	}
	ours()
	if res := r.do("HEAD", "/metrics", ""); res.StatusCode != 200 || text(t, res) != "" {
		t.Errorf("HEAD: %d", res.StatusCode)
	}
	if res := r.do("POST", "/metrics", ""); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" || text(t, res) == "" {
		t.Errorf("POST: %d", res.StatusCode)
	}
	if res := r.do("GET", "/metrics", "", "Origin", "https://evil.example"); res.StatusCode != 403 || text(t, res) == "" {
		t.Errorf("a foreign page: %d", res.StatusCode)
	}
	r.gateway.Drain()
	ours()
	if len(engine.hits) > 0 {
		t.Error("the engine was asked")
	}
}

func Test07_Body(t *testing.T) {
	const most = 100 << 10
	body := func(size int) string {
		const head = `{"model":"tiny","prompt":"`
		return head + strings.Repeat("x", size-len(head)-2) + `"}`
	}
	t.Run("HasALimit", func(t *testing.T) {
		r, engine := scripted(t, Limits{MaxBody: most}, batching.Settings{})
		for _, tt := range []struct {
			name   string
			body   io.Reader
			status int
		}{
			{"at the limit", strings.NewReader(body(most)), 200},
			{"over it", strings.NewReader(body(most + 1)), 413},
			{"at the limit, of unknown size", io.MultiReader(strings.NewReader(body(most))), 200},
			{"over it, of unknown size", io.MultiReader(strings.NewReader(body(most + 1))), 413},
			{"without end", zeros{}, 413},
		} {
			res, err := r.client.Post(r.url+"/v1/completions", "application/json", tt.body)
			if err != nil {
				if tt.name == "without end" {
					continue // the connection was closed while it was sent
				}
				t.Fatal(err)
			}
			if got := text(t, res); res.StatusCode != tt.status || tt.status == 413 && (!strings.Contains(got, "request_too_large") || !res.Close) {
				t.Errorf("%s: %d %.200s", tt.name, res.StatusCode, got)
			}
		}
		r.allGivenBack()
		r.ended()
		if engine.Hits() != 2 {
			t.Errorf("%d requests reached the engine", engine.Hits())
		}
	})
	t.Run("AllTogetherHaveOne", func(t *testing.T) {
		r, _ := scripted(t, Limits{MaxBody: most, MaxBodies: 3 * most}, batching.Settings{})
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() {
				res := r.post("/v1/completions", body(most))
				if got := text(t, res); res.StatusCode != 200 && res.StatusCode != 503 {
					t.Errorf("%d %s", res.StatusCode, got)
				}
				if used := r.gateway.memory.used.Load(); used > 3*most {
					t.Errorf("%d bytes held", used)
				}
			})
		}
		wait.Wait()
		r.allGivenBack()
	})
	t.Run("MustComeInTime", func(t *testing.T) {
		r, _ := scripted(t, Limits{SlowClient: 20 * time.Millisecond}, batching.Settings{})
		res := r.raw("POST /api/chat HTTP/1.1\r\nHost: " + strings.TrimPrefix(r.url, "http://") + "\r\nContent-Length: 100\r\n\r\n{")
		if got := text(t, res); res.StatusCode != 408 || !strings.Contains(got, "too long") {
			t.Errorf("%d %s", res.StatusCode, got)
		}
		r.ended()
	})
	t.Run("AnUploadMustNotStandStill", func(t *testing.T) {
		r, _ := scripted(t, Limits{SlowClient: 20 * time.Millisecond}, batching.Settings{})
		res := r.raw("POST /api/blobs/sha256:00 HTTP/1.1\r\nHost: " + strings.TrimPrefix(r.url, "http://") + "\r\nContent-Length: 3000000000\r\n\r\nabc")
		if got := text(t, res); res.StatusCode != 408 || !strings.Contains(got, "too long") || !res.Close {
			t.Errorf("%d %s", res.StatusCode, got)
		}
		r.ended()
	})
	t.Run("ACompressedOneIsTheEnginesToRead", func(t *testing.T) {
		var got []byte
		var encoding string
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			got, _ = io.ReadAll(q.Body)
			encoding = q.Header.Get("Content-Encoding")
			says(typeJSON, `{"usage":{"input_tokens":1,"output_tokens":2}}`)(w, q)
		}), Limits{}, batching.Settings{})
		sent := []byte{0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3}
		res := r.do("POST", "/v1/responses", string(sent), "Content-Encoding", "zstd")
		if _ = text(t, res); res.StatusCode != 200 || !bytes.Equal(got, sent) || encoding != "zstd" {
			t.Errorf("%d, the engine got %q", res.StatusCode, got)
		}
		if rec := r.recorded(); rec.Outcome != OK || rec.Model != "" || rec.OutputTokens != 2 {
			t.Errorf("record %+v", rec)
		}
	})
}

func TestUnknownModel(t *testing.T) {
	for err, want := range map[error]struct {
		status int
		kind   string
	}{
		fmt.Errorf("model 'x' not found: %w", backends.ErrUnknownModel): {404, "model_not_found"},
		backends.ErrNoEngine:               {503, "backend_unavailable"},
		errors.New("something unexpected"): {503, "backend_unavailable"},
	} {
		r := rigFor(t, &engines{err: err}, Limits{}, batching.Settings{})
		res := r.post("/api/chat", `{"model":"x","messages":[1]}`)
		body := text(t, res)
		if rec := r.recorded(); res.StatusCode != want.status || rec.ErrorKind != want.kind || rec.Outcome != Failed {
			t.Errorf("%v: %d %s, record %+v", err, res.StatusCode, body, rec)
		}
		if want.status == 404 && body != `{"error":"model 'x' not found: no engine has it"}` {
			t.Errorf("%s", body)
		}
	}
}
