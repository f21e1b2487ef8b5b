package gateway

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"

	"carpool/backends"
	"carpool/backends/backendstest"
)

func TestVersion(t *testing.T) {
	ask := func(s *several) string { return text(t, s.do("GET", "/api/version", "")) }
	s := severalEngines(t, backends.KindLMStudio)
	s.engines.change("lmstudio", func(i *backends.Info) { i.Version = "0.4.1" })
	s.ollama.Probe(backendstest.Script{Body: `{"version":"0.99.1"}`})
	if got := ask(s); got != `{"version":"0.99.1"}` {
		t.Errorf("beside an Ollama: %s", got)
	}
	s.engines.change("ollama", func(i *backends.Info) { i.Version, i.Health = "0.99.0", backends.Down })
	if got := ask(s); got != `{"version":"0.99.0"}` {
		t.Errorf("the Ollama is down: %s", got)
	}
	s.engines.more = s.engines.more[1:]
	if got := ask(s); got != `{"version":"`+apiVersion+`"}` {
		t.Errorf("without one: %s", got)
	}
	if version, err := s.native().Version(context.Background()); err != nil || version != apiVersion {
		t.Errorf("%s %v", version, err)
	}
	if mod, err := os.ReadFile("../../go.mod"); err != nil || !strings.Contains(string(mod), "github.com/ollama/ollama v"+apiVersion+"\n") {
		t.Errorf("not the version of the API's types (%v)", err)
	}
}

func TestRoot(t *testing.T) {
	s := severalEngines(t, backends.KindLMStudio)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		res := s.do(method, "/", "")
		if got := text(t, res); res.StatusCode != 200 || (got == "Ollama is running") != (method == http.MethodGet) || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %q", method, res.StatusCode, got)
		}
	}
	if err := s.native().Heartbeat(context.Background()); err != nil || len(s.lmstudio.asked()) > 0 {
		t.Error(err)
	}
	s.engines.fail(backends.ErrNoEngine)
	if res := s.do("GET", "/", ""); res.StatusCode != 503 || text(t, res) == "" {
		t.Errorf("without an engine: %d", res.StatusCode)
	}
}
