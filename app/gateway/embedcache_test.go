package gateway

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

// embedding is a rig before a scripted engine that tells its models' content.
func embedding(t *testing.T, l Limits, s batching.Settings) (*rig, *backendstest.Engine) {
	t.Helper()
	r, engine := scripted(t, l, s)
	r.engines.target.Models = []backends.Model{{Name: "embed:latest", Digest: "one"}, {Name: "other:latest", Digest: "two"}}
	return r, engine
}

func TestEmbedCache(t *testing.T) {
	asks := []struct{ name, path, body string }{
		{"native", "/api/embed", `{"model":"embed","input":"a text"}`},
		{"native array", "/api/embed", `{"model":"embed","input":["a text","another","a third"]}`},
		{"openai", "/v1/embeddings", `{"model":"embed","input":["a text","another"]}`},
		{"legacy", "/api/embeddings", `{"model":"embed","prompt":"a text"}`},
	}
	for _, ask := range asks {
		t.Run("AnswersAgainWithoutTheEngine/"+ask.name, func(t *testing.T) {
			r, engine := embedding(t, Limits{EmbedCache: 1 << 20}, batching.Settings{})
			first := text(t, r.post(ask.path, ask.body))
			r.recorded()
			res := r.post(ask.path, ask.body)
			if got := res.Header.Get("X-Carpool-Cache"); got != "hit" {
				t.Errorf("X-Carpool-Cache is %q", got)
			}
			if res.Header.Get("X-Carpool-Batch") != "" || res.Header.Get("X-Carpool-Engine") != "ollama" {
				t.Errorf("headers are %v", res.Header)
			}
			again := text(t, res)
			if a, b := withoutTimes(first), strings.TrimSpace(withoutTimes(again)); a != b {
				t.Errorf("again\n%s\nfirst\n%s", b, a)
			}
			rec := r.recorded()
			if rec.Outcome != OK || rec.Batch != 0 || rec.Status != 200 || rec.EngineStatus != 0 || rec.OutputTokens != 0 {
				t.Errorf("recorded %+v", rec)
			}
			if hits := engine.Hits(); hits != 1 {
				t.Errorf("the engine was asked %d times", hits)
			}
			if s := r.gateway.Stats().Cache; s.Hits != 1 || s.Misses != 1 || s.Bytes <= 0 {
				t.Errorf("counted %+v", s)
			}
		})
	}
	t.Run("EchoesTheNameAsAsked", func(t *testing.T) {
		r, _ := embedding(t, Limits{EmbedCache: 1 << 20}, batching.Settings{})
		text(t, r.post("/api/embed", `{"model":"embed","input":"a text"}`))
		if got := text(t, r.post("/api/embed", `{"input":"a text", "model":"embed:latest"}`)); !strings.Contains(got, `"model":"embed:latest"`) {
			t.Errorf("answered %s", got)
		}
	})

	others := []struct{ name, path, body string }{
		{"another text", "/api/embed", `{"model":"embed","input":"text"}`},
		{"another model", "/api/embed", `{"model":"other","input":"a text"}`},
		{"other options", "/api/embed", `{"model":"embed","input":"a text","dimensions":2}`},
		{"another form", "/v1/embeddings", `{"model":"embed","input":"a text"}`},
		{"the unnormalized form", "/api/embeddings", `{"model":"embed","prompt":"a text"}`},
		{"a part that is new", "/api/embed", `{"model":"embed","input":["a text","new"]}`},
		{"names in capitals", "/api/embed", `{"model":"embed","Input":"a text"}`},
		{"a name twice", "/api/embed", `{"model":"embed","input":"a text","input":"a text"}`},
		{"an empty text", "/api/embed", `{"model":"embed","input":["a text",""]}`},
		{"tokens", "/api/embed", `{"model":"embed","input":[1,2]}`},
		{"a query", "/api/embed?x=1", `{"model":"embed","input":"a text"}`},
	}
	for _, other := range others {
		t.Run("AsksTheEngineFor/"+other.name, func(t *testing.T) {
			r, engine := embedding(t, Limits{EmbedCache: 1 << 20}, batching.Settings{})
			text(t, r.post("/api/embed", `{"model":"embed","input":"a text"}`))
			text(t, r.post(other.path, other.body))
			if hits := engine.Hits(); hits != 2 {
				t.Errorf("the engine was asked %d times", hits)
			}
		})
	}

	const ask = `{"model":"embed","input":"a text"}`
	forgets := map[string]func(r *rig, engine *backendstest.Engine){
		"AModelIsPulled":         func(r *rig, _ *backendstest.Engine) { text(r.t, r.post("/api/pull", `{"model":"embed"}`)) },
		"AModelIsDeleted":        func(r *rig, _ *backendstest.Engine) { text(r.t, r.do("DELETE", "/api/delete", `{"model":"embed"}`)) },
		"TheContentIsNew":        func(r *rig, _ *backendstest.Engine) { r.engines.target.Models[0].Digest = "three" },
		"TheContentIsNotTold":    func(r *rig, _ *backendstest.Engine) { r.engines.target.Models[0].Digest = "" },
		"TheEngineIsANewVersion": func(r *rig, _ *backendstest.Engine) { r.engines.target.Version = "9" },
		"ItIsTurnedOff":          func(r *rig, _ *backendstest.Engine) { r.gateway.Configure(Limits{}) },
	}
	for name, change := range forgets {
		t.Run("ForgetsWhen/"+name, func(t *testing.T) {
			r, engine := embedding(t, Limits{EmbedCache: 1 << 20}, batching.Settings{})
			text(t, r.post("/api/embed", ask))
			change(r, engine)
			before := engine.Hits()
			text(t, r.post("/api/embed", ask))
			if engine.Hits() != before+1 {
				t.Error("the old vector was given")
			}
		})
	}
	t.Run("KeepsNothingOfAFailure", func(t *testing.T) {
		r, engine := embedding(t, Limits{EmbedCache: 1 << 20}, batching.Settings{})
		bad := []backendstest.Script{
			{Status: 500},
			{Body: `{"model":"embed","embeddings":[[1]]`, Header: map[string][]string{"Content-Type": {typeJSON}, "Content-Length": {"99"}}},
			{Body: `{"model":"embed","embeddings":[]}`, Header: map[string][]string{"Content-Type": {typeJSON}}},
			{Body: `{"model":"embed","embeddings":[[1],[2]]}`, Header: map[string][]string{"Content-Type": {typeJSON}}},
		}
		for _, s := range bad {
			engine.Script(s)
			text(t, r.post("/api/embed", ask))
		}
		if s := r.gateway.Stats().Cache; s.Entries != 0 || s.Bytes != 0 {
			t.Errorf("kept %+v", s)
		}
	})
	t.Run("DropsWhatWasComputedByTheModelBefore", func(t *testing.T) {
		c := newEmbedCache()
		c.configure(1 << 20)
		e, _ := readEmbedCall(nativeVectors, []byte(ask))
		scope, ok := c.scope(*targetWithDigest(t), "m:latest", e)
		if !ok {
			t.Fatal("not kept")
		}
		c.forget()
		c.keep(scope, e.texts, []vector{{raw: []byte("[1]")}})
		if s := c.snapshot(); s.Entries != 0 {
			t.Errorf("kept %+v", s)
		}
	})
	t.Run("StaysWithinItsBytes", func(t *testing.T) {
		c := newEmbedCache()
		const limit = 10_000
		c.configure(limit)
		var last cacheScope
		for i := range 200 {
			e, _ := readEmbedCall(nativeVectors, fmt.Appendf(nil, `{"model":"m","input":"text %d"}`, rand.IntN(50)))
			last, _ = c.scope(*targetWithDigest(t), "m:latest", e)
			c.keep(last, e.texts, []vector{{raw: make([]byte, i%3000)}})
			s := c.snapshot()
			sum := int64(0)
			for _, v := range c.lru.Values() {
				sum += v.bytes()
			}
			if s.Bytes > limit || s.Bytes != sum {
				t.Fatalf("%d bytes counted, %d held", s.Bytes, sum)
			}
		}
		c.configure(0)
		if s := c.snapshot(); s.Entries != 0 || s.Bytes != 0 {
			t.Errorf("still there: %+v", s)
		}
	})
	t.Run("CountsTokensOfManyAsEstimated", func(t *testing.T) {
		r, _ := embedding(t, Limits{EmbedCache: 1 << 20}, batching.Settings{})
		text(t, r.post("/api/embed", `{"model":"embed","input":["a text","another"]}`))
		r.recorded()
		text(t, r.post("/api/embed", ask))
		if rec := r.recorded(); !rec.TokensEstimated || rec.PromptTokens <= 0 {
			t.Errorf("recorded %+v", rec)
		}
	})
}

func targetWithDigest(t *testing.T) *backends.Target {
	e := targetOf(t, "http://127.0.0.1:1")
	e.Models[0].Digest = "one"
	return e
}

// withoutTimes takes the durations out of an answer.
func withoutTimes(answer string) string {
	for _, name := range []string{"total_duration", "load_duration"} {
		before, after, found := strings.Cut(answer, `"`+name+`":`)
		if found {
			answer = before + strings.TrimLeft(after, "0123456789,")
		}
	}
	return answer
}
