package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

// fleet is a gateway before several engines and the registry that finds them.
type fleet struct {
	*rig
	registry *backends.Registry
	native   *api.Client
}

// newFleet builds one. The engines' names are those of the map.
func newFleet(t *testing.T, s batching.Settings, engines ...backends.Source) *fleet {
	t.Helper()
	f := &fleet{}
	f.registry = backends.NewRegistry(backends.Options{
		Settings: backends.Settings{Engines: engines, NoDiscovery: true, Demo: "never"}, RealSeen: true,
		Load: func(engine, model string) backends.Load {
			l := backends.Load{Limit: s.Size}
			for _, q := range f.scheduler.Loads() {
				if q.Engine == engine && q.Model == model {
					l.InFlight, l.Waiting = q.InFlight, q.Waiting
				}
			}
			return l
		},
	})
	if s.Size == 0 {
		s.Limits = batching.Limits{Mode: batching.Fixed, Size: 4}
	}
	f.rig = rigFor(t, f.registry, Limits{}, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.registry.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-f.registry.Ready()
	base, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	f.native = api.NewClient(base, f.client)
	return f
}

// at names an engine.
func at(name string, e *backendstest.Engine) backends.Source {
	return backends.Source{Name: name, URL: e.URL}
}

// foreignEngines are the engines that do not speak Ollama's dialect.
var foreignEngines = map[string]func(testing.TB) *backendstest.Engine{
	"lmstudio": backendstest.NewLMStudio, "llamacpp": backendstest.NewLlamaServer, "openai": backendstest.NewVLLM,
}

func TestSeveral(t *testing.T) {
	t.Run("OllamasClientsUseEveryEngine", func(t *testing.T) {
		for name, make := range foreignEngines {
			t.Run(name, func(t *testing.T) {
				engine := make(t)
				engine.SetModels("tiny", "embed")
				engine.SetEmbeddings(true)
				f := newFleet(t, batching.Settings{}, at(name, engine))
				if kind := f.registry.Snapshot()[0].Kind; string(kind) != name {
					t.Fatalf("it is taken for %s", kind)
				}
				for _, stream := range []bool{true, false} {
					var got strings.Builder
					var last api.ChatResponse
					err := f.native.Chat(t.Context(), &api.ChatRequest{Model: "tiny", Stream: &stream, Messages: []api.Message{{Role: "user", Content: "nonce:ab say"}}},
						func(r api.ChatResponse) error {
							got.WriteString(r.Message.Content)
							last = r
							return nil
						})
					if err != nil || got.Len() == 0 || !last.Done || last.DoneReason != "stop" || last.Model != "tiny" ||
						last.EvalCount == 0 || last.PromptEvalCount == 0 || last.TotalDuration == 0 {
						t.Errorf("stream %v: %q, %+v, %v", stream, got.String(), last, err)
					}
					rec := f.recorded()
					if rec.Outcome != OK || rec.Engine != name || rec.OutputTokens != last.EvalCount || rec.PromptTokens != last.PromptEvalCount || rec.TokensEstimated {
						t.Errorf("record %+v, want the counts of %+v", rec, last.Metrics)
					}
				}
				if name != "openai" { // vLLM has one model, and this one does not embed
					res, err := f.native.Embed(t.Context(), &api.EmbedRequest{Model: "embed", Input: []string{"a", "b"}})
					if err != nil || len(res.Embeddings) != 2 {
						t.Errorf("embed: %+v, %v", res, err)
					}
				}
				if _, err := f.native.Embed(t.Context(), &api.EmbedRequest{Model: "embed", Input: ""}); err != nil {
					t.Errorf("nothing to embed: %v", err)
				}
			})
		}
	})

	t.Run("WhatAnEngineServesItselfPassesUntouched", func(t *testing.T) {
		for name, make := range foreignEngines {
			t.Run(name, func(t *testing.T) {
				engine := make(t)
				engine.SetModels("tiny")
				f := newFleet(t, batching.Settings{}, at(name, engine))
				const body = `{"model":"tiny","max_tokens":20,"messages":[{"role":"user","content":"nonce:ab say"}]}`
				for _, path := range []string{"/v1/chat/completions", "/v1/messages"} {
					res := f.post(path, body)
					through := text(t, res)
					direct, err := http.Post(engine.URL+path, "application/json", strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					if want := text(t, direct); through != want || res.Header.Get("X-Carpool-Translated") != "" {
						t.Errorf("%s: %q, want %q", path, through, want)
					}
				}
			})
		}
	})

	t.Run("AgentsUseEnginesThatLackTheirAPI", func(t *testing.T) {
		for name, make := range foreignEngines {
			t.Run(name, func(t *testing.T) {
				engine := make(t)
				engine.SetModels("tiny")
				engine.SetMessages(false)
				engine.SetResponses(false)
				f := newFleet(t, batching.Settings{}, at(name, engine))
				for path, want := range map[string][2]string{
					"/v1/messages":  {`{"model":"tiny","max_tokens":20,"stream":true,"messages":[{"role":"user","content":"nonce:ab say"}]}`, `"type":"message_stop"`},
					"/v1/responses": {`{"model":"tiny","max_output_tokens":20,"stream":true,"input":"nonce:ab say"}`, `"type":"response.completed"`},
				} {
					res := f.post(path, want[0])
					if got := text(t, res); res.StatusCode != 200 || !strings.Contains(got, want[1]) || res.Header.Get("X-Carpool-Translated") == "" {
						t.Errorf("%s: %d %q", path, res.StatusCode, got)
					}
					if rec := f.recorded(); rec.Outcome != OK || rec.OutputTokens <= 0 {
						t.Errorf("%s: record %+v", path, rec)
					}
				}
			})
		}
	})

	t.Run("ErrorsComeInTheClientsDialect", func(t *testing.T) {
		for name, tc := range map[string]struct {
			script backendstest.Script
			status int
			words  string
		}{
			"a refusal":          {backendstest.Script{Status: 400, Error: "no such thing"}, 400, "no such thing"},
			"an error in a 200":  {backendstest.Script{End: backendstest.Error, At: 0, Status: 200, Error: "it broke"}, 500, "it broke"},
			"no memory":          {backendstest.Script{Status: 500, Error: "CUDA out of memory"}, 500, "out of memory"},
			"no end mark at all": {backendstest.Script{Tokens: 1, End: backendstest.NoMark, At: 1}, 200, "ended its answer early"},
			"a dead connection":  {backendstest.Script{End: backendstest.Close}, 502, "closed the connection"},
		} {
			t.Run(name, func(t *testing.T) {
				engine := backendstest.NewLMStudio(t)
				engine.SetModels("tiny")
				f := newFleet(t, batching.Settings{}, at("lmstudio", engine))
				engine.Always(tc.script)
				res := f.post("/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"say"}]}`)
				got := text(t, res)
				lines := strings.Split(strings.TrimSpace(got), "\n")
				var last struct{ Error string }
				if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || res.StatusCode != tc.status || !strings.Contains(last.Error, tc.words) || strings.Contains(got, `"done":true`) {
					t.Errorf("%d %q, %v", res.StatusCode, got, err)
				}
				if rec := f.recorded(); rec.Outcome != Failed {
					t.Errorf("record %+v", rec)
				}
			})
		}
	})

	t.Run("ARequestThatCannotBeTranslatedIsRefusedWithoutATurn", func(t *testing.T) {
		engine := backendstest.NewLMStudio(t)
		engine.SetModels("tiny")
		engine.SetResponses(false)
		f := newFleet(t, batching.Settings{}, at("lmstudio", engine))
		before := engine.Hits()
		res := f.post("/v1/responses", `{"model":"tiny","input":"say","previous_response_id":"resp_1"}`)
		if got := text(t, res); res.StatusCode != 400 || !strings.Contains(got, `"param":"previous_response_id"`) {
			t.Errorf("%d %q", res.StatusCode, got)
		}
		if engine.Hits() != before {
			t.Error("the engine was asked")
		}
	})

	t.Run("AnOverflowThatTheEngineKeepsSilentAboutIsTold", func(t *testing.T) {
		engine := backendstest.NewLMStudio(t)
		engine.SetModels("tiny")
		engine.SetLoaded("tiny")
		engine.SetContext(8)
		engine.SetQuirk(backendstest.SilentOverflow, true)
		f := newFleet(t, batching.Settings{}, at("lmstudio", engine))
		long := strings.Repeat("word ", 40)
		for _, path := range []string{"/api/chat", "/v1/chat/completions"} {
			res := f.post(path, `{"model":"tiny","stream":true,"messages":[{"role":"user","content":"`+long+`"}]}`)
			if got := text(t, res); res.StatusCode != 400 || !strings.Contains(got, "context of the model, of 8 tokens") {
				t.Errorf("%s: %d %q", path, res.StatusCode, got)
			}
		}
	})

	t.Run("AnEngineIsPickedByItsName", func(t *testing.T) {
		one, two := backendstest.New(t), backendstest.New(t)
		f := newFleet(t, batching.Settings{}, at("one", one), at("two", two))
		for model, want := range map[string]string{"tiny": "one", "two/tiny": "two", "one/tiny:latest": "one"} {
			res := f.post("/api/chat", `{"stream":false, "model": "`+model+`" ,"messages":[{"role":"user","content":"nonce:x"}]}`)
			if got := text(t, res); res.StatusCode != 200 || res.Header.Get("X-Carpool-Engine") != want {
				t.Errorf("%s: %d %q from %s", model, res.StatusCode, got, res.Header.Get("X-Carpool-Engine"))
			}
		}
		if q, _ := two.Last("/api/chat"); q.Model != "tiny:latest" {
			t.Errorf("it was asked for %q", q.Model)
		}
		res := f.post("/api/chat", `{"model":"three/tiny","messages":[{"role":"user","content":"x"}]}`)
		if got := text(t, res); res.StatusCode != 404 || !strings.Contains(got, "model 'three/tiny' not found") {
			t.Errorf("%d %q", res.StatusCode, got)
		}
	})

	t.Run("AModelIsDeletedWhereItWasPicked", func(t *testing.T) {
		one, two := backendstest.New(t), backendstest.New(t)
		f := newFleet(t, batching.Settings{}, at("one", one), at("two", two))
		if err := f.native.Delete(t.Context(), &api.DeleteRequest{Model: "two/tiny"}); err != nil {
			t.Fatal(err)
		}
		if q, _ := two.Last("/api/delete"); q.Model != "tiny:latest" || one.Hits("/api/delete") > 0 {
			t.Errorf("two was asked to delete %q, one %d times", q.Model, one.Hits("/api/delete"))
		}
	})

	t.Run("EnginesThatHaveAModelShareItsRequests", func(t *testing.T) {
		one, two := backendstest.New(t), backendstest.New(t)
		one.Hold()
		two.Hold()
		f := newFleet(t, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 3}}, at("one", one), at("two", two))
		var answers []<-chan *http.Response
		for i := range 6 {
			answers = append(answers, f.asks("/api/generate", `{"model":"tiny","prompt":"nonce:x"}`))
			eventually(t, "it is there", func() bool { return one.Running()+two.Running() == i+1 })
		}
		if one.Running() != 3 || two.Running() != 3 {
			t.Errorf("%d and %d run, want 3 each", one.Running(), two.Running())
		}
		one.Release()
		two.Release()
		for _, a := range answers {
			if got := text(t, <-a); !strings.Contains(got, `"done":true`) {
				t.Errorf("%q", got)
			}
		}
	})
}

// TestAnEngineThatGoesAway is about what becomes of its requests.
func TestAnEngineThatGoesAway(t *testing.T) {
	const body = `{"model":"tiny","prompt":"nonce:x"}`

	t.Run("WhatHadNotBegunGoesOnElsewhere", func(t *testing.T) {
		one, two := backendstest.New(t), backendstest.New(t)
		two.SetModels("other:latest")
		f := newFleet(t, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 2}}, at("one", one), at("two", two))
		begun := make(chan struct{})
		one.Script(backendstest.Script{Until: begun})
		first := <-f.asks("/api/generate", body) // its first token is there
		one.Hold()
		var rest []<-chan *http.Response
		for range 8 {
			rest = append(rest, f.asks("/api/generate", body))
		}
		eventually(t, "seven wait", func() bool { return f.scheduler.Totals().QueueDepth == 7 })
		two.SetModels("tiny:latest")
		eventually(t, "the other list was read", func() bool {
			f.registry.Trouble("two", nil)
			return len(f.registry.Snapshot()[1].Models) == 1 && f.registry.Snapshot()[1].Models[0].Name == "tiny:latest"
		})
		one.Stop()
		for i, a := range rest {
			res := <-a
			if res == nil {
				t.Fatalf("request %d got no answer", i)
			}
			if got := text(t, res); res.StatusCode != 200 || res.Header.Get("X-Carpool-Engine") != "two" || !strings.Contains(got, `"done":true`) {
				t.Errorf("request %d: %d %q", i, res.StatusCode, got)
			}
		}
		if got := text(t, first); !strings.Contains(got, `"error"`) || strings.Contains(got, `"done":true`) {
			t.Errorf("what had begun: %q", got)
		}
		if n := f.gateway.Stats().Moved; n != 8 {
			t.Errorf("%d moved, want 8", n)
		}
		one.Start()
		one.Release()
		began := time.Now()
		eventually(t, "it is used again", func() bool {
			_, err := f.registry.Target("one")
			return err == nil
		})
		t.Logf("used again after %v", time.Since(began).Round(time.Millisecond))
	})

	t.Run("WhoWaitsGoesOnAtItsNewAddress", func(t *testing.T) {
		before, after := backendstest.New(t), backendstest.New(t)
		f := newFleet(t, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}, at("one", before))
		before.Hold()
		first := f.asks("/api/generate", body)
		held := before.Next()
		second := f.asks("/api/generate", body)
		eventually(t, "it waits", func() bool { return f.scheduler.Totals().QueueDepth == 1 })
		f.registry.Configure(backends.Settings{Engines: []backends.Source{at("one", after)}, NoDiscovery: true, Demo: "never"})
		eventually(t, "it has moved", func() bool { return f.gateway.Stats().Moved == 1 })
		held.Release()
		for _, answer := range []<-chan *http.Response{first, second} {
			if got := text(t, <-answer); !strings.Contains(got, `"done":true`) {
				t.Errorf("got %q", got)
			}
		}
		if before.Hits() != 1 || after.Hits() != 1 {
			t.Errorf("%d came to the old address and %d to the new one", before.Hits(), after.Hits())
		}
	})

	// Nobody has seen it yet, so that it may move as often as it has to.
	t.Run("WhoWaitsFollowsEachChangeOfTheAddress", func(t *testing.T) {
		before, after := backendstest.New(t), backendstest.New(t)
		f := newFleet(t, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}, at("one", before))
		before.Hold()
		first := f.asks("/api/generate", body)
		held := before.Next()
		second := f.asks("/api/generate", body)
		eventually(t, "it waits", func() bool { return f.scheduler.Totals().QueueDepth == 1 })
		for change := range uint64(2*maxMoves + 1) {
			now := []backends.Source{at("one", after), at("one", before)}[change%2]
			f.registry.Configure(backends.Settings{Engines: []backends.Source{now}, NoDiscovery: true, Demo: "never"})
			eventually(t, "it has moved", func() bool { return f.gateway.Stats().Moved == change+1 })
		}
		held.Release()
		for _, answer := range []<-chan *http.Response{first, second} {
			if got := text(t, <-answer); !strings.Contains(got, `"done":true`) {
				t.Errorf("got %q", got)
			}
		}
		if before.Hits() != 1 || after.Hits() != 1 {
			t.Errorf("%d came to the old address and %d to the new one", before.Hits(), after.Hits())
		}
	})

	// It is down when the settings change, which is when a user changes them.
	t.Run("WhoWaitsForOneThatIsDownIsTold", func(t *testing.T) {
		one := backendstest.New(t)
		f := newFleet(t, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}, at("one", one))
		one.Hold()
		first := f.asks("/api/generate", body)
		held := one.Next()
		second := f.asks("/api/generate", body)
		eventually(t, "it waits", func() bool { return f.scheduler.Totals().QueueDepth == 1 })
		one.Probe(backendstest.Script{Status: 500})
		eventually(t, "it is down", func() bool {
			f.registry.Trouble("one", nil)
			return f.registry.Snapshot()[0].Health == backends.Down
		})
		f.registry.Configure(backends.Settings{NoDiscovery: true, Demo: "never"})
		if res := <-second; res.StatusCode != 503 {
			t.Errorf("%d %q", res.StatusCode, text(t, res))
		}
		held.Release()
		_ = text(t, <-first)
	})

	// The one that is at the engine goes on there; the one behind it must not wait for
	// its end to hear that there is nothing to wait for.
	for _, tt := range []struct {
		name  string
		path  string
		body  string
		rest  func(*testing.T) []backends.Source
		code  int
		wants []string
	}{
		{"WhoWaitsIsToldThatNoEngineIsLeft", "/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":"x"}]}`,
			func(*testing.T) []backends.Source { return nil }, 503, []string{`"code":"backend_unavailable"`, "no engine is running"}},
		{"WhoWaitsIsToldThatTheOthersLackTheModel", "/api/generate", body, func(t *testing.T) []backends.Source {
			two := backendstest.NewLMStudio(t)
			two.SetModels("else")
			return []backends.Source{at("two", two)}
		}, 404, []string{`"error":"model 'tiny' not found`}},
		{"WhoIsBoundToItIsTold", "/engine/one/api/generate", body, func(*testing.T) []backends.Source { return nil }, 503, []string{`"error":"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			one := backendstest.New(t)
			rest := tt.rest(t)
			f := newFleet(t, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}, append(rest, at("one", one))...)
			one.Hold()
			first := f.asks("/api/generate", body)
			held := one.Next()
			second := f.asks(tt.path, tt.body)
			eventually(t, "it waits", func() bool { return f.scheduler.Totals().QueueDepth == 1 })
			f.registry.Configure(backends.Settings{Engines: rest, NoDiscovery: true, Demo: "never"})
			res := <-second
			got := text(t, res)
			for _, want := range tt.wants {
				if res.StatusCode != tt.code || !strings.Contains(got, want) {
					t.Errorf("%d %q, want %d with %s", res.StatusCode, got, tt.code, want)
				}
			}
			held.Release()
			if got := text(t, <-first); !strings.Contains(got, `"done":true`) {
				t.Errorf("what was at the engine: %q", got)
			}
			if n := one.Hits("/api/generate"); n != 1 {
				t.Errorf("the engine was asked %d times", n)
			}
		})
	}

	t.Run("KeysStayWithTheEngineThatTheyWereFor", func(t *testing.T) {
		one, two := backendstest.New(t), backendstest.New(t)
		f := newFleet(t, batching.Settings{}, at("one", one), at("two", two))
		one.Always(backendstest.Script{End: backendstest.Close})
		res := f.do(http.MethodPost, "/api/generate", body, "Authorization", "Bearer sk-one", "X-Api-Key", "sk-one")
		if got := text(t, res); res.StatusCode != 200 || res.Header.Get("X-Carpool-Engine") != "two" {
			t.Fatalf("%d %q", res.StatusCode, got)
		}
		if q, _ := one.Last("/api/generate"); q.Header.Get("Authorization") != "Bearer sk-one" {
			t.Errorf("the first engine got %v", q.Header)
		}
		if q, _ := two.Last("/api/generate"); q.Header.Get("Authorization") != "" || q.Header.Get("X-Api-Key") != "" {
			t.Errorf("the other engine got %v", q.Header)
		}
	})

	t.Run("WithoutAnotherOneTheClientIsTold", func(t *testing.T) {
		one := backendstest.New(t)
		f := newFleet(t, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}, at("one", one))
		one.Hold()
		var all []<-chan *http.Response
		for range 4 {
			all = append(all, f.asks("/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":"x"}]}`))
		}
		eventually(t, "three wait", func() bool { return f.scheduler.Totals().QueueDepth == 3 })
		one.Stop()
		for _, a := range all {
			res := <-a
			if got := text(t, res); res.StatusCode != 502 && res.StatusCode != 503 || !strings.Contains(got, `"code":"backend_`) {
				t.Errorf("%d %q", res.StatusCode, got)
			}
		}
	})

	t.Run("OneThatOnlyFailsRests", func(t *testing.T) {
		one, two := backendstest.New(t), backendstest.New(t)
		f := newFleet(t, batching.Settings{}, at("one", one), at("two", two))
		one.Always(backendstest.Script{Status: 500})
		for range 5 {
			if res := f.post("/api/generate", `{"model":"one/tiny","prompt":"x"}`); res.StatusCode != 500 {
				t.Fatalf("%d %q", res.StatusCode, text(t, res))
			} else {
				_ = res.Body.Close()
				_ = f.recorded()
			}
		}
		res := f.post("/api/generate", `{"model":"one/tiny","prompt":"x"}`)
		after, _ := strconv.Atoi(res.Header.Get("Retry-After")) // what is left of 10 s
		if got := text(t, res); res.StatusCode != 503 || after < 1 || after > 10 || !strings.Contains(got, "is tried again in") {
			t.Errorf("%d %q, after %s", res.StatusCode, got, res.Header.Get("Retry-After"))
		}
		if res := f.post("/api/generate", body); res.Header.Get("X-Carpool-Engine") != "two" {
			t.Errorf("%q served", res.Header.Get("X-Carpool-Engine"))
		} else {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		if n := one.Hits("/api/generate"); n != 5 {
			t.Errorf("it was asked %d times, want 5", n)
		}
	})

	t.Run("WhoSharesARunGetsNothingOfItsFirstEngine", func(t *testing.T) {
		one, two := backendstest.NewLMStudio(t), backendstest.NewLMStudio(t)
		one.SetModels("tiny")
		two.SetModels("tiny")
		one.SetLoaded("tiny")
		f := newFleet(t, batching.Settings{}, at("one", one), at("two", two))
		f.gateway.Configure(Limits{Share: true})
		one.Hold()
		const body = `{"model":"tiny","stream":true,"temperature":0,"messages":[{"role":"user","content":"nonce:x"}]}`
		leader := f.asks("/v1/chat/completions", body)
		held := one.Next()
		other := f.asks("/v1/chat/completions", body)
		f.sharers(1)
		held.Release(backendstest.Script{Status: 200, End: backendstest.Error, At: 0, Error: "The model has crashed"})
		res := <-leader
		want := text(t, res)
		if res.Header.Get("X-Carpool-Engine") != "two" || !strings.Contains(want, "[DONE]") || strings.Contains(want, "crashed") {
			t.Errorf("the leader got %v %q", res.Header, want)
		}
		if got := text(t, <-other); got != want {
			t.Errorf("the other got %q, want %q", got, want)
		}
		f.settled()
	})

	t.Run("TheSizeOfContextIsThatOfItsLastEngine", func(t *testing.T) {
		one, two := backendstest.New(t), backendstest.NewLMStudio(t)
		two.SetModels("tiny:latest")
		one.SetLoaded("tiny:latest")
		f := newFleet(t, batching.Settings{}, at("one", one), at("two", two))
		f.gateway.Configure(Limits{NumCtx: map[string]int{"tiny": 8192}})
		for _, want := range []string{"one", "two"} {
			res := f.post("/api/generate", `{"model":"tiny:latest","prompt":"nonce:x"}`)
			_ = text(t, res)
			if h := res.Header; h.Get("X-Carpool-Engine") != want || (h.Get(numCtxHeader) == "8192") != (want == "one") {
				t.Errorf("%v, want it from %s", h, want)
			}
			one.Always(backendstest.Script{End: backendstest.Close})
		}
	})

	t.Run("UnderLoadNoneHangs", func(t *testing.T) {
		one, two := backendstest.New(t), backendstest.New(t)
		slow := backendstest.Script{Tokens: 20, Every: 2 * time.Millisecond}
		one.Always(slow)
		two.Always(slow)
		f := newFleet(t, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 4}}, at("one", one), at("two", two))
		var mu sync.Mutex
		outcomes := map[string]int{}
		var clients sync.WaitGroup
		stop := make(chan struct{})
		for range 16 {
			clients.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					got := outcomeOf(f, body)
					mu.Lock()
					outcomes[got]++
					mu.Unlock()
				}
			})
		}
		served := func(of *backendstest.Engine) func() bool {
			before := of.Hits("/api/generate")
			return func() bool { return of.Hits("/api/generate") > before+20 }
		}
		eventually(t, "both serve", served(one))
		one.Stop()
		eventually(t, "the other one serves", served(two))
		one.Start()
		eventually(t, "it is used again", served(one))
		close(stop)
		clients.Wait()
		t.Logf("%v", outcomes)
		if outcomes["other"] > 0 || outcomes["whole"] == 0 {
			t.Errorf("%v", outcomes)
		}
	})
}

