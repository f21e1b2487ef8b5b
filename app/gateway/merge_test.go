package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/backends/backendstest"
	"carpool/batching"
)

// mergeRig is a rig that merges, before a scripted engine.
func mergeRig(t *testing.T) (*rig, *backendstest.Engine) {
	t.Helper()
	r, engine := embedding(t, Limits{Merge: true}, batching.Settings{
		Limits: batching.Limits{Mode: batching.Fixed, Size: 8, Wait: 10 * time.Second}, MergeTexts: 64})
	r.scheduler.SetEngine("ollama", batching.EngineState{Loaded: []string{"embed:latest", "other:latest"}})
	return r, engine
}

// ask is one client's call for vectors.
type ask struct {
	path, body string
	texts      []string
	header     []string
	ctx        context.Context // nil = it stays
}

func native(texts ...string) ask {
	a := ask{path: "/api/embed", texts: texts, body: `{"model":"embed","input":` + string(mustJSON(texts)) + `}`}
	if len(texts) == 1 {
		a.body = `{"model":"embed","input":` + string(mustJSON(texts[0])) + `}`
	}
	return a
}

func asOpenAI(texts ...string) ask {
	a := native(texts...)
	a.path = "/v1/embeddings"
	return a
}

// reply is what a client got.
type reply struct {
	status  int
	header  http.Header
	body    string
	vectors [][]float64
	tokens  int
	err     error
}

