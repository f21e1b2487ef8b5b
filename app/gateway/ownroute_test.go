package gateway

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"carpool/backends"
)

func TestOwnRoutes(t *testing.T) {
	t.Run("OfThePreferredEngineAreScheduledAsTheyAre", func(t *testing.T) {
		for _, tt := range []struct {
			kind       backends.Kind
			path, body string
			want       Record
		}{
			{backends.KindLlamaCPP, "/completion", `{"prompt":"hello","n_predict":5,"stream":true}`,
				Record{Model: "qwen.gguf", Stream: true, PromptBytes: 5, PromptTokens: 7, OutputTokens: 2}},
			{backends.KindLlamaCPP, "/infill", `{"input_prefix":"abc","input_suffix":"d","n_predict":-1}`,
				Record{Model: "qwen.gguf", PromptBytes: 4, PromptTokens: 5, OutputTokens: 1}},
			{backends.KindLlamaCPP, "/embedding", `{"content":"abc"}`,
				Record{Model: "qwen.gguf", PromptBytes: 3, PromptTokens: -1}},
			{backends.KindLlamaCPP, "/v1/rerank", `{"model":"x","query":"abc","documents":["d","ef"]}`,
				Record{Model: "x", PromptBytes: 6, PromptTokens: 6}},
			{backends.KindLMStudio, "/api/v0/chat/completions", `{"model":"both","messages":[{"content":"abc"}]}`,
				Record{Model: "both", PromptBytes: 3, PromptTokens: 3, OutputTokens: 1}},
			{backends.KindLMStudio, "/api/v1/chat", `{"model":"openai/gpt-oss-20b","system_prompt":"ab","input":"abc","stream":true}`,
				Record{Model: "openai/gpt-oss-20b", Stream: true, PromptBytes: 5, PromptTokens: 9, OutputTokens: 2}},
		} {
			s := severalEngines(t, tt.kind)
			engine, pages := s.llamacpp, llamacppPages
			if tt.kind == backends.KindLMStudio {
				engine, pages = s.lmstudio, lmstudioPages
			}
			for _, prefix := range []string{"", "/engine/" + string(tt.kind)} {
				res := s.post(prefix+tt.path, tt.body)
				if got := text(t, res); res.StatusCode != 200 || got != strings.TrimSuffix(pages["POST "+tt.path], "!") || res.Header.Get("X-Carpool-Engine") != string(tt.kind) || res.Header.Get("X-Carpool-Batch") == "" {
					t.Fatalf("%s: %d %s", tt.path, res.StatusCode, got)
				}
				if hits := engine.asked(); !slices.Equal(hits, []string{"POST " + tt.path + " " + tt.body}) {
					t.Errorf("%s: the engine got %q", tt.path, hits)
				}
				rec := s.recorded()
				got := Record{Model: rec.Model, Stream: rec.Stream, PromptBytes: rec.PromptBytes, PromptTokens: rec.PromptTokens, OutputTokens: rec.OutputTokens}
				if got != tt.want || rec.Outcome != OK || rec.Route != tt.path || rec.Engine != string(tt.kind) || rec.Dialect != OpenAI || rec.Stream && rec.FirstToken == 0 {
					t.Errorf("%s: record %+v", tt.path, rec)
				}
			}
		}
	})
	t.Run("OfAnotherEngineAreNotReached", func(t *testing.T) {
		s := severalEngines(t, backends.KindLMStudio)
		for _, path := range []string{"/completion", "/tokenize", "/rerank", "/nothing"} {
			if res := s.post(path, `{}`); res.StatusCode != 404 || text(t, res) == "" {
				t.Errorf("%s: %d", path, res.StatusCode)
			}
		}
		if hits := append(s.lmstudio.asked(), s.llamacpp.asked()...); len(hits) > 0 {
			t.Errorf("asked: %q", hits)
		}
	})
	t.Run("ThatAreNoInferenceTakeNoTurn", func(t *testing.T) {
		s := severalEngines(t, backends.KindLMStudio)
		for _, route := range []string{"GET /api/v0/models", "GET /api/v1/models", "POST /api/v1/models/load", "GET /engine/lmstudio/api/v1/models",
			"GET /engine/lmstudio/api/v0/models/a%2Fb", "POST /engine/llamacpp/tokenize", "GET /engine/llamacpp/health"} {
			method, path, _ := strings.Cut(route, " ")
			if res := s.do(method, path, `{}`); res.StatusCode != 200 || text(t, res) == "" || res.Header.Get("X-Carpool-Batch") != "" {
				t.Errorf("%s: %d", route, res.StatusCode)
			}
		}
		s.noMore()
	})
	t.Run("WithoutTheirEndMarkAreNoSuccess", func(t *testing.T) {
		for path, cut := range map[string]string{"/completion": `data: {"index":0,"content":"","stop":true`, "/api/v1/chat": "event: chat.end"} {
			s := severalEngines(t, backends.KindLlamaCPP)
			s.llamacpp.pages, s.lmstudio.pages = map[string]string{}, map[string]string{}
			for engine, pages := range map[*stub]map[string]string{s.llamacpp: llamacppPages, s.lmstudio: lmstudioPages} {
				begun, _, _ := strings.Cut(pages["POST "+path], cut)
				engine.pages["POST "+path] = begun + "!"
			}
			name := map[string]string{"/completion": "llamacpp", "/api/v1/chat": "lmstudio"}[path]
			got, _ := read(s.post("/engine/"+name+path, `{"model":"both","stream":true}`))
			if rec := s.recorded(); !strings.Contains(got, "backend_truncated") || rec.Outcome != Failed {
				t.Errorf("%s: %s, record %+v", path, got, rec)
			}
		}
	})
	t.Run("NameNoModelThatIsNotThere", func(t *testing.T) {
		s := severalEngines(t, backends.KindLMStudio)
		for _, path := range []string{"/api/v1/chat", "/engine/lmstudio/v1/chat/completions", "/engine/lmstudio/api/v0/completions"} {
			res := s.post(path, `{"model":"tiny"}`)
			if got := text(t, res); res.StatusCode != 404 || !strings.Contains(got, `"model_not_found"`) {
				t.Errorf("%s: %d %s", path, res.StatusCode, got)
			}
			if rec := s.recorded(); rec.ErrorKind != "model_not_found" {
				t.Errorf("%s: %+v", path, rec)
			}
		}
		if hits := s.lmstudio.asked(); len(hits) > 0 {
			t.Errorf("asked: %q", hits)
		}
	})
	t.Run("ThatKeepAThreadAreNotShared", func(t *testing.T) {
		body := []byte(`{"model":"m","input":"a","temperature":0}`)
		for path, want := range map[string]bool{"/api/v1/chat": false, "/api/v0/completions": true} {
			if got, _ := peek(body, OpenAI, own[backends.KindLMStudio][path]); got.repeats != want {
				t.Errorf("%s: repeats %v", path, got.repeats)
			}
		}
	})
}