// outcomeOf asks once and says how that ended: whole, told (an error in the
// client's dialect, by status or as the last line) or other.
func outcomeOf(f *fleet, body string) string {
	res, err := f.client.Post(f.url+"/api/generate", "application/json", strings.NewReader(body))
	if err != nil {
		return "other"
	}
	got, broke := read(res)
	last := got[strings.LastIndex(strings.TrimSpace(got), "\n")+1:]
	switch {
	case res.StatusCode == 200 && strings.Contains(last, `"done":true`) && !broke:
		return "whole"
	case strings.Contains(last, `"error":`) && !broke:
		return "told"
	}
	return "other"
}

func TestAnErrorThatNoClientReadsIsWrapped(t *testing.T) {
	engine := backendstest.NewLMStudio(t)
	engine.SetModels("tiny")
	f := newFleet(t, batching.Settings{}, at("lmstudio", engine))
	engine.Always(backendstest.Script{Status: 400, Body: `{"error":"no such thing"}`, Header: http.Header{"Content-Type": {"application/json"}}})
	client := openai.NewClient(option.WithBaseURL(f.url+"/v1"), option.WithAPIKey("x"))
	_, err := client.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{Model: "tiny", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("say")}})
	var refusal *openai.Error
	if !errors.As(err, &refusal) || refusal.StatusCode != 400 || refusal.Message != "no such thing" || refusal.Type != "invalid_request_error" {
		t.Errorf("%v", err)
	}
}
