package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// loader is an engine that loads its model again for another num_ctx, as Ollama
// does, without taking its time for it unless the call only loads.
type loader struct {
	mu     sync.Mutex
	loaded bool
	numCtx float64
	bodies []string
}

func (l *loader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a body cut short fails below
	var q struct {
		Prompt    string
		Messages  []any
		Input     string
		KeepAlive *float64 `json:"keep_alive"`
		Options   struct {
			NumCtx float64 `json:"num_ctx"`
		}
	}
	if err := json.Unmarshal(body, &q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bodies = append(l.bodies, string(body))
	w.Header().Set("Content-Type", typeJSON)
	works := q.Prompt != "" || len(q.Messages) > 0 || q.Input != ""
	if !works && q.KeepAlive != nil && *q.KeepAlive == 0 {
		l.loaded = false
		_, _ = io.WriteString(w, `{"done":true,"done_reason":"unload"}`)
		return
	}
	took := time.Millisecond
	if !l.loaded || l.numCtx != q.Options.NumCtx {
		took = 6200 * time.Millisecond
	}
	l.loaded, l.numCtx = true, q.Options.NumCtx
	switch {
	case !works:
		if took > time.Second {
			time.Sleep(2 * leastLoad)
		}
		_, _ = io.WriteString(w, `{"done":true,"done_reason":"load"}`)
	case strings.HasPrefix(r.URL.Path, "/v1/"):
		_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"word"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`)
	case q.Input != "":
		_, _ = fmt.Fprintf(w, `{"model":"m","embeddings":[[1,2]],"total_duration":9000000000,"load_duration":%d,"prompt_eval_count":1}`, took)
	default:
		_, _ = fmt.Fprintf(w, `{"model":"m","response":"word","done":true,"total_duration":9000000000,"load_duration":%d,"prompt_eval_count":1,"prompt_eval_duration":1,"eval_count":1,"eval_duration":1}`, took)
	}
}

// last is the body of the last request.
func (l *loader) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bodies[len(l.bodies)-1]
}

// loading is a rig before a loader, with what it told of reloads.
func loading(t *testing.T, l Limits) (*rig, *loader, func() []Reload) {
	t.Helper()
	engine := &loader{}
	r := newRig(t, engine, l, batching.Settings{})
	var mu sync.Mutex
	var told []Reload
	r.gateway.reloaded = func(again Reload) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, again)
	}
	return r, engine, func() []Reload {
		mu.Lock()
		defer mu.Unlock()
		return append([]Reload(nil), told...)
	}
}

// as posts for an app and reads the answer.
func (r *rig) as(app, path, body string) *http.Response {
	r.t.Helper()
	res := r.do(http.MethodPost, path, body, "X-Carpool-App", app, "Content-Type", "application/json")
	if got := text(r.t, res); res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s %s: %d %s", path, body, res.StatusCode, got)
	}
	// The client has its answer before the call is accounted for.
	eventually(r.t, "the call is accounted for", func() bool { return r.scheduler.Totals().InFlight == 0 })
	return res
}

func TestReloads(t *testing.T) {
	const (
		small = `{"model":"m","prompt":"a","stream":false,"options":{"num_ctx":4096}}`
		large = `{"model":"m:latest","messages":[{"content":"a"}],"stream":false,"options":{"num_ctx":8192}}`
		plain = `{"model":"m","messages":[{"content":"a"}]}`
	)
	t.Run("AreRecordedWithWhoAndWhat", func(t *testing.T) {
		r, _, told := loading(t, Limits{})
		r.as("Chat", "/api/generate", small)
		if rec := r.recorded(); rec.Load != 6200*time.Millisecond || rec.Reload != "" {
			t.Errorf("the first load: %+v", rec)
		}
		r.as("Chat", "/api/generate", small)
		if rec := r.recorded(); rec.Load != 0 || rec.Reload != "" {
			t.Errorf("no load: %+v", rec)
		}
		r.as("Editor", "/api/chat", large)
		if rec := r.recorded(); rec.Load != 6200*time.Millisecond || rec.Reload != "num_ctx" {
			t.Errorf("a reload: %+v", rec)
		}
		all := told()
		if len(all) != 1 || all[0].App != "Editor" || all[0].Blame != "Chat" || all[0].Key != (batching.Key{Engine: "ollama", Model: "m:latest"}) ||
			all[0].Text != "Editor asked for num_ctx 8192 where Chat had 4096: m was loaded again (6.2 s); give both the same, or set models.num_ctx" {
			t.Errorf("told %+v", all)
		}
		if s := r.gateway.Reloads(); len(s.Last) != 1 || s.Last[0] != all[0] || len(s.Advice) != 0 {
			t.Errorf("shown %+v", s)
		}
		for range 2 {
			r.as("Chat", "/api/generate", small)
			r.as("Editor", "/api/chat", large)
		}
		s := r.gateway.Reloads()
		if len(s.Last) != 5 || s.Last[0].App != "Editor" || s.Last[1].App != "Chat" || len(s.Advice) != 1 || s.Advice[0].Command != "carpool set models.num_ctx=m=8192" {
			t.Errorf("shown %+v", s)
		}
	})
	t.Run("AfterARouteThatTellsNoTimes", func(t *testing.T) {
		r, _, told := loading(t, Limits{})
		r.as("Chat", "/api/generate", small)
		r.as("Agent", "/v1/chat/completions", plain)
		r.recorded()
		if rec := r.recorded(); rec.Load != 0 || rec.Reload != "" {
			t.Errorf("%+v", rec)
		}
		r.as("Chat", "/api/generate", small)
		if all := told(); len(all) != 1 || all[0].From != "default" || all[0].Blame != "Agent" {
			t.Errorf("told %+v", all)
		}
	})
	t.Run("ByCallsThatOnlyLoadOrUnload", func(t *testing.T) {
		r, _, told := loading(t, Limits{})
		r.as("Chat", "/api/generate", small)
		r.as("Starter", "/api/chat", `{"model":"m","options":{"num_ctx":2048}}`)
		r.as("Starter", "/api/chat", `{"model":"m","options":{"num_ctx":2048}}`)
		r.as("Backup", "/api/generate", `{"model":"m","keep_alive":0}`)
		r.as("Chat", "/api/generate", small)
		all := told()
		if len(all) != 2 || all[0].App != "Starter" || all[0].Short() != "num_ctx" || all[0].Blame != "Chat" || all[0].Took < 2*leastLoad ||
			all[1].Short() != "keep_alive" || all[1].App != "Chat" || all[1].Blame != "Backup" {
			t.Errorf("told %+v", all)
		}
	})
	t.Run("OfCallsForVectors", func(t *testing.T) {
		r, _, told := loading(t, Limits{})
		r.as("Chat", "/api/embed", `{"model":"m","input":"a"}`)
		r.as("Indexer", "/api/embed", `{"model":"m","input":"a","options":{"num_ctx":512}}`)
		if all := told(); len(all) != 1 || all[0].App != "Indexer" || all[0].To != "512" {
			t.Errorf("told %+v", all)
		}
	})
	t.Run("OfAnEngineThatCameUpAgain", func(t *testing.T) {
		r, engine, told := loading(t, Limits{})
		r.as("Chat", "/api/generate", small)
		engine.mu.Lock()
		engine.loaded = false
		engine.mu.Unlock()
		r.engines.mu.Lock()
		r.engines.target.Epoch++
		r.engines.mu.Unlock()
		r.as("Chat", "/api/generate", small)
		if all := told(); len(all) != 1 || all[0].Cause != ByRestart {
			t.Errorf("told %+v", all)
		}
	})
	t.Run("OnlyWhereTheEngineIsOllama", func(t *testing.T) {
		r, _, told := loading(t, Limits{})
		r.engines.target.Kind = backends.KindLlamaCPP
		r.as("Chat", "/api/generate", small)
		r.as("Editor", "/api/chat", large)
		if all := told(); len(all) != 0 {
			t.Errorf("told %+v", all)
		}
	})
	t.Run("NotOfARequestThatFailed", func(t *testing.T) {
		r, engine, told := loading(t, Limits{})
		r.as("Chat", "/api/generate", small)
		_ = text(t, r.post("/api/chat", `{"model":"m","messages":[1],"stream":false,"options":{"num_ctx":"8192"}}`))
		r.as("Chat", "/api/generate", small)
		if all := told(); len(all) != 0 || len(engine.bodies) != 2 {
			t.Errorf("told %+v of %q", all, engine.bodies)
		}
	})
}

func TestNumCtx(t *testing.T) {
	set := Limits{NumCtx: map[string]int{"m": 8192, "own": 0}}
	for _, tt := range []struct{ name, path, body, want, header string }{
		{"chat", "/api/chat", `{"model":"m", "messages":[1],"options":{"num_ctx":4096},"stream":false}`,
			`{"model":"m", "messages":[1],"options":{"num_ctx":8192},"stream":false}`, "8192"},
		{"generate, by another spelling", "/api/generate", `{"model":"M:latest","prompt":"a","stream":false}`,
			`{"options":{"num_ctx":8192},"model":"M:latest","prompt":"a","stream":false}`, "8192"},
		{"embed", "/api/embed", `{"model":"m","input":"a"}`, `{"options":{"num_ctx":8192},"model":"m","input":"a"}`, "8192"},
		{"embeddings", "/api/embeddings", `{"model":"m","prompt":"a"}`, `{"options":{"num_ctx":8192},"model":"m","prompt":"a"}`, "8192"},
		{"a call that only loads", "/api/generate", `{"model":"m"}`, `{"options":{"num_ctx":8192},"model":"m"}`, "8192"},
		{"the model's own", "/api/chat", `{"model":"own","messages":[1],"stream":false,"options":{"num_ctx":4096,"seed":1}}`,
			`{"model":"own","messages":[1],"stream":false,"options":{"seed":1}}`, "default"},
		{"what is so already", "/api/generate", `{"model":"m","prompt":"a","stream":false,"options":{"num_ctx":8192}}`,
			`{"model":"m","prompt":"a","stream":false,"options":{"num_ctx":8192}}`, "8192"},
		{"another model", "/api/generate", `{"model":"n","prompt":"a","stream":false,"options":{"num_ctx":4096}}`,
			`{"model":"n","prompt":"a","stream":false,"options":{"num_ctx":4096}}`, ""},
		{"a route without num_ctx", "/v1/chat/completions", `{"model":"m","messages":[1],"options":{"num_ctx":4096}}`,
			`{"model":"m","messages":[1],"options":{"num_ctx":4096}}`, ""},
		{"a page about models", "/api/show", `{"model":"m","options":{"num_ctx":4096}}`, `{"model":"m","options":{"num_ctx":4096}}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, engine, _ := loading(t, set)
			res := r.as("Chat", tt.path, tt.body)
			if got := engine.last(); got != tt.want {
				t.Errorf("the engine got %s, want %s", got, tt.want)
			}
			if got := res.Header.Get("X-Carpool-Num-Ctx"); got != tt.header {
				t.Errorf("X-Carpool-Num-Ctx is %q, want %q", got, tt.header)
			}
		})
	}
	t.Run("EndsReloads", func(t *testing.T) {
		r, _, told := loading(t, set)
		for _, size := range []string{"4096", "8192", "16384", "null"} {
			r.as("App "+size, "/api/generate", `{"model":"m","prompt":"a","stream":false,"options":{"num_ctx":`+size+`}}`)
		}
		if all := told(); len(all) != 0 {
			t.Errorf("told %+v", all)
		}
	})
	t.Run("MakesRequestsIdentical", func(t *testing.T) {
		r, engine := scripted(t, Limits{Share: true, NumCtx: map[string]int{"tiny": 2048}}, batching.Settings{})
		engine.Hold()
		body := `{"model":"tiny","prompt":"a","options":{"num_ctx":%d,"temperature":0}}`
		first := r.asks("/api/generate", fmt.Sprintf(body, 1024))
		held := engine.Next()
		second := r.asks("/api/generate", fmt.Sprintf(body, 4096))
		eventually(t, "the second one joins", func() bool { return r.gateway.Stats().Shared == 1 })
		engine.Release()
		held.Release()
		if a, b := text(t, <-first), text(t, <-second); a != b || engine.Hits() != 1 {
			t.Errorf("%d hits, %s and %s", engine.Hits(), a, b)
		}
	})
	t.Run("IsWhatVectorsAreKeptBy", func(t *testing.T) {
		r, engine := embedding(t, Limits{EmbedCache: 1 << 20, NumCtx: map[string]int{"embed": 512}}, batching.Settings{})
		r.as("Chat", "/api/embed", `{"model":"embed","input":"a","options":{"num_ctx":1024}}`)
		res := r.as("Chat", "/api/embed", `{"model":"embed","input":"a","options":{"num_ctx":2048}}`)
		if res.Header.Get("X-Carpool-Cache") != "hit" || res.Header.Get("X-Carpool-Num-Ctx") != "512" || engine.Hits() != 1 {
			t.Errorf("%d hits, %v", engine.Hits(), res.Header)
		}
	})
}