func TestEnginePath(t *testing.T) {
	t.Run("ReachesThatEngine", func(t *testing.T) {
		s := severalEngines(t, backends.KindLMStudio)
		for _, tt := range []struct{ route, engine, want string }{
			{"GET /engine/ollama/", "ollama", "Ollama is running"},
			{"GET /engine/ollama", "ollama", "Ollama is running"},
			{"GET /engine/ollama/api/version", "ollama", `{"version":"0.17.4"}`},
			{"GET /engine/llamacpp/v1/models", "llamacpp", llamacppPages["GET /v1/models"]},
			{"GET /engine/lmstudio/v1/models", "lmstudio", lmstudioPages["GET /v1/models"]},
			{"GET /engine/lmstudio/v1/models/openai%2Fgpt-oss-20b", "lmstudio", gptOSS},
			{"GET /engine/l%6Dstudio/v1/models/openai/gpt-oss-20b", "lmstudio", gptOSS},
			{"GET /engine/llamacpp/api/version", "", `{"version":"0.17.4"}`},
		} {
			method, path, _ := strings.Cut(tt.route, " ")
			res := s.do(method, path, "")
			if got := text(t, res); res.StatusCode != 200 || got != tt.want || res.Header.Get("X-Carpool-Engine") != tt.engine {
				t.Errorf("%s: %d %q %v", tt.route, res.StatusCode, got, res.Header)
			}
		}
		if got := text(t, s.do("GET", "/engine/lmstudio/api/tags", "")); strings.Contains(got, "tiny") || !strings.Contains(got, "nomic") {
			t.Errorf("tags: %s", got)
		}
		res := s.post("/engine/ollama/api/chat", `{"model":"both","messages":[{"content":"a"}]}`)
		if got := text(t, res); res.StatusCode != 200 || !strings.Contains(got, `"done":true`) || res.Header.Get("X-Carpool-Engine") != "ollama" {
			t.Errorf("chat: %d %s", res.StatusCode, got)
		}
		if rec := s.recorded(); rec.Engine != "ollama" || rec.Route != "/api/chat" || rec.Dialect != Ollama {
			t.Errorf("record %+v", rec)
		}
	})
	t.Run("KeepsARedirectOnIt", func(t *testing.T) {
		s := severalEngines(t, backends.KindLMStudio)
		second := targetOf(t, redirector(t))
		second.Name = "second"
		s.engines.more = append(s.engines.more, second)
		res := s.do("GET", "/engine/second/api/tags/", "")
		if _ = text(t, res); res.StatusCode != 301 || res.Header.Get("Location") != "/engine/second/api/tags" {
			t.Errorf("%d %q", res.StatusCode, res.Header.Get("Location"))
		}
	})
	t.Run("SaysWhichThereAre", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		for path, want := range map[string]string{
			"/engine/vllm/api/chat":            `{"error":"no engine is called 'vllm', there is ollama, lmstudio, llamacpp"}`,
			"/engine/vllm/v1/chat/completions": `{"error":{"message":"no engine is called 'vllm', there is ollama, lmstudio, llamacpp","type":"invalid_request_error","param":null,"code":"not_found"}}`,
			"/engine/vllm/completion":          `{"error":{"message":"no engine is called 'vllm', there is ollama, lmstudio, llamacpp","type":"invalid_request_error","param":null,"code":"not_found"}}`,
			"/engine/":                         `{"error":"no engine is called '', there is ollama, lmstudio, llamacpp"}`,
		} {
			if res := s.post(path, `{"model":"tiny"}`); res.StatusCode != 404 || text(t, res) != want {
				t.Errorf("%s: %d", path, res.StatusCode)
			}
		}
		s.down(backends.KindLMStudio)
		if res := s.post("/engine/lmstudio/v1/chat/completions", `{"model":"both"}`); res.StatusCode != 503 || text(t, res) == "" {
			t.Errorf("%d", res.StatusCode)
		}
	})
	t.Run("IsGuardedAsAllAre", func(t *testing.T) {
		s := severalEngines(t, backends.KindLMStudio)
		for _, path := range []string{"/engine/llamacpp/completion", "/engine/lmstudio/api/v1/models/load", "/engine/ollama/api/pull"} {
			for _, headers := range [][]string{
				{"Host", "evil.example"}, {"Origin", "https://evil.example", "Content-Type", "application/json"}, {"Origin", "null"},
				{"Sec-Fetch-Site", "cross-site"}, {"Origin", "http://localhost:1", "Content-Type", "text/plain"},
			} {
				res := s.do("POST", path, `{}`, headers...)
				if _ = text(t, res); res.StatusCode != 403 && res.StatusCode != 415 {
					t.Errorf("%s %q: %d", path, headers, res.StatusCode)
				}
			}
			res := s.do("OPTIONS", path, "", "Origin", "app://x", "Access-Control-Request-Method", "POST")
			if _ = text(t, res); res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != "app://x" {
				t.Errorf("preflight of %s: %d %v", path, res.StatusCode, res.Header)
			}
		}
		if hits := append(s.lmstudio.asked(), s.llamacpp.asked()...); len(hits) > 0 || s.ollama.Hits("/api/pull") > 0 {
			t.Errorf("asked: %q", hits)
		}
		res := s.do("POST", "/engine/ollama/api/blobs/sha256:1", "x", "Origin", "app://x", "Content-Type", "application/octet-stream")
		if _ = text(t, res); res.StatusCode != 200 {
			t.Errorf("a blob of an allowed page: %d", res.StatusCode)
		}
	})
	t.Run("NeverReachesWhatIsClosed", func(t *testing.T) {
		s := severalEngines(t, backends.KindLlamaCPP)
		paths := []string{}
		for _, closed := range []string{
			"slots", "SLOTS", "%73lots", "slots/", "slots/0", "props", "Props", "metrics", "rpc", "debug/pprof", "tools", "TOOLS", "cors-proxy", "lora-adapters",
			"nothing", "completion/", "COMPLETION", "Tokenize", "v1/slots", "v1/models/../../slots", "v1/models/..%2f..%2fslots", "v1/models/%2e%2e/slots",
			"v1/load_lora_adapter", "models/load/x", "engine/llamacpp/slots", "/slots", "./slots", "tokenize%2f..%2fslots", "%2fslots", "x\\slots", "tokenize%00",
		} {
			paths = append(paths, "/"+closed, "/engine/llamacpp/"+closed, "/engine/lmstudio/"+closed, "/engine/llamacpp%2f"+closed, "/engine%2fllamacpp/"+closed,
				"/ENGINE/llamacpp/"+closed, "/engine/LLAMACPP/"+closed, "/engine/ollama/../llamacpp/"+closed, "/engine/./llamacpp/"+closed, "/engine//llamacpp/"+closed,
				"/engine/llamacpp%2fv1/models/"+closed, "/engine/llamacpp/engine/llamacpp/"+closed)
		}
		for _, name := range []string{"api/v1/chat/", "api/v1/CHAT", "API/v1/chat", "api/V1/chat", "api/v0/chat/completions/", "api/v1/..", "api/v1/../../slots", "llm", "system"} {
			paths = append(paths, "/engine/lmstudio/"+name)
		}
		for _, path := range paths {
			for _, method := range []string{"GET", "POST"} {
				if path == "/metrics" && method == "GET" {
					continue // our own
				}
				raw := method + " " + path + " HTTP/1.1\r\nHost: " + strings.TrimPrefix(s.url, "http://") + "\r\n\r\n"
				r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
				if err != nil {
					continue // net/http lets it in no further
				}
				w := httptest.NewRecorder()
				s.gateway.ServeHTTP(w, r)
				if w.Code != 404 && w.Code != 405 {
					t.Errorf("%s %s: %d", method, path, w.Code)
				}
			}
		}
		if hits := append(s.lmstudio.asked(), s.llamacpp.asked()...); len(hits) > 0 {
			t.Errorf("asked: %q", hits)
		}
	})
}

// redirector is an engine that leads each path with a slash behind to the one without.
func redirector(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.TrimSuffix(r.URL.Path, "/"), http.StatusMovedPermanently)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
