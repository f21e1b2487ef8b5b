package trust

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// reply is what a client got.
type reply struct {
	status int
	body   string
	engine string
}

// ask posts to a path of c on a goroutine of its own; the reply comes on the channel.
func (c *carpool) ask(path, body string) <-chan reply {
	answered := make(chan reply, 1)
	go func() {
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Post(c.url+path, "application/json", strings.NewReader(body))
		if err != nil {
			answered <- reply{body: err.Error()}
			return
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body) // what broke off is in the text
		answered <- reply{resp.StatusCode, string(text), resp.Header.Get("X-Carpool-Engine")}
	}()
	return answered
}

// generate is a request for a model.
func generate(model, nonce string) string {
	return fmt.Sprintf(`{"model":%q,"prompt":"nonce:%s","options":{"num_predict":3}}`, model, nonce)
}

// warm asks once, of an engine that says that loading took 0.3 s, so that no more is
// allowed for it.
func (c *carpool) warm(engine *backendstest.Engine) {
	c.t.Helper()
	engine.SetLoaded("tiny:latest")
	engine.Script(backendstest.Script{Body: `{"model":"tiny","response":"a","done":true,"total_duration":400000000,"load_duration":300000000,` +
		`"prompt_eval_count":100,"prompt_eval_duration":1000000,"eval_count":1,"eval_duration":1000000}` + "\n",
		Header: http.Header{"Content-Type": {"application/x-ndjson"}}})
	if r := <-c.ask("/api/generate", generate("tiny", "warm")); r.status != http.StatusOK {
		c.t.Fatalf("%+v", r)
	}
	c.await("the model is seen to be loaded", func() error {
		if text := c.do("status", "--json"); !strings.Contains(text, `"loaded":true`) && !strings.Contains(text, `"loaded": true`) {
			return fmt.Errorf("%.300s", text)
		}
		return nil
	})
}

// healthProblems are those of GET /health.
func (c *carpool) healthProblems() []string {
	var h struct{ Problems []string }
	_ = c.health(&h) // none, then
	return h.Problems
}

// said waits for a problem with these words in /health.
func (c *carpool) said(words string) {
	c.t.Helper()
	c.await("said: "+words, func() error {
		if all := c.healthProblems(); !slices.ContainsFunc(all, func(p string) bool { return strings.Contains(p, words) }) {
			return fmt.Errorf("problems %q", all)
		}
		return nil
	})
}

