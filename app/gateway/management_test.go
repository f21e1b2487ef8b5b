package gateway

import (
	"context"
	"strings"
	"testing"

	ollama "github.com/ollama/ollama/api"

	"carpool/backends"
	"carpool/backends/backendstest"
)

func TestManagement(t *testing.T) {
	calls := []struct{ route, body string }{
		{"POST /api/pull", `{"model":"new"}`},
		{"POST /api/create", `{"model":"new","from":"tiny"}`},
		{"POST /api/push", `{"model":"tiny"}`},
		{"POST /api/copy", `{"source":"tiny","destination":"new"}`},
		{"DELETE /api/delete", `{"name":"tiny"}`},
		{"POST /api/blobs/sha256:0", "bytes"},
	}
	t.Run("IsOllamasWhoeverIsPreferred", func(t *testing.T) {
		s := severalEngines(t, backends.KindLMStudio)
		for _, call := range calls {
			method, path, _ := strings.Cut(call.route, " ")
			res := s.do(method, path, call.body)
			if got := text(t, res); res.StatusCode != 200 || got != `{"status":"success"}`+"\n" {
				t.Errorf("%s: %d %s", call.route, res.StatusCode, got)
			}
			if q, _ := s.ollama.Last(path); string(q.Body) != call.body {
				t.Errorf("%s: Ollama got %s", call.route, q.Body)
			}
		}
		s.noMore()
	})
	t.Run("GoesToTheOllamaThatHasTheModel", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		second := backendstest.New(t)
		target := targetOf(t, second.URL)
		target.Name, target.Models = "ollama-2", []backends.Model{{Name: "big:latest"}}
		s.engines.more = append(s.engines.more, target)
		for _, call := range []struct {
			route, body string
			second      bool
		}{
			{"DELETE /api/delete", `{"model":"big"}`, true},
			{"POST /api/push", `{"name":"big:latest"}`, true},
			{"POST /api/copy", `{"source":"big","destination":"tiny"}`, true},
			{"POST /api/pull", `{"model":"big"}`, false},
			{"DELETE /api/delete", `{"model":"tiny"}`, false},
			{"DELETE /api/delete", `{"model":"nowhere"}`, false},
			{"DELETE /api/delete", `{`, false},
		} {
			method, path, _ := strings.Cut(call.route, " ")
			before := second.Hits(path)
			_ = text(t, s.do(method, path, call.body))
			if got := second.Hits(path) > before; got != call.second {
				t.Errorf("%s %s: to the second: %v", call.route, call.body, got)
			}
		}
		s.allGivenBack()
	})
	t.Run("IsNotForOthers", func(t *testing.T) {
		for kind, words := range map[backends.Kind]string{
			backends.KindLMStudio: "`lms get`", backends.KindLlamaCPP: "llama-server", backends.KindOpenAI: "box manages its own models",
		} {
			s := severalEngines(t, backends.KindLMStudio)
			s.engines.more = nil
			s.engines.change("lmstudio", func(i *backends.Info) { i.Kind, i.Label = kind, "box" })
			for _, call := range calls {
				method, path, _ := strings.Cut(call.route, " ")
				res := s.do(method, path, call.body)
				if got := text(t, res); res.StatusCode != 501 || !strings.Contains(got, words) || !strings.HasPrefix(got, `{"error":"`) || res.Header.Get("X-Should-Retry") != "false" {
					t.Errorf("%s: %d %s", call.route, res.StatusCode, got)
				}
			}
			if err := s.native().Delete(context.Background(), &ollama.DeleteRequest{Model: "x"}); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("Ollama's client says %v", err)
			}
			if hits := s.lmstudio.asked(); len(hits) > 0 {
				t.Errorf("the engine was asked: %q", hits)
			}
		}
	})
	t.Run("OfAModelOfAnotherEngineSaysSo", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		res := s.do("DELETE", "/api/delete", `{"model":"nomic"}`)
		if got := text(t, res); res.StatusCode != 501 || !strings.Contains(got, "LM Studio manages") || s.ollama.Hits("/api/delete") > 0 {
			t.Errorf("%d %s", res.StatusCode, got)
		}
	})
	t.Run("NeedsAnEngine", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		s.engines.fail(backends.ErrNoEngine)
		for _, call := range calls {
			method, path, _ := strings.Cut(call.route, " ")
			if res := s.do(method, path, call.body); res.StatusCode != 503 || text(t, res) == "" {
				t.Errorf("%s: %d", call.route, res.StatusCode)
			}
		}
	})
	t.Run("LoadsAreAgreedToWhereThereIsNoSuchCall", func(t *testing.T) {
		s := severalEngines(t, backends.KindOllama)
		for _, path := range []string{"/api/generate", "/api/chat"} {
			res := s.post(path, `{"model":"nomic"}`)
			if got := text(t, res); res.StatusCode != 200 || !strings.Contains(got, `"done":true,"done_reason":"load"`) || res.Header.Get("X-Carpool-Engine") != "lmstudio" {
				t.Errorf("%s: %d %s", path, res.StatusCode, got)
			}
			for _, now := range []string{`0`, `"0s"`} {
				if res := s.post(path, `{"model":"nomic","keep_alive":`+now+`}`); res.StatusCode != 501 || text(t, res) == "" {
					t.Errorf("%s: unload %d", path, res.StatusCode)
				}
			}
		}
		if hits := s.lmstudio.asked(); len(hits) > 0 {
			t.Errorf("the engine was asked: %q", hits)
		}
		s.noMore()
	})
}
