//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"carpool/backends/backendstest"
)

// The dialects that an error has to be told in, with an answer that has a few
// tokens in each.
var dialects = []struct {
	path   string
	body   string // of a model and a prompt
	mark   string // ends a good stream
	broken string // is in an error
}{
	{"/api/chat", `{"model":%q,"messages":[{"role":"user","content":%q}]}`, `"done":true`, `{"error":"`},
	{"/v1/chat/completions", `{"model":%q,"stream":true,"messages":[{"role":"user","content":%q}]}`, "[DONE]", `"error":{`},
	{"/v1/responses", `{"model":%q,"stream":true,"input":%q}`, "response.completed", `error`},
	{"/v1/messages", `{"model":%q,"stream":true,"max_tokens":24,"messages":[{"role":"user","content":%q}]}`, "message_stop", `"type":"error"`},
}

// tokenTime is between tokens, so that what comes after the first one is too late to
// be told in the status.
const tokenTime = 20 * time.Millisecond

// misbehaves has the engine treat the next request of each dialect by a script, and
// looks at what the client gets. A good answer follows each time: an engine that
// only fails is left alone for a while.
func (c *cell) misbehaves(s backendstest.Script, check func(path, mark, broken string, status int, text string)) {
	c.Helper()
	for _, d := range dialects {
		c.scripted.Script(s)
		status, text := c.send(c.behind.url, d.path, fmt.Sprintf(d.body, c.model, "hello "+d.path))
		check(d.path, d.mark, d.broken, status, text)
		if status, text := c.send(c.behind.url, d.path, fmt.Sprintf(d.body, c.model, "hello once more")); status != http.StatusOK || !strings.Contains(text, d.mark) {
			c.Errorf("%s, and then: %d %s", d.path, status, text)
		}
	}
}

// brokeBy is what a client is told of an engine's failure: what the engine said, if
// it says anything.
func (c *cell) brokeBy() string {
	if c.lacks("words for failures") {
		return "the engine could not go on"
	}
	return "it broke"
}

func faultRows() []capability {
	return []capability{
		{"unknown model", func(c *cell) {
			for _, d := range dialects {
				status, text := c.send(c.pool.url, d.path, fmt.Sprintf(d.body, "nobody", "hello"))
				if c.lacks("unknown models") && status == http.StatusOK {
					c.without("it answers whatever name with its one model")
				}
				if status != http.StatusNotFound || !strings.Contains(text, "error") || !strings.Contains(text, "nobody") {
					c.Errorf("%s: %d %s", d.path, status, text)
				}
			}
		}},
		{"prompt larger than the context", func(c *cell) {
			long := strings.Repeat("water ", 5000)
			ask := marshal(c, &api.ChatRequest{Model: c.Chat, Messages: asked(long), Options: told(), Truncate: &off})
			try := func() {
				status, text := c.send(c.pool.url, "/api/chat", ask)
				if (c.name == "Ollama as OpenAI" || c.lacks("refusals of long prompts")) && status == http.StatusOK {
					c.without("such a prompt is cut in silence")
				}
				var told struct{ Error string }
				if err := json.Unmarshal([]byte(text), &told); err != nil || status != http.StatusBadRequest || told.Error == "" {
					c.Errorf("%d %s", status, text)
				}
			}
			try()
			c.quirky(try, backendstest.SilentOverflow, backendstest.FlatErrors)
		}},
		{"model that has to load first", func(c *cell) {
			switch c.pool.kind {
			case "ollama":
				if err := c.ollama().Generate(c.Context(), &api.GenerateRequest{Model: c.Chat, KeepAlive: &api.Duration{}}, func(api.GenerateResponse) error { return nil }); err != nil {
					c.Fatal(err)
				}
			case "llamacpp":
				c.scripted.Script(backendstest.Script{Status: http.StatusServiceUnavailable, Error: "Loading model"})
			case "lmstudio":
				c.scripted.SetLoaded()
			}
			c.say("hello again", told())
		}},
		{"error inside a 200", func(c *cell) {
			c.misbehaves(backendstest.Script{End: backendstest.Error, At: 0, Error: "it broke"}, func(path, mark, _ string, status int, text string) {
				if status < 500 || !strings.Contains(text, c.brokeBy()) || strings.Contains(text, mark) {
					c.Errorf("%s: %d %s", path, status, text)
				}
			})
		}},
		{"error in the middle", func(c *cell) {
			try := func() {
				c.misbehaves(backendstest.Script{End: backendstest.Error, At: 3, Error: "it broke", Tokens: 6, Every: tokenTime}, func(path, mark, broken string, status int, text string) {
					text, _, _ = strings.Cut(text, mark) // vLLM says [DONE] after an error, too
					text = strings.ReplaceAll(text, `": {`, `":{`)
					if status != http.StatusOK || !strings.Contains(text, broken) || !strings.Contains(text, c.brokeBy()) {
						c.Errorf("%s: %d %s", path, status, text)
					}
				})
			}
			try()
			c.quirky(try, backendstest.ErrorField)
		}},
		{"missing end mark", func(c *cell) {
			c.misbehaves(backendstest.Script{End: backendstest.NoMark, Tokens: 3, Every: tokenTime}, func(path, mark, broken string, status int, text string) {
				if status != http.StatusOK || !strings.Contains(text, broken) || strings.Contains(text, mark) {
					c.Errorf("%s: %d %s", path, status, text)
				}
			})
		}},
		{"connection lost", func(c *cell) {
			c.misbehaves(backendstest.Script{End: backendstest.Reset, At: 3, Tokens: 6, Every: tokenTime}, func(path, mark, broken string, status int, text string) {
				if status != http.StatusOK || !strings.Contains(text, broken) || strings.Contains(text, mark) {
					c.Errorf("%s: %d %s", path, status, text)
				}
			})
		}},
		{"a client's leaving reaches the engine", func(c *cell) {
			for _, d := range dialects {
				c.leaves(d.path, d.body)
			}
		}},
	}
}

// leaves asks for a long answer, goes away with its first bytes, and waits until
// the engine has heard of it.
func (c *cell) leaves(path, body string) {
	c.Helper()
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	var asked map[string]any
	if err := json.Unmarshal(fmt.Appendf(nil, body, c.Slow, "a long story"), &asked); err != nil {
		c.Fatal(err)
	}
	switch path {
	case "/api/chat":
		asked["options"] = map[string]any{"num_predict": manyTokens}
	case "/v1/responses":
		asked["max_output_tokens"] = manyTokens
	default:
		asked["max_tokens"] = manyTokens
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.pool.url+path, strings.NewReader(marshal(c, asked)))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.RoundTrip(r)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	first := make([]byte, 256)
	n, err := answer.Body.Read(first)
	if err != nil || answer.StatusCode != http.StatusOK {
		c.Fatalf("%s: %s %s, %v", path, answer.Status, first[:n], err)
	}
	if now, _, _ := c.pool.meter.counts(); now != 1 {
		c.Errorf("%s: the engine works on %d requests, want 1", path, now)
	}
	cancel()
	c.pool.left++
	if err := poll(c.Context(), 10*time.Second, engineFree(c.pool)); err != nil {
		c.Errorf("%s: the engine's request went on: %v", path, err)
	}
}

func marshal(c *cell, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		c.Fatal(err)
	}
	return string(b)
}
