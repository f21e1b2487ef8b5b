package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

func TestAway(t *testing.T) {
	until := time.Date(2026, 1, 1, 15, 30, 0, 0, time.Local)
	given := Away{Engines: []string{"ollama"}, Until: until}
	stopped := Away{Engines: []string{"ollama"}, Until: until, Interrupt: true}
	const words = "the GPU was given to other programs until 15:30"
	stall := backendstest.Script{Tokens: 3, End: backendstest.Stall, At: 3, Every: time.Millisecond}

	t.Run("TellsEveryStreamSo", func(t *testing.T) {
		for _, q := range inference[:6] {
			r, engine := scripted(t, Limits{}, batching.Settings{})
			engine.Always(stall)
			res := <-r.asks(q.path, q.stream)
			eventually(t, "tokens flow", func() bool { return r.scheduler.Totals().Tokens >= 3 })
			r.gateway.SetAway(stopped)
			got, broke := read(res)
			if !strings.Contains(got, words) || endsWell(got) || broke == (dialectOf(q.path) == Ollama) {
				t.Errorf("%s: broken off %v, %q", q.path, broke, got)
			}
			if rec := r.recorded(); rec.Outcome != Interrupted || rec.ErrorKind != "gpu_yielded" || rec.Status != 200 {
				t.Errorf("record %+v", rec)
			}
			if r.engines.failures() != 0 || r.engines.troubles() != 0 {
				t.Errorf("the engine is blamed: %d failures, %d troubles", r.engines.failures(), r.engines.troubles())
			}
		}
	})

	t.Run("TellsItByTheStatusWhereNothingWasSaidYet", func(t *testing.T) {
		for path, shape := range map[string]string{
			"/api/chat":            `{"error":"` + words + `"}`,
			"/v1/chat/completions": `"code":"gpu_yielded"`,
			"/v1/messages":         `"type":"api_error","message":"` + words,
		} {
			r, engine := scripted(t, Limits{}, batching.Settings{})
			engine.Hold()
			answer := r.asks(path, `{"model":"tiny","stream":false,"max_tokens":9,"messages":[{"role":"user","content":"nonce:x"}]}`)
			engine.Next()
			r.gateway.SetAway(stopped)
			res := <-answer
			got := text(t, res)
			if res.StatusCode != 503 || !strings.Contains(got, shape) || res.Header.Get("Retry-After") != "" || res.Header.Get("X-Should-Retry") != "false" {
				t.Errorf("%s: %d %v %s", path, res.StatusCode, res.Header, got)
			}
			if rec := r.recorded(); rec.Outcome != Interrupted || rec.Status != 503 {
				t.Errorf("record %+v", rec)
			}
			engine.Release()
		}
	})

	t.Run("NeverMovesToAnotherEngine", func(t *testing.T) {
		one, two := backendstest.New(t), backendstest.New(t)
		e := &engines{target: targetOf(t, one.URL), more: []*backends.Target{targetOf(t, two.URL)}}
		e.more[0].Name = "other"
		for _, engine := range []*backendstest.Engine{one, two} {
			engine.SetModels("m:latest")
		}
		r := rigFor(t, e, Limits{}, batching.Settings{})
		one.Hold()
		answer := r.asks("/api/generate", `{"model":"m","prompt":"nonce:x"}`)
		one.Next()
		r.gateway.SetAway(stopped)
		if res := <-answer; res.StatusCode != 503 || !strings.Contains(text(t, res), words) {
			t.Errorf("%d", res.StatusCode)
		}
		if two.Hits() != 0 || r.gateway.Stats().Moved != 0 {
			t.Errorf("the other engine was asked %d times", two.Hits())
		}
		one.Release()
		res := r.post("/engine/other/api/generate", `{"model":"m","prompt":"nonce:x"}`)
		if got := text(t, res); res.StatusCode != 200 {
			t.Errorf("an engine that was not given away: %d %s", res.StatusCode, got)
		}
	})

	t.Run("LetsWhatRunsEndUnlessItIsToBeInterrupted", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{})
		engine.Hold()
		answer := r.asks("/api/generate", `{"model":"tiny","prompt":"nonce:x"}`)
		held := engine.Next()
		r.gateway.SetAway(given)
		held.Release()
		if res := <-answer; res.StatusCode != 200 || !endsWell(text(t, res)) {
			t.Errorf("%d", res.StatusCode)
		}
	})

	t.Run("EndsOneThatGetsItsTurnAtTheLastMoment", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{})
		r.gateway.SetAway(stopped)
		res := r.post("/api/generate", `{"model":"tiny","prompt":"nonce:x"}`)
		if got := text(t, res); res.StatusCode != 503 || !strings.Contains(got, words) || engine.Hits() != 0 {
			t.Errorf("%d %s after %d requests", res.StatusCode, got, engine.Hits())
		}
		r.gateway.SetAway(Away{})
		if res := r.post("/api/generate", `{"model":"tiny","prompt":"nonce:x"}`); res.StatusCode != 200 || !endsWell(text(t, res)) {
			t.Errorf("taken back: %d", res.StatusCode)
		}
		r.gateway.away.mu.Lock()
		defer r.gateway.away.mu.Unlock()
		if n := len(r.gateway.away.inside); n != 0 {
			t.Errorf("%d calls are remembered", n)
		}
	})

	t.Run("TellsAllWhoShareARunOrACall", func(t *testing.T) {
		r, engine := scripted(t, Limits{Share: true}, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}})
		engine.Always(backendstest.Script{Tokens: 100_000, Every: time.Millisecond})
		const body = `{"model":"tiny","prompt":"nonce:x","options":{"temperature":0}}`
		first := r.post("/api/generate", body)
		second := r.post("/api/generate", body)
		for _, res := range []*http.Response{first, second} {
			if _, err := io.ReadFull(res.Body, make([]byte, 600)); err != nil {
				t.Fatal(err)
			}
		}
		r.gateway.SetAway(stopped)
		for _, res := range []*http.Response{first, second} {
			if got, _ := read(res); !strings.Contains(got, words) {
				t.Errorf("got %q", got[max(0, len(got)-200):])
			}
		}
		for range 2 {
			if rec := r.recorded(); rec.Outcome != Interrupted || rec.ErrorKind != "gpu_yielded" {
				t.Errorf("record %+v", rec)
			}
		}

		m, merged := mergeRig(t)
		one, replies := m.flock(merged, native("first"), native("one"), native("two"))
		one.Release()
		merged.Next()
		m.gateway.SetAway(stopped)
		for i, got := range replies() {
			if i > 0 && (got.status != 503 || !strings.Contains(got.body, words)) {
				t.Errorf("got %d %s", got.status, got.body)
			}
		}
	})

	t.Run("RefusesWhatWouldTakeTheGPUPastTheQueue", func(t *testing.T) {
		for name, tt := range map[string]struct {
			away   Away
			path   string
			body   string
			status int
		}{
			"ALoad":                   {given, "/api/generate", `{"model":"tiny"}`, 503},
			"ALoadForAWhile":          {given, "/api/chat", `{"model":"tiny","messages":[],"keep_alive":"5m"}`, 503},
			"NotAnUnload":             {given, "/api/generate", `{"model":"tiny","keep_alive":0}`, 200},
			"NotAQuestion":            {given, "/api/show", `{"model":"tiny"}`, 200},
			"NotAnotherEnginesLoad":   {Away{Engines: []string{"other"}}, "/api/generate", `{"model":"tiny"}`, 200},
			"NothingOnceItIsBack":     {Away{}, "/api/generate", `{"model":"tiny"}`, 200},
			"NotWhatWaitsForItsTurns": {given, "/api/generate", `{"model":"tiny","prompt":"nonce:x"}`, 200}, // the scheduler holds it
		} {
			t.Run(name, func(t *testing.T) {
				r, _ := scripted(t, Limits{}, batching.Settings{})
				r.gateway.SetAway(tt.away)
				res := r.post(tt.path, tt.body)
				if got := text(t, res); res.StatusCode != tt.status || (tt.status == 503) != strings.Contains(got, words) {
					t.Errorf("%d %s", res.StatusCode, got)
				}
			})
		}
		s := severalEngines(t, backends.KindLMStudio)
		s.gateway.SetAway(Away{Engines: []string{"lmstudio"}})
		res := s.post("/api/v1/models/load", `{"model":"both"}`)
		if got := text(t, res); res.StatusCode != 503 || !strings.Contains(got, `"the GPU was given to other programs"`) {
			t.Errorf("LM Studio: %d %s", res.StatusCode, got)
		}
	})

	t.Run("ItsOwnUnloadingIsNoReload", func(t *testing.T) {
		r, l, told := loading(t, Limits{})
		const body = `{"model":"m","prompt":"a","stream":false}`
		_ = text(t, r.post("/api/generate", body))
		l.mu.Lock()
		l.loaded = false
		l.mu.Unlock()
		r.gateway.Unloaded("ollama", "m:latest")
		_ = text(t, r.post("/api/generate", body))
		for range 2 {
			if rec := r.recorded(); rec.Load == 0 || rec.Reload != "" {
				t.Errorf("record %+v", rec)
			}
		}
		if all := told(); len(all) != 0 {
			t.Errorf("told %+v", all)
		}
	})
}
