package connect_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"carpool/app/connect"
)

const endpoint = "http://127.0.0.1:11435"

// awkward is a model whose name would break a snippet that does not quote it.
const awkward = `it's "odd": $(x)`

func TestGuides(t *testing.T) {
	t.Run("TellsEveryUsualApp", func(t *testing.T) {
		var apps []string
		for _, g := range connect.Guides(endpoint, "tiny") {
			apps = append(apps, g.App)
			said := copies(g)
			for _, s := range g.Steps {
				said += s.Do
				if s.Do == "" {
					t.Errorf("%s has a step that says nothing: %+v", g.App, s)
				}
			}
			if !strings.Contains(said, "127.0.0.1:11435") {
				t.Errorf("%s does not name the address: %+v", g.App, g)
			}
			if g.Source == "" {
				t.Errorf("%s does not say where its steps are from", g.App)
			}
		}
		want := []string{"Open WebUI", "Continue", "Cline and Roo Code", "Zed", "VS Code", "Ollama in VS Code", "Cursor", "JetBrains AI Assistant",
			"opencode", "aider", "Goose", "Crush", "Codex", "AIChat", "llm", "Obsidian", "AnythingLLM", "LibreChat", "LobeChat", "SillyTavern",
			"Jan", "Msty", "Emacs (gptel)", "Emacs (ellama)", "Neovim", "n8n", "Home Assistant", "LangChain", "OpenAI SDK", "Ollama's command", "curl"}
		if !slices.Equal(apps, want) {
			t.Errorf("got %q, want %q", apps, want)
		}
	})
	t.Run("NamesAModelWhereNoneIsKnown", func(t *testing.T) {
		if got := copies(guide(t, "Continue", "")); !strings.Contains(got, `model: "llama3.2"`) {
			t.Error(got)
		}
	})
	t.Run("HasJSONThatParses", func(t *testing.T) {
		parsed := 0
		for _, g := range connect.Guides(endpoint, awkward) {
			for _, s := range g.Steps {
				if strings.HasPrefix(s.Copy, "{") || strings.HasPrefix(s.Copy, "[\n") {
					parsed++
					if !json.Valid([]byte(s.Copy)) {
						t.Errorf("%s: %s", g.App, s.Copy)
					}
				}
			}
		}
		if parsed != 5 { // Zed, VS Code twice, opencode and Crush
			t.Errorf("%d snippets are JSON", parsed)
		}
	})
	t.Run("HasYAMLThatNamesTheModel", func(t *testing.T) {
		var config struct {
			Name, Version, Schema string
			Models                []struct {
				Name, Provider, Model string
				APIBase               string `yaml:"apiBase"`
				Roles                 []string
				RequestOptions        struct{ Headers map[string]string } `yaml:"requestOptions"`
			}
		}
		if err := yaml.Unmarshal([]byte(guide(t, "Continue", awkward).Steps[0].Copy), &config); err != nil {
			t.Fatal(err)
		}
		if len(config.Models) != 1 {
			t.Fatalf("%+v", config)
		}
		m := config.Models[0]
		if m.Model != awkward || m.APIBase != endpoint || m.Provider != "ollama" || m.RequestOptions.Headers["X-Carpool-App"] != "Continue" {
			t.Errorf("%+v", m)
		}
	})
	t.Run("HasPythonThatCompiles", func(t *testing.T) {
		python, err := exec.LookPath("python3")
		if err != nil {
			t.Skip("no Python here")
		}
		for _, app := range []string{"LangChain", "OpenAI SDK"} {
			for _, s := range guide(t, app, awkward).Steps {
				if !strings.HasPrefix(s.Copy, "from ") {
					continue
				}
				check := exec.CommandContext(t.Context(), python, "-c", "import ast, sys; ast.parse(sys.stdin.read())")
				check.Stdin = strings.NewReader(s.Copy)
				if out, err := check.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s\n%s", app, err, out, s.Copy)
				}
			}
		}
	})
	t.Run("QuotesForTheShell", func(t *testing.T) {
		if got := guide(t, "Ollama's command", awkward).Steps[0].Copy; got != `OLLAMA_HOST=http://127.0.0.1:11435 ollama run 'it'\''s "odd": $(x)'` {
			t.Error(got)
		}
		if got := guide(t, "Ollama's command", "qwen3:8b").Steps[0].Copy; got != `OLLAMA_HOST=http://127.0.0.1:11435 ollama run qwen3:8b` {
			t.Error(got)
		}
	})
	t.Run("FollowsThePort", func(t *testing.T) {
		g := connect.Guides("http://127.0.0.1:8080", "tiny")[0]
		if !strings.Contains(copies(g), "http://host.docker.internal:8080") {
			t.Errorf("%+v", g)
		}
	})
}