// send asks and reads the whole answer.
func (r *rig) send(ctx context.Context, a ask) reply {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+a.path, strings.NewReader(a.body))
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(a.header); i += 2 {
		req.Header.Set(a.header[i], a.header[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	got := reply{status: res.StatusCode, header: res.Header, body: string(body), err: err}
	var doc struct {
		Embeddings [][]float64
		Data       []struct {
			Embedding []float64
			Index     int
		}
		Count int `json:"prompt_eval_count"`
		Usage struct {
			Prompt int `json:"prompt_tokens"`
			Total  int `json:"total_tokens"`
		}
	}
	_ = json.Unmarshal(body, &doc) // an error has no vectors
	got.vectors, got.tokens = doc.Embeddings, doc.Count
	if a.path == "/v1/embeddings" {
		got.tokens = doc.Usage.Prompt
		for i, d := range doc.Data {
			if d.Index != i || doc.Usage.Total != doc.Usage.Prompt {
				got.err = fmt.Errorf("item %d has index %d, usage %+v", i, d.Index, doc.Usage)
			}
			got.vectors = append(got.vectors, d.Embedding)
		}
	}
	return got
}

// wants checks that a reply has the vectors of its ask, and no others.
func (a ask) wants(t *testing.T, got reply) {
	t.Helper()
	if got.err != nil || got.status != 200 || len(got.vectors) != len(a.texts) {
		t.Errorf("%v: %d, %v, %s", a.texts, got.status, got.err, got.body)
		return
	}
	for i, text := range a.texts {
		if !slices.Equal(got.vectors[i], backendstest.Vector(text)) {
			t.Errorf("%q has another text's vector", text)
		}
	}
}

// flock sends the first ask, which the engine holds, and then the others, which
// wait for it. replies waits for all answers.
func (r *rig) flock(engine *backendstest.Engine, asks ...ask) (first *backendstest.Held, replies func() []reply) {
	r.t.Helper()
	engine.Hold()
	var wg sync.WaitGroup
	all := make([]reply, len(asks))
	for i, a := range asks {
		ctx := a.ctx
		if ctx == nil {
			ctx = context.Background()
		}
		wg.Go(func() { all[i] = r.send(ctx, a) })
		if i == 0 {
			first = engine.Next()
			continue
		}
		eventually(r.t, "the call waits", func() bool { return r.scheduler.Totals().QueueDepth == i })
	}
	return first, func() []reply { wg.Wait(); return all }
}

// texts are what a call that reached the engine asks for.
func textsOf(t *testing.T, q backendstest.Request) []string {
	t.Helper()
	var body struct{ Input any }
	if err := json.Unmarshal(q.Body, &body); err != nil {
		t.Fatalf("the engine got %s", q.Body)
	}
	if one, ok := body.Input.(string); ok {
		return []string{one}
	}
	var all []string
	for _, text := range body.Input.([]any) {
		all = append(all, text.(string))
	}
	return all
}

func TestMerge(t *testing.T) {
	forms := map[string]func(texts ...string) ask{"Native": native, "OpenAI": asOpenAI}
	for name, form := range forms {
		t.Run("GivesEachClientItsOwnPartOfOneCall/"+name, func(t *testing.T) {
			r, engine := mergeRig(t)
			asks := []ask{form("first"), form("one"), form("two", "three"), form("four é \" \u2028"), form("five")}
			asks[4].body = strings.Replace(asks[4].body, `"embed"`, `"embed:latest"`, 1)
			first, replies := r.flock(engine, asks...)
			first.Release()
			merged := engine.Next()
			if got := textsOf(t, merged.Request); !slices.Equal(got, []string{"one", "two", "three", "four é \" \u2028", "five"}) {
				t.Errorf("the engine got %q", got)
			}
			engine.Release()
			merged.Release()
			tokens, batch := 0, replies()[1].header.Get("X-Carpool-Batch")
			for i, got := range replies() {
				asks[i].wants(t, got)
				if i == 0 {
					if got.header.Get("X-Carpool-Merged") != "" {
						t.Error("the first one was not alone")
					}
					continue
				}
				tokens += got.tokens
				model := `"model":"embed"`
				if i == 4 {
					model = `"model":"embed:latest"`
				}
				if !strings.Contains(got.body, model) || got.header.Get("X-Carpool-Merged") != "4" ||
					got.header.Get("X-Carpool-Batch") != batch || got.header.Get("X-Carpool-Engine") != "ollama" {
					t.Errorf("answer %d: %v %s", i, got.header, got.body)
				}
			}
			told := max(1, int(merged.Size)/4)
			if tokens != told {
				t.Errorf("the parts have %d tokens, the whole %d", tokens, told)
			}
			recorded := 0
			for range asks {
				rec := r.recorded()
				if rec.Outcome != OK || rec.Batch == 0 || rec.Status != 200 || rec.EngineStatus != 200 || rec.OutputTokens != 0 {
					t.Errorf("recorded %+v", rec)
				}
				if fmt.Sprint(rec.Batch) == batch {
					recorded += rec.PromptTokens
				}
			}
			r.noMore()
			if recorded != told {
				t.Errorf("%d tokens recorded, %d told", recorded, told)
			}
			s := r.gateway.Stats().Merge
			if s.Calls != 1 || s.Requests != 4 || s.Texts != 5 || s.Checks != 1 || s.Saved != 2 || len(s.Off) != 0 {
				t.Errorf("counted %+v", s)
			}
			if hits := engine.Hits(); hits != 5-int(s.Saved) {
				t.Errorf("the engine was asked %d times", hits)
			}
			if tot := r.scheduler.Totals(); tot.Requests != 5 || tot.Batches != 2 || tot.InFlight != 0 {
				t.Errorf("totals %+v", tot)
			}
		})
	}
	t.Run("LeavesALoneCallAsItIs", func(t *testing.T) {
		r, engine := mergeRig(t)
		const body = ` { "input" : "alone", "model":"embed" } `
		text(t, r.post("/api/embed", body))
		if q, _ := engine.Last("/api/embed"); string(q.Body) != body {
			t.Errorf("the engine got %q", q.Body)
		}
	})
	t.Run("SendsOptionsAndHeadersOnce", func(t *testing.T) {
		r, engine := mergeRig(t)
		a, b := native("one"), native("two")
		a.body = `{"model":"embed", "truncate" : false,"options":{"num_ctx": 512},"x":"\u00e9","input":"one"}`
		b.body = `{"input":["two"],"options":{"num_ctx":512},"x":"\u00e9","truncate":false,"model":"embed"}`
		a.header = []string{"Authorization", "Bearer k", "User-Agent", "a", "X-Carpool-App", "a"}
		b.header = []string{"Authorization", "Bearer k", "User-Agent", "b", "X-Carpool-App", "a"}
		first, replies := r.flock(engine, a, a, b)
		first.Release()
		merged := engine.Next()
		const want = `{"model":"embed","options":{"num_ctx":512},"truncate":false,"x":"\u00e9","input":["one","two"]}`
		if string(merged.Body) != want {
			t.Errorf("the engine got %s", merged.Body)
		}
		h := merged.Header
		if h.Get("Authorization") != "Bearer k" || h.Get("Content-Type") != "application/json" || h.Get("X-Carpool-App") != "" {
			t.Errorf("with %v", h)
		}
		engine.Release()
		merged.Release()
		a.wants(t, replies()[1])
		b.wants(t, replies()[2])
	})

	apart := map[string]func(a *ask){
		"OtherOptions":  func(a *ask) { a.body = `{"model":"embed","input":"two","dimensions":2}` },
		"AnotherKey":    func(a *ask) { a.header = []string{"Authorization", "Bearer other"} },
		"AQuery":        func(a *ask) { a.path += "?x=1" },
		"AnEmptyText":   func(a *ask) { a.body = `{"model":"embed","input":["two",""]}` },
		"Tokens":        func(a *ask) { a.body = `{"model":"embed","input":[1,2]}` },
		"Capitals":      func(a *ask) { a.body = `{"model":"embed","INPUT":"two"}` },
		"TheLegacyForm": func(a *ask) { a.path, a.body = "/api/embeddings", `{"model":"embed","prompt":"two"}` },
		"AnotherForm":   func(a *ask) { a.path = "/v1/embeddings" },
		"AnotherModel":  func(a *ask) { a.body = `{"model":"other","input":"two"}` },
		"ManyTexts": func(a *ask) {
			a.body = `{"model":"embed","input":` + string(mustJSON(slices.Repeat([]string{"two"}, 64))) + `}`
		},
		"AnUrgentOne": func(a *ask) { a.header = []string{"X-Carpool-Priority", "urgent"} },
	}
	for name, change := range apart {
		t.Run("KeepsApart/"+name, func(t *testing.T) {
			r, engine := mergeRig(t)
			engine.Hold()
			var wg sync.WaitGroup
			wg.Go(func() { r.send(context.Background(), native("one")) })
			first := engine.Next()
			a := native("two")
			change(&a)
			wg.Go(func() { r.send(context.Background(), a) })
			second := engine.Next() // although the first one is not done
			if strings.Contains(string(second.Body), "one") {
				t.Errorf("the engine got %s", second.Body)
			}
			first.Release()
			second.Release()
			wg.Wait()
		})
	}
	t.Run("IsOffWhenTurnedOff", func(t *testing.T) {
		r, engine := mergeRig(t)
		r.gateway.Configure(Limits{})
		engine.Hold()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { r.send(context.Background(), native("one")) })
		}
		engine.Next()
		engine.Next()
		engine.Release()
		wg.Wait()
	})
}

