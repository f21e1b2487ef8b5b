package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

// several is a gateway before an Ollama, an LM Studio and a llama.cpp, in the
// registry's order. All have the model "both".
type several struct {
	*rig
	ollama             *backendstest.Engine
	lmstudio, llamacpp *stub
}

func severalEngines(t *testing.T, first backends.Kind) *several {
	t.Helper()
	s := &several{ollama: backendstest.New(t), lmstudio: newStub(t, lmstudioPages), llamacpp: newStub(t, llamacppPages)}
	s.ollama.SetModels("tiny:latest", "both")
	targets := []*backends.Target{
		s.targetOf(t, backends.KindOllama, s.ollama.URL, []backends.API{backends.OllamaAPI, backends.OpenAIAPI},
			backends.Model{Name: "tiny:latest"}, backends.Model{Name: "both"}),
		s.targetOf(t, backends.KindLMStudio, s.lmstudio.URL, []backends.API{backends.OpenAIAPI},
			backends.Model{Name: "openai/gpt-oss-20b", Loaded: true, VRAM: 12 << 30, Context: 8192, Family: "gpt-oss", Parameter: "20B", Quant: "MXFP4", Tools: true, Vision: true},
			backends.Model{Name: "both"}, backends.Model{Name: "nomic", Embedding: true}),
		s.targetOf(t, backends.KindLlamaCPP, s.llamacpp.URL, []backends.API{backends.OpenAIAPI},
			backends.Model{Name: "qwen.gguf", Loaded: true, Context: 4096}),
	}
	e := &engines{}
	for _, target := range targets {
		if target.Kind == first {
			e.target = target
		}
	}
	for _, target := range targets {
		if target != e.target {
			e.more = append(e.more, target)
		}
	}
	s.rig = rigFor(t, e, Limits{}, batching.Settings{})
	return s
}

func (s *several) targetOf(t *testing.T, kind backends.Kind, address string, apis []backends.API, models ...backends.Model) *backends.Target {
	target := targetOf(t, address)
	target.Info = backends.Info{Name: string(kind), Kind: kind, Label: string(kind), Health: backends.Up, APIs: apis, Models: models}
	return target
}

// down has an engine known as down.
func (s *several) down(kind backends.Kind) {
	s.engines.change(string(kind), func(i *backends.Info) { i.Health = backends.Down })
}

// stub is an engine that answers each path with one text.
type stub struct {
	*httptest.Server
	mu    sync.Mutex
	pages map[string]string // by method and path; ending in "!" = server-sent events
	hits  []string          // with the body behind
	hold  chan struct{}     // lists wait until it is closed; nil = they do not
}

func newStub(t *testing.T, pages map[string]string) *stub {
	s := &stub{pages: pages}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	route := r.Method + " " + r.URL.EscapedPath()
	s.mu.Lock()
	s.hits = append(s.hits, strings.TrimSpace(route+" "+string(body)))
	page, ok := s.pages[route]
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case !ok:
		http.NotFound(w, r)
		return
	case strings.HasSuffix(page, "!"):
		w.Header().Set("Content-Type", typeSSE)
	default:
		w.Header().Set("Content-Type", "application/json")
	}
	_, _ = io.WriteString(w, strings.TrimSuffix(page, "!"))
}

// asked returns what came since it was called last.
func (s *stub) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	hits := s.hits
	s.hits = nil
	return hits
}

const (
	gptOSS = `{ "id":"openai/gpt-oss-20b", "object":"model","owned_by":"organization_owner", "x":"<>" }`
	nomic  = `{"id":"nomic","object":"model","owned_by":"organization_owner"}`
	qwen   = `{"id":"qwen.gguf","object":"model","created":1767323045,"owned_by":"llamacpp","meta":{"n_params":7e9}}`
)

var lmstudioPages = map[string]string{
	"GET /v1/models":                `{"data":[` + gptOSS + `,{"id":"both","object":"model"},` + nomic + `],"object":"list"}`,
	"GET /api/v0/models":            `{"data":[]}`,
	"GET /api/v0/models/a%2Fb":      `{"id":"a/b"}`,
	"GET /api/v1/models":            `{"models":[]}`,
	"POST /api/v1/models/load":      `{"status":"loaded"}`,
	"POST /api/v0/chat/completions": `{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}`,
	"POST /api/v1/chat": "event: chat.start\n" + sseOf(`{"type":"chat.start","model_instance_id":"openai/gpt-oss-20b"}`) +
		"event: message.delta\n" + sseOf(`{"type":"message.delta","content":"Hel"}`) +
		"event: message.delta\n" + sseOf(`{"type":"message.delta","content":"lo"}`) +
		"event: chat.end\n" + sseOf(`{"type":"chat.end","result":{"output":[{"type":"message","content":"Hello"}],"stats":{"input_tokens":9,"total_output_tokens":2}}}`) + "!",
}

var llamacppPages = map[string]string{
	"GET /v1/models": `{"object":"list","data":[` + qwen + `]}`,
	"GET /health":    `{"status":"ok"}`,
	"POST /completion": sseOf(`{"index":0,"content":"Hel","stop":false,"tokens_predicted":1,"tokens_evaluated":7}`,
		`{"index":0,"content":"lo","stop":false,"tokens_predicted":2,"tokens_evaluated":7}`,
		`{"index":0,"content":"","stop":true,"prompt":"hello","generation_settings":{"stop":[]},"tokens_predicted":2,"tokens_evaluated":7}`) + "!",
	"POST /infill":    `{"content":"x","stop":true,"tokens_predicted":1,"tokens_evaluated":5}`,
	"POST /embedding": `[{"index":0,"embedding":[[0.5,0.25]]}]`,
	"POST /v1/rerank": `{"results":[{"index":0,"relevance_score":0.5}],"usage":{"prompt_tokens":6,"total_tokens":6}}`,
	"POST /tokenize":  `{"tokens":[1,2]}`,
	"GET /slots":      `[]`,
	"GET /props":      `{}`,
	"GET /metrics":    ``,
	"POST /tools":     `{}`,
	"GET /cors-proxy": `x`,
}

func TestACompressedBodyGoesToNoEngineThatWouldGuess(t *testing.T) {
	for first, want := range map[backends.Kind]int{backends.KindLMStudio: 415, backends.KindLlamaCPP: 415, backends.KindOllama: 404} {
		t.Run(string(first), func(t *testing.T) {
			s := severalEngines(t, first)
			res := s.do("POST", "/v1/chat/completions", "\x1f\x8b", "Content-Encoding", "gzip")
			if got := text(t, res); res.StatusCode != want {
				t.Errorf("%d %q, want %d", res.StatusCode, got, want)
			}
			if hits := append(s.lmstudio.asked(), s.llamacpp.asked()...); len(hits) > 0 {
				t.Errorf("asked: %q", hits)
			}
		})
	}
}