func TestInContainer(t *testing.T) {
	webUI := connect.Contained{App: "Open WebUI", Name: "my webui", By: "podman", Image: "ghcr.io/open-webui/open-webui:main",
		Ports: []string{"127.0.0.1:3000:8080"}, Volumes: []string{"data:/app/backend/data"}, Address: "172.18.0.1:11435", Token: true}
	t.Run("NamesNoAddressWithoutTheToken", func(t *testing.T) {
		for _, composed := range []bool{false, true} {
			webUI.Composed = composed
			for _, s := range connect.InContainer(webUI).Steps[2:] {
				if strings.Contains(s.Copy, "OPENAI_API_BASE_URL") && !strings.Contains(s.Copy, "OPENAI_API_KEY") {
					t.Errorf("%+v", s)
				}
			}
		}
	})
	t.Run("KeepsWhatTheContainerIs", func(t *testing.T) {
		webUI.Composed = false
		all := connect.InContainer(webUI).Steps
		want := "podman rm -f 'my webui'\npodman run -d --name 'my webui' -p 127.0.0.1:3000:8080 --restart always \\\n" +
			"  --add-host=host.docker.internal:host-gateway \\\n  -v data:/app/backend/data \\\n" +
			"  -e ENABLE_OLLAMA_API=false -e OPENAI_API_BASE_URL=http://172.18.0.1:11435/v1 -e OPENAI_API_KEY=\"$(carpool lan token)\" \\\n" +
			"  ghcr.io/open-webui/open-webui:main"
		if got := all[len(all)-1].Copy; got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	})
	t.Run("LeavesAComposedOneToItsFile", func(t *testing.T) {
		webUI.Composed = true
		var file struct{ Environment map[string]string }
		all := connect.InContainer(webUI).Steps
		if err := yaml.Unmarshal([]byte(all[2].Copy), &file); err != nil || file.Environment["OPENAI_API_KEY"] != "${CARPOOL_TOKEN}" {
			t.Errorf("%v: %s", err, all[2].Copy)
		}
		if all[3].Copy != `CARPOOL_TOKEN="$(carpool lan token)" docker compose up -d` {
			t.Error(all[3].Copy)
		}
	})
}

func guide(t *testing.T, app, model string) connect.Guide {
	t.Helper()
	all := connect.Guides(endpoint, model)
	i := slices.IndexFunc(all, func(g connect.Guide) bool { return g.App == app })
	if i < 0 {
		t.Fatalf("no guide for %s", app)
	}
	return all[i]
}

func copies(g connect.Guide) string {
	var all []string
	for _, s := range g.Steps {
		all = append(all, s.Copy)
	}
	return strings.Join(all, "\n")
}

func TestAContainerIsNotRemovedUnlessItsDataOutlivesIt(t *testing.T) {
	for volumes, removed := range map[string]bool{
		"open-webui:/app/backend/data":     true,
		"/etc/localtime:/etc/localtime:ro": false,
		"/docs:/app/backend/data:ro":       false,
		"":                                 false,
	} {
		c := connect.Contained{App: "Open WebUI", Name: "webui", By: "docker", Image: "i", Address: "172.17.0.1:11435"}
		if volumes != "" {
			c.Volumes = []string{volumes}
		}
		got := false
		for _, s := range connect.InContainer(c).Steps {
			got = got || strings.Contains(fmt.Sprint(s), "rm -f")
		}
		if got != removed {
			t.Errorf("with %q: removed %v", volumes, got)
		}
	}
}
