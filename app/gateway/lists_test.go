package gateway

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	ollama "github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"carpool/backends"
)

// native asks with Ollama's own client.
func (r *rig) native() *ollama.Client {
	base, _ := url.Parse(r.url) // it has served already
	return ollama.NewClient(base, r.client)
}

// openai asks with OpenAI's own client.
func (r *rig) openai() *openai.Client {
	c := openai.NewClient(option.WithBaseURL(r.url+"/v1"), option.WithAPIKey("sk-x"), option.WithHTTPClient(r.client), option.WithMaxRetries(0))
	return &c
}

// tags are the names in /api/tags.
func (r *rig) tags() []string {
	r.t.Helper()
	list, err := r.native().List(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, m := range list.Models {
		if m.Name != m.Model || len(m.Digest) < 2 {
			r.t.Errorf("entry %+v", m)
		}
		names = append(names, m.Name)
	}
	return names
}

// ids are the names in /v1/models.
func (r *rig) ids() []string {
	r.t.Helper()
	page, err := r.openai().Models.List(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	var ids []string
	for _, m := range page.Data {
		ids = append(ids, m.ID)
	}
	return ids
}

func TestLists(t *testing.T) {
	all := []string{"tiny:latest", "both", "openai/gpt-oss-20b", "nomic", "qwen.gguf"}
	t.Run("AreTheUnionInTheRegistrysOrder", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		if got := s.tags(); !slices.Equal(got, all) {
			t.Errorf("tags %q", got)
		}
		if got := s.ids(); !slices.Equal(got, all) {
			t.Errorf("models %q", got)
		}
		if hits := s.llamacpp.asked(); !slices.Equal(hits, []string{"GET /v1/models"}) {
			t.Errorf("llama.cpp was asked for %q", hits)
		}
		s.noMore()
	})
	t.Run("BeginWithThePreferredEngine", func(t *testing.T) {
		s := severalEngines(t, backends.KindLlamaCPP)
		want := []string{"qwen.gguf", "tiny:latest", "both", "openai/gpt-oss-20b", "nomic"}
		if tags, ids := s.tags(), s.ids(); !slices.Equal(tags, want) || !slices.Equal(ids, want) {
			t.Errorf("%q %q", tags, ids)
		}
	})
	t.Run("KeepAnEnginesBytes", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		direct, err := s.client.Get(s.ollama.URL + "/api/tags")
		if err != nil {
			t.Fatal(err)
		}
		entries := strings.TrimSuffix(strings.TrimPrefix(text(t, direct), `{"models":[`), "]}")
		res := s.do("GET", "/api/tags", "")
		if got := text(t, res); !strings.HasPrefix(got, `{"models":[`+entries+`,{"name":"openai/gpt-oss-20b",`) || res.Header.Get("Content-Type") != typeJSON {
			t.Errorf("%s", got)
		}
		if got := text(t, s.do("GET", "/v1/models", "")); !strings.HasPrefix(got, `{"object":"list","data":[{"id":"tiny:latest"`) || !strings.HasSuffix(got, gptOSS+","+nomic+","+qwen+"]}") {
			t.Errorf("%s", got)
		}
	})
	t.Run("TellWhatIsKnownOfAModel", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		list, err := s.native().List(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		m := list.Models[2]
		if m.Details.Family != "gpt-oss" || m.Details.ParameterSize != "20B" || m.Details.QuantizationLevel != "MXFP4" || len(m.Digest) != 64 || !m.ModifiedAt.IsZero() {
			t.Errorf("%+v", m)
		}
		s.engines.change("lmstudio", func(i *backends.Info) { i.APIs = nil }) // of nothing but chat, say
		if got := text(t, s.do("GET", "/v1/models", "")); !strings.Contains(got, `{"id":"openai/gpt-oss-20b","object":"model","created":0,"owned_by":"lmstudio"}`) {
			t.Errorf("%s", got)
		}
	})
	t.Run("HoldTheLastOnesOfAnEngineThatIsDown", func(t *testing.T) {
		for name, down := range map[string]func(s *several){
			"it is known to be": func(s *several) {
				s.down(backends.KindOllama)
				s.down(backends.KindLMStudio)
			},
			"it is not known yet": func(s *several) {
				s.ollama.Stop()
				s.lmstudio.Close()
			},
		} {
			s := severalEngines(t, backends.KindLlamaCPP)
			tags, ids := text(t, s.do("GET", "/api/tags", "")), text(t, s.do("GET", "/v1/models", ""))
			down(s)
			if got := text(t, s.do("GET", "/api/tags", "")); got != tags {
				t.Errorf("%s: %s, want %s", name, got, tags)
			}
			if got := text(t, s.do("GET", "/v1/models", "")); got != ids {
				t.Errorf("%s: %s, want %s", name, got, ids)
			}
			if known := name == "it is known to be"; (s.engines.troubles() > 0) == known {
				t.Errorf("%s: %d troubles", name, s.engines.troubles())
			}
		}
	})
	t.Run("HoldWhatTheRegistryKnewOfAnEngineNeverAsked", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		s.down(backends.KindOllama)
		if got := s.tags(); !slices.Contains(got, "tiny:latest") || len(got) != len(all) {
			t.Errorf("%q", got)
		}
	})
	t.Run("DoNotWaitForAnEngineThatHangs", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		release := make(chan struct{})
		s.lmstudio.mu.Lock()
		s.lmstudio.hold = release
		s.lmstudio.mu.Unlock()
		defer close(release)
		s.gateway.slowList = 50 * time.Millisecond
		if got := s.ids(); !slices.Equal(got, all) {
			t.Errorf("%q", got)
		}
	})
	t.Run("LeaveOutWhatIsNoList", func(t *testing.T) {
		for _, page := range []string{`<html>`, `{"data":7}`, `{"data":[{"name":"x"}]}`, `{}`} {
			s := severalEngines(t, backends.KindOllama)
			s.lmstudio.pages = map[string]string{"GET /v1/models": page}
			if got := s.ids(); !slices.Equal(got, all) {
				t.Errorf("%s: %q", page, got)
			}
		}
	})
	t.Run("OfOneEnginePassUntouched", func(t *testing.T) {
		s := severalEngines(t, backends.KindLMStudio)
		s.engines.more = nil
		res := s.do("GET", "/v1/models", "")
		if got := text(t, res); got != lmstudioPages["GET /v1/models"] || res.Header.Get("X-Carpool-Engine") != "lmstudio" {
			t.Errorf("%s %v", got, res.Header)
		}
		if got := s.tags(); !slices.Equal(got, []string{"openai/gpt-oss-20b", "both", "nomic"}) {
			t.Errorf("%q", got)
		}
		if res := s.do("HEAD", "/api/tags", ""); res.StatusCode != 200 || text(t, res) != "" {
			t.Errorf("HEAD: %d", res.StatusCode)
		}
	})
	t.Run("AreNotAnsweredWithoutAnyEngine", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		for _, kind := range []backends.Kind{backends.KindOllama, backends.KindLMStudio, backends.KindLlamaCPP} {
			s.engines.change(string(kind), func(i *backends.Info) { i.Health, i.Models = backends.Down, nil })
		}
		for path := range listings {
			if res := s.do("GET", path, ""); res.StatusCode != 503 || text(t, res) == "" {
				t.Errorf("%s: %d", path, res.StatusCode)
			}
		}
	})
	t.Run("SayWhenSomeAreSimulated", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		if res := s.do("GET", "/api/tags", ""); res.Header.Get("X-Carpool-Simulated") != "" || text(t, res) == "" {
			t.Error("marked as simulated")
		}
		s.engines.change("llamacpp", func(i *backends.Info) { i.Simulated = true })
		if res := s.do("GET", "/api/tags", ""); res.Header.Get("X-Carpool-Simulated") != "true" || text(t, res) == "" {
			t.Error("not marked as simulated")
		}
		s.down(backends.KindLlamaCPP)
		if got := s.tags(); slices.Contains(got, "qwen.gguf") {
			t.Errorf("%q", got)
		}
	})
}

func TestLoadedModels(t *testing.T) {
	s := severalEngines(t, backends.KindOllama)
	s.ollama.SetLoaded("tiny:latest")
	running, err := s.native().ListRunning(context.Background())
	if err != nil || len(running.Models) != 3 {
		t.Fatalf("%+v %v", running, err)
	}
	if m := running.Models[0]; m.Name != "tiny:latest" || m.Size != 2097152 {
		t.Errorf("Ollama's own %+v", m)
	}
	m := running.Models[1]
	if m.Name != "openai/gpt-oss-20b" || m.SizeVRAM != 12<<30 || m.ContextLength != 8192 || len(m.Digest) != 64 || time.Until(m.ExpiresAt) < 100*365*24*time.Hour {
		t.Errorf("LM Studio's %+v", m)
	}
	s.ollama.Stop()
	if running, err = s.native().ListRunning(context.Background()); err != nil || len(running.Models) != 2 {
		t.Errorf("%+v %v", running, err)
	}
}