func TestMergeFailures(t *testing.T) {
	// hasBad refuses whatever holds a bad text, as engines refuse a whole array.
	hasBad := func(q backendstest.Request) backendstest.Script {
		if bytes.Contains(q.Body, []byte("bad")) {
			return backendstest.Script{Status: 400, Error: "input is too long"}
		}
		return backendstest.Script{}
	}
	asks := []ask{native("first"), native("one"), native("bad"), native("two", "three")}
	t.Run("LetsOneBadInputFailAlone", func(t *testing.T) {
		r, engine := mergeRig(t)
		engine.Choose(hasBad)
		first, replies := r.flock(engine, asks...)
		first.Release()
		engine.ResetPeak()
		engine.Release()
		for i, got := range replies() {
			if i != 2 {
				asks[i].wants(t, got)
			} else if got.status != 400 || got.body != `{"error":"input is too long"}` {
				t.Errorf("the bad one got %d %s", got.status, got.body)
			}
		}
		if s := r.gateway.Stats().Merge; s.Retried != 3 || len(s.Off) != 0 {
			t.Errorf("counted %+v", s)
		}
		if engine.Peak() > 1 {
			t.Errorf("one place was used for %d calls at once", engine.Peak())
		}
		outcomes := map[Outcome]int{}
		for range asks {
			outcomes[r.recorded().Outcome]++
		}
		r.noMore()
		if outcomes[OK] != 3 || outcomes[Failed] != 1 {
			t.Errorf("recorded %v", outcomes)
		}
	})
	asJSON := map[string][]string{"Content-Type": {typeJSON}}
	strange := map[string]backendstest.Script{
		"TooFew":        {Header: asJSON, Body: `{"model":"embed","embeddings":[[1,2],[3,4]]}`},
		"TooMany":       {Header: asJSON, Body: `{"model":"embed","embeddings":[[1],[2],[3],[4],[5]]}`},
		"Uneven":        {Header: asJSON, Body: `{"model":"embed","embeddings":[[1],[2],[3,3],[4]]}`},
		"Empty":         {Header: asJSON, Body: `{}`},
		"NotNumbers":    {Header: asJSON, Body: `{"embeddings":[["a"],["b"],["c"],["d"]]}`},
		"Torn":          {Header: asJSON, Body: `{"embeddings":[[1],[2]`},
		"Text":          {Header: map[string][]string{"Content-Type": {"text/plain"}}, Body: "hello"},
		"Mixed":         {Header: asJSON, Body: `{"embeddings":[` + strings.Join([]string{vec("two"), vec("three"), vec("bad"), vec("one")}, ",") + `]}`},
		"RefusesArrays": {Status: 400},
		"Breaks500":     {Status: 500},
	}
	for name, script := range strange {
		t.Run("AsksSinglyAfterAnAnswerThatIs/"+name, func(t *testing.T) {
			r, engine := mergeRig(t)
			engine.Choose(func(q backendstest.Request) backendstest.Script {
				if bytes.Contains(q.Body, []byte(`"one","bad"`)) {
					return script
				}
				return backendstest.Script{}
			})
			first, replies := r.flock(engine, asks...)
			first.Release()
			engine.Release()
			for i, got := range replies() {
				asks[i].wants(t, got)
			}
			// Where each asks alone, the last one has its answer before that is judged.
			eventually(t, "it merges no more", func() bool { return len(r.gateway.Stats().Merge.Off) > 0 })
			if off := r.gateway.Stats().Merge.Off; len(off) != 1 || off[0].Key.Model != "embed:latest" || off[0].Reason == "" {
				t.Errorf("off: %+v", off)
			}
		})
	}
	all := map[string]struct {
		script backendstest.Script
		status int
		off    int
	}{
		"IsBusy":        {backendstest.Script{Status: 503, Error: "server busy", Header: map[string][]string{"Retry-After": {"900"}}}, 503, 0},
		"HasNoMemory":   {backendstest.Script{Status: 500, Error: "CUDA error: out of memory"}, 500, 1},
		"KnowsNoModel":  {backendstest.Script{Status: 404, Error: "model 'embed' not found"}, 404, 0},
		"WantsAKey":     {backendstest.Script{Status: 401, Error: "unauthorized"}, 401, 0},
		"ClosesTheLine": {backendstest.Script{End: backendstest.Garbage}, 502, 1},
	}
	for name, tt := range all {
		t.Run("TellsAllWhenTheEngine/"+name, func(t *testing.T) {
			r, engine := mergeRig(t)
			first, replies := r.flock(engine, asks...)
			first.Release()
			merged := engine.Next()
			merged.Release(tt.script)
			for i, got := range replies() {
				if i == 0 {
					continue
				}
				if got.status != tt.status || tt.script.Error != "" && got.body != `{"error":`+string(mustJSON(tt.script.Error))+`}` {
					t.Errorf("got %d %s", got.status, got.body)
				}
				if retry := got.header.Get("Retry-After"); tt.status == 503 && retry != "120" {
					t.Errorf("Retry-After %q", retry)
				}
			}
			if engine.Hits() != 2 {
				t.Errorf("the engine was asked %d times", engine.Hits())
			}
			for range asks {
				if rec := r.recorded(); rec.Outcome != OK && (rec.Outcome != Failed || rec.Status != tt.status) {
					t.Errorf("recorded %+v", rec)
				}
			}
			if off := r.gateway.Stats().Merge.Off; len(off) != tt.off {
				t.Errorf("off: %+v", off)
			}
			if n := r.engines.failures(); n > 1 || n == 0 && name == "ClosesTheLine" {
				t.Errorf("one call was told as %d failures", n)
			}
		})
	}
	t.Run("DropsWhoLeftBeforeTheCall", func(t *testing.T) {
		r, engine := mergeRig(t)
		ctx, leave := context.WithCancel(context.Background())
		leaver := native("gone")
		leaver.ctx = ctx
		first, replies := r.flock(engine, native("first"), native("one"), leaver, native("two"))
		leave()
		eventually(t, "it has left the queue", func() bool { return r.scheduler.Totals().QueueDepth == 2 })
		first.Release()
		if got := textsOf(t, engine.Next().Request); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("the engine got %q", got)
		}
		engine.Release()
		native("one").wants(t, replies()[1])
		native("two").wants(t, replies()[3])
	})
	t.Run("GoesOnForTheOthersWhenOneLeaves", func(t *testing.T) {
		r, engine := mergeRig(t)
		ctx, leave := context.WithCancel(context.Background())
		leaver := native("gone")
		leaver.ctx = ctx
		first, replies := r.flock(engine, native("first"), leaver, native("one"))
		first.Release()
		merged := engine.Next()
		r.recorded()
		leave()
		if rec := r.recorded(); rec.Outcome != Canceled || rec.Status != statusClientClosed {
			t.Errorf("recorded %+v", rec)
		}
		if r.scheduler.Totals().InFlight != 1 || engine.Running() != 1 {
			t.Error("the call was ended for all")
		}
		engine.Release()
		merged.Release()
		native("one").wants(t, replies()[2])
		if rec := r.recorded(); rec.Outcome != OK {
			t.Errorf("recorded %+v", rec)
		}
	})
	t.Run("EndsTheCallWhenAllHaveLeft", func(t *testing.T) {
		r, engine := mergeRig(t)
		ctx, leave := context.WithCancel(context.Background())
		leaver := native("gone")
		leaver.ctx = ctx
		first, replies := r.flock(engine, native("first"), leaver, leaver)
		first.Release()
		engine.Next()
		leave()
		replies()
		eventually(t, "the engine is left", func() bool { return engine.Running() == 0 })
		eventually(t, "the place is free", func() bool { return r.scheduler.Totals().InFlight == 0 })
		for range 3 {
			r.recorded()
		}
		r.noMore()
	})
	t.Run("TellsAllWhenItIsInterrupted", func(t *testing.T) {
		r, engine := mergeRig(t)
		first, replies := r.flock(engine, native("first"), native("one"), native("two"))
		first.Release()
		engine.Next()
		r.gateway.Interrupt()
		for i, got := range replies() {
			if i > 0 && (got.status != 503 || !strings.Contains(got.body, "shutting down")) {
				t.Errorf("got %d %s", got.status, got.body)
			}
		}
	})
	t.Run("EndsASilentEnginesCall", func(t *testing.T) {
		r, engine := mergeRig(t)
		first, answered := r.flock(engine, native("first"))
		r.gateway.Configure(Limits{Merge: true, FirstToken: 25 * time.Millisecond}) // of those that come now
		var wg sync.WaitGroup
		for i, text := range []string{"one", "two"} {
			wg.Go(func() {
				if got := r.send(t.Context(), native(text)); got.status != 504 {
					t.Errorf("got %d %s", got.status, got.body)
				}
			})
			eventually(t, "the call waits", func() bool { return r.scheduler.Totals().QueueDepth == 1+i })
		}
		first.Release()
		engine.Next()
		wg.Wait()
		native("first").wants(t, answered()[0])
	})
}