// TestWedged is about an engine that goes on telling its lists and takes requests, but
// never answers them.
func TestWedged(t *testing.T) {
	settings := []string{"gateway.stall_timeout_s=1", "batching.mode=fixed", "batching.max_batch_size=2"}

	t.Run("IsNoticedAndItsModelUnloaded", func(t *testing.T) {
		t.Parallel()
		engine := backendstest.New(t)
		c := begin(t, engine, settings...)
		c.warm(engine)
		engine.Wedge("tiny")
		before := engine.Hits("/api/generate")
		began := time.Now()
		inside := []<-chan reply{c.ask("/api/generate", generate("tiny", "a")), c.ask("/v1/chat/completions",
			`{"model":"tiny","stream":true,"messages":[{"role":"user","content":"nonce:b"}]}`)}
		c.await("both are in the engine", func() error {
			if n := engine.Running(); n != 2 {
				return fmt.Errorf("%d", n)
			}
			return nil
		})
		waits := c.ask("/api/generate", generate("tiny", "c"))
		for i, words := range []string{`{"error":"the engine has stopped answering`, `"code":"backend_timeout"`} {
			if r := <-inside[i]; r.status != http.StatusGatewayTimeout || !strings.Contains(r.body, words) {
				t.Errorf("in the engine: %+v", r)
			}
		}
		if r := <-waits; r.status != http.StatusOK || !strings.Contains(r.body, "c c") && !strings.Contains(r.body, `"c "`) {
			t.Errorf("who waited: %+v", r)
		}
		took := time.Since(began)
		if hits := engine.Hits("/api/generate") - before; hits != 3 { // a, the unload, c; the chat went to another path
			t.Errorf("the engine was asked %d times", hits)
		}
		c.await("it is over", func() error {
			if all := c.healthProblems(); len(all) != 0 {
				return fmt.Errorf("%q", all)
			}
			return nil
		})
		if text := c.do("history", "--decisions"); strings.Count(text, "has stopped answering") != 1 || strings.Count(text, "healed: the model was unloaded") != 1 {
			t.Errorf("history:\n%s", text)
		}
		c.stop()
		outcomes := map[string]int{}
		for _, r := range c.rows() {
			outcomes[r.Outcome+r.ErrorKind]++
		}
		if outcomes["ok"] != 2 || outcomes["errorbackend_timeout"] != 2 {
			t.Errorf("rows %v", outcomes)
		}
		figure(t, 11, "an engine that takes requests and never answers, with a stall limit of 1 s", fmt.Sprintf("noticed, its model unloaded and the next request answered after %.1f s", took.Seconds()))
	})

	t.Run("WhoWaitsGoesToAnotherEngine", func(t *testing.T) {
		t.Parallel()
		one, two := backendstest.New(t), backendstest.New(t)
		c := prepare(t, slices.Concat(settings, []string{"engines.discover=false", "engines.order=one, two",
			"engines.list=one=ollama " + one.URL + ", two=ollama " + two.URL})...)
		c.start()
		c.await("both are up", func() error {
			var h struct{ Engines []struct{ Health string } }
			if err := c.health(&h); err != nil || len(h.Engines) != 2 || h.Engines[0].Health != "up" || h.Engines[1].Health != "up" {
				return fmt.Errorf("%+v %w", h, err)
			}
			return nil
		})
		c.warm(one)
		one.Wedge("tiny")
		var inside []<-chan reply
		for _, nonce := range []string{"a", "b"} {
			inside = append(inside, c.ask("/api/generate", generate("tiny", nonce)))
		}
		c.await("they are in the engine", func() error {
			if n := one.Running(); n != 2 {
				return fmt.Errorf("%d", n)
			}
			return nil
		})
		waits := c.ask("/api/generate", generate("tiny", "c"))
		if r := <-waits; r.status != http.StatusOK || r.engine != "two" || !strings.Contains(r.body, "c ") {
			t.Errorf("who waited: %+v", r)
		}
		for _, a := range inside {
			if r := <-a; r.status != http.StatusGatewayTimeout {
				t.Errorf("in the engine: %+v", r)
			}
		}
	})

	t.Run("WhereItCannotBeHealedItIsSaidAndNobodyHangs", func(t *testing.T) {
		t.Parallel()
		engine := backendstest.NewVLLM(t)
		engine.SetModels("tiny")
		c := begin(t, engine, slices.Concat(settings, []string{"gateway.first_token_timeout_s=2"})...)
		engine.Wedge("tiny")
		const chat = `{"model":"tiny","stream":true,"messages":[{"role":"user","content":"nonce:b"}]}`
		var all []<-chan reply
		for range 4 { // two get in, and their places are taken by two more
			all = append(all, c.ask("/v1/chat/completions", chat))
		}
		for _, a := range all {
			if r := <-a; r.status != http.StatusGatewayTimeout || !strings.Contains(r.body, `"code":"backend_timeout"`) {
				t.Errorf("%+v", r)
			}
		}
		last := c.ask("/v1/chat/completions", chat)
		c.said("it has stopped answering")
		c.said("it could not be unloaded")
		if text := c.do("status"); !strings.Contains(text, "it has stopped answering") {
			t.Errorf("status: %s", text)
		}
		if r := <-last; r.status != http.StatusGatewayTimeout {
			t.Errorf("%+v", r)
		}
		engine.Stop()
		engine.Start()
		c.await("it answers again", func() error {
			if r := <-c.ask("/v1/chat/completions", chat); r.status != http.StatusOK {
				return fmt.Errorf("%+v", r)
			}
			return nil
		})
		c.await("it is over", func() error {
			if all := c.healthProblems(); len(all) != 0 {
				return fmt.Errorf("%q", all)
			}
			return nil
		})
	})
}
