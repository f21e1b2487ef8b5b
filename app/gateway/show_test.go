package gateway

import (
	"context"
	"errors"
	"strings"
	"testing"

	ollama "github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"

	"carpool/backends"
)

func TestModel(t *testing.T) {
	s := severalEngines(t, backends.KindOllama)
	for id, want := range map[string]string{
		"tiny":                        `{"id":"tiny","object":"model","created":1767323045,"owned_by":"library"}`,
		"tiny:latest":                 `{"id":"tiny:latest","object":"model","created":1767323045,"owned_by":"library"}`,
		"ollama/tiny":                 `{"id":"tiny:latest","object":"model","created":1767323045,"owned_by":"library"}`,
		"openai/gpt-oss-20b":          gptOSS,
		"openai%2Fgpt-oss-20b":        gptOSS,
		"lmstudio/openai/gpt-oss-20b": gptOSS,
		"lmstudio/both":               `{"id":"both","object":"model"}`,
		"both":                        `{"id":"both","object":"model","created":1767323045,"owned_by":"library"}`,
		"qwen.gguf":                   qwen,
	} {
		if res := s.do("GET", "/v1/models/"+id, ""); res.StatusCode != 200 || text(t, res) != want {
			t.Errorf("%s: %d", id, res.StatusCode)
		}
	}
	for _, id := range []string{"nothing", "openai/nothing", "ollama/openai/gpt-oss-20b", "gpt-oss-20b"} {
		_, err := s.openai().Models.Get(context.Background(), id)
		var failed *openai.Error
		if !errors.As(err, &failed) || failed.StatusCode != 404 || failed.Code != "model_not_found" || failed.Message != "model '"+id+"' not found" {
			t.Errorf("%s: %v", id, err)
		}
	}
	if m, err := s.openai().Models.Get(context.Background(), "openai/gpt-oss-20b"); err != nil || m.ID != "openai/gpt-oss-20b" {
		t.Errorf("%+v %v", m, err)
	}
	t.Run("OfAnEngineThatIsDown", func(t *testing.T) {
		s.down(backends.KindLMStudio)
		if res := s.do("GET", "/v1/models/openai/gpt-oss-20b", ""); res.StatusCode != 200 || text(t, res) != gptOSS {
			t.Errorf("%d", res.StatusCode)
		}
		s.noMore()
	})
}

func TestShow(t *testing.T) {
	s := severalEngines(t, backends.KindOllama)
	show := func(model string) (*ollama.ShowResponse, error) {
		return s.native().Show(context.Background(), &ollama.ShowRequest{Model: model})
	}
	t.Run("PassesOllamasOwn", func(t *testing.T) {
		for _, body := range []string{`{"model":"tiny"}`, `{"name":"tiny"}`} {
			if res := s.post("/api/show", body); res.StatusCode != 200 || !strings.HasPrefix(text(t, res), `{"details":{"format":"gguf","family":"test"}`) {
				// The scripted engine reads "model" and "name" alike.
				t.Errorf("%s: %d", body, res.StatusCode)
			}
			if q, _ := s.ollama.Last("/api/show"); string(q.Body) != body {
				t.Errorf("the engine got %s", q.Body)
			}
		}
	})
	t.Run("TellsWhatClientsLookFor", func(t *testing.T) {
		got, err := show("openai/gpt-oss-20b")
		if err != nil {
			t.Fatal(err)
		}
		if got.ModelInfo["general.architecture"] != "gpt-oss" || got.ModelInfo["gpt-oss.context_length"] != 8192.0 ||
			got.ModelInfo["general.basename"] != "openai/gpt-oss-20b" || got.Details.QuantizationLevel != "MXFP4" || got.Template != "" {
			t.Errorf("%+v", got)
		}
		for model, want := range map[string]string{"openai/gpt-oss-20b": "[completion vision tools]", "nomic": "[embedding]", "qwen.gguf": "[completion]"} {
			got, err := show(model)
			if err != nil {
				t.Fatal(err)
			}
			var able []string
			for _, c := range got.Capabilities {
				able = append(able, c.String())
			}
			if "["+strings.Join(able, " ")+"]" != want {
				t.Errorf("%s: %q", model, able)
			}
		}
		if got, err := show("qwen.gguf"); err != nil || got.ModelInfo["unknown.context_length"] != 4096.0 || got.Details.Format != "gguf" {
			t.Errorf("%+v %v", got, err)
		}
	})
	t.Run("KnowsNoOthers", func(t *testing.T) {
		if res := s.post("/api/show", `{"model":"x"}`); res.StatusCode != 404 || text(t, res) != `{"error":"model 'x' not found"}` {
			t.Errorf("%d", res.StatusCode)
		}
	})
	t.Run("LeavesABadBodyToOllama", func(t *testing.T) {
		_ = text(t, s.post("/api/show", `{`))
		if q, _ := s.ollama.Last("/api/show"); string(q.Body) != "{" {
			t.Errorf("the engine got %s", q.Body)
		}
		s.down(backends.KindOllama)
		if res := s.post("/api/show", `{`); res.StatusCode != 400 || text(t, res) != `{"error":"model is required"}` {
			t.Errorf("%d", res.StatusCode)
		}
	})
	s.allGivenBack()
}