func vec(s string) string { return string(mustJSON(backendstest.Vector(s))) }

// TestMergeGivesEveryoneItsOwn lets many clients ask, leave and send bad texts,
// and checks every answer, every record and the totals.
func TestMergeGivesEveryoneItsOwn(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		r, engine := embedding(t, Limits{Merge: true, EmbedCache: int64(seed%2) << 16}, batching.Settings{
			Limits: batching.Limits{Mode: batching.Fixed, Size: 1 + int(seed%3), Wait: time.Millisecond}, MergeTexts: 2 + int(seed)})
		engine.Choose(func(q backendstest.Request) backendstest.Script {
			s := backendstest.Script{Delay: time.Duration(len(q.Body)%7) * 100 * time.Microsecond}
			if bytes.Contains(q.Body, []byte("bad")) {
				s.Status = 400
			}
			return s
		})
		var wg sync.WaitGroup
		const clients, each = 16, 6
		left := 0
		for client := range clients {
			var asks []ask
			for n := range each {
				var texts []string
				for range 1 + random.IntN(3) {
					texts = append(texts, fmt.Sprintf("text %d", random.IntN(100)))
				}
				a := native(texts...)
				if random.IntN(2) == 0 {
					a = asOpenAI(texts...)
				}
				switch random.IntN(12) {
				case 0:
					a = native(fmt.Sprintf("bad %d %d", client, n))
				case 1:
					a.header = []string{"X-Carpool-Priority", "background"}
				case 2:
					if seed%4 < 2 {
						break // so that the calls of the engine can be counted
					}
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.IntN(2000))*time.Microsecond)
					t.Cleanup(cancel)
					a.ctx = ctx
					left++
				}
				asks = append(asks, a)
			}
			wg.Go(func() {
				for _, a := range asks {
					ctx := a.ctx
					if ctx == nil {
						ctx = context.Background()
					}
					got := r.send(ctx, a)
					switch {
					case a.ctx != nil && got.err != nil:
					case strings.HasPrefix(a.texts[0], "bad"):
						if got.status != 400 {
							t.Errorf("a bad text got %d %s", got.status, got.body)
						}
					default:
						a.wants(t, got)
					}
				}
			})
		}
		wg.Wait()
		r.ended()
		if tot := r.scheduler.Totals(); tot.InFlight != 0 || tot.QueueDepth != 0 || len(r.records) < clients*each-left {
			t.Errorf("%d records of %d, totals %+v", len(r.records), clients*each-left, tot)
		}
		released := uint64(0)
		for range len(r.records) {
			if rec := r.recorded(); rec.Batch != 0 {
				released++
			}
		}
		s := r.gateway.Stats().Merge
		if tot := r.scheduler.Totals(); tot.Requests != released {
			t.Errorf("%d recorded as released, totals %+v", released, tot)
		}
		if s.Calls == 0 {
			t.Error("nothing was merged")
		}
		if left == 0 && int64(engine.Hits()) != int64(released)-s.Saved {
			t.Errorf("the engine was asked %d times for %d requests, %+v", engine.Hits(), released, s)
		}
	}
}

func TestMergePace(t *testing.T) {
	key := batching.Key{Engine: "ollama", Model: "embed"}
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	samples := func(m *merger, n int, single, merged float64) {
		for range n {
			m.sample(key, false, ms(single), 1, 1)
			m.sample(key, true, ms(10*merged), 10, 1)
		}
	}
	t.Run("GoesOnWhileMergedTextsAreFaster", func(t *testing.T) {
		m := newMerger(nil)
		samples(m, 50, 10, 9)
		if s := m.snapshot(time.Now()); len(s.Off) != 0 || !m.pays(key, true, time.Now()) {
			t.Errorf("%+v", s)
		}
	})
	t.Run("StopsWhenTheyAreSlowerAndTriesAgainLater", func(t *testing.T) {
		m := newMerger(nil)
		samples(m, 7, 10, 20)
		if !m.pays(key, true, time.Now()) {
			t.Fatal("judged too early")
		}
		samples(m, 1, 10, 20)
		off := m.snapshot(time.Now()).Off
		if m.pays(key, true, time.Now()) || len(off) != 1 || !strings.Contains(off[0].Reason, "20 ms, a single one 10 ms") {
			t.Fatalf("off: %+v", off)
		}
		if !m.pays(key, true, time.Now().Add(offWhenSlow)) {
			t.Fatal("never tried again")
		}
		samples(m, 7, 10, 20)
		if !m.pays(key, true, time.Now()) {
			t.Error("judged by what it was before")
		}
	})
	t.Run("CountsWhatRunsBeside", func(t *testing.T) {
		m := newMerger(nil)
		for range 20 { // eight at once in 40 ms are faster than ten together in 80 ms
			m.sample(key, false, ms(40), 1, 8)
			m.sample(key, true, ms(80), 10, 1)
		}
		if m.pays(key, true, time.Now()) {
			t.Error("parallel singles were taken for slow ones")
		}
	})
	t.Run("IsNotMovedByALoadOfTheModel", func(t *testing.T) {
		m := newMerger(nil)
		m.sample(key, true, 30*time.Second, 10, 1)
		samples(m, 20, 10, 9)
		if !m.pays(key, true, time.Now()) {
			t.Error("one slow call turned merging off")
		}
	})
	t.Run("MeasuresSingleOnesAgainUnderLoad", func(t *testing.T) {
		m := newMerger(nil)
		samples(m, 8, 20, 9) // alone they are slow
		for range firstTrial - 8 {
			m.sample(key, true, ms(90), 10, 1)
		}
		if m.pays(key, true, time.Now()) {
			t.Fatal("no trial")
		}
		for range paceSamples {
			m.sample(key, false, ms(20), 1, 4) // together they are not
		}
		if off := m.snapshot(time.Now()).Off; len(off) != 1 {
			t.Errorf("off: %+v", off)
		}
	})
	t.Run("AStormGoesOnTogetherInATrial", func(t *testing.T) {
		m := newMerger(nil)
		for range firstTrial {
			m.sample(key, true, ms(90), 10, 1)
		}
		alone := 0
		for range 256 {
			if !m.pays(key, true, time.Now()) {
				alone++
			}
		}
		if alone != paceSamples {
			t.Errorf("%d of 256 go alone, %d are to be measured", alone, paceSamples)
		}
		// One that is measured is not replaced by another.
		m.sample(key, false, ms(20), 1, 1)
		if !m.pays(key, true, time.Now()) {
			t.Error("one more goes alone")
		}
	})
	t.Run("ATrialIsNotUsedUpByWhatCannotBeMeasured", func(t *testing.T) {
		m := newMerger(nil)
		for range firstTrial {
			m.sample(key, true, ms(90), 10, 1)
		}
		for range 2 * paceSamples {
			if !m.pays(key, false, time.Now()) {
				t.Fatal("a call of many texts goes alone")
			}
		}
		for range paceSamples {
			m.pays(key, true, time.Now())
			m.missed(key) // it failed
		}
		if m.pays(key, true, time.Now()) {
			t.Error("nobody is left to be measured")
		}
	})
	t.Run("EndsATrialThatNobodyAsksIn", func(t *testing.T) {
		m := newMerger(nil)
		for range firstTrial {
			m.sample(key, true, ms(90), 10, 1)
		}
		if m.pays(key, true, time.Now()) || !m.pays(key, true, time.Now().Add(trialLasts+time.Second)) {
			t.Error("the trial does not end")
		}
	})
	t.Run("ForgetsModelsThatNobodyUses", func(t *testing.T) {
		m := newMerger(nil)
		for i := range 10 * maxPaces {
			m.pays(batching.Key{Model: fmt.Sprint(i)}, true, time.Now())
		}
		if len(m.paces) > maxPaces {
			t.Errorf("%d are kept", len(m.paces))
		}
	})
}
