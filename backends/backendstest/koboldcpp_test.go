package backendstest

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestKoboldCPP(t *testing.T) {
	t.Run("TellsOfItself", func(t *testing.T) {
		e := NewKoboldCPP(t)
		e.SetContext(8192)
		wants(t, e, "GET", "/api/extra/version", "", 200, `"result":"KoboldCpp"`, `"version":"1.120"`, `"protected":false`, `"llm":true`)
		wants(t, e, "GET", "/api/v1/model", "", 200, `{"result":"koboldcpp/tiny-Q4_K_M"}`)
		wants(t, e, "GET", "/api/extra/true_max_context_length", "", 200, `{"value":8192}`)
		wants(t, e, "GET", "/v1/models", "", 200, `"owned_by":"koboldcpp"`)
		wants(t, e, "GET", "/api/tags", "", 200, `"family":"koboldcpp"`)
		wants(t, e, "GET", "/props", "", 200, `"total_slots":1`, `"n_ctx":8192`)
		wants(t, e, "GET", "/api/extra/perf", "", 200, `"idle":1`, `"queue":0`)
		wants(t, e, "GET", "/nothing", "", 404, "this endpoint does not exist")
		e.SetModels()
		wants(t, e, "GET", "/api/extra/version", "", 200, `"llm":false`)
		wants(t, e, "GET", "/v1/models", "", 200, `"id":"inactive"`)
	})

	t.Run("HasADialectOfItsOwn", func(t *testing.T) {
		e := NewKoboldCPP(t)
		wants(t, e, "POST", "/api/v1/generate", `{"prompt":"nonce:abc","max_length":3}`, 200, `{"results":[{`, `"text":"abc abc abc "`, `"finish_reason":"length"`, `"completion_tokens":3`, `"prompt_tokens":1`)
		_, body := fetch(t, e, "POST", "/api/extra/generate/stream", "", `{"prompt":"nonce:abc"}`)
		const token = "event: message\ndata: {\"token\": \"abc \", \"finish_reason\": null}\n\n"
		if body != strings.Repeat(token, 8)+"event: message\ndata: {\"token\": \"\", \"finish_reason\": \"stop\"}\n\n" {
			t.Errorf("%q", body)
		}
		wants(t, e, "POST", "/api/v1/generate", `nonsense`, 500, `{"detail":{"msg":"Error parsing input.","type":"bad_input"}}`)
		e.Script(Script{End: Error, At: 1})
		if _, body := fetch(t, e, "POST", "/api/extra/generate/stream", "", `{"prompt":"nonce:abc"}`); body != token+"event: message\ndata: {\"token\": \"\", \"finish_reason\": \"error\"}\n\n" {
			t.Errorf("%q", body)
		}
	})

	t.Run("WorksForARequestForNothing", func(t *testing.T) {
		e := NewKoboldCPP(t)
		for _, path := range []string{"/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/generate", "/api/v1/generate"} {
			if status, body := fetch(t, e, "POST", path, "", "{}"); status != 200 || strings.Count(body, "word") < longest {
				t.Errorf("%s: %d, %d words", path, status, strings.Count(body, "word"))
			}
		}
	})

	t.Run("WantsItsPasswordToGenerate", func(t *testing.T) {
		e := NewKoboldCPP(t)
		e.SetKey("secret")
		wants(t, e, "GET", "/api/extra/version", "", 200, `"protected":true`)
		wants(t, e, "GET", "/api/v1/model", "", 200, `koboldcpp/protected-model`)
		wants(t, e, "POST", "/api/v1/generate", `{"prompt":"a"}`, 401, `"unauthorized"`)
		if status, body := fetch(t, e, "POST", "/api/v1/generate", "Bearer secret", `{"prompt":"a"}`); status != 200 {
			t.Errorf("%d %s", status, body)
		}
	})

	t.Run("HearsOnlyInAStreamThatItsClientHasLeft", func(t *testing.T) {
		for path, want := range map[string]int{"/api/extra/generate/stream": 0, "/api/v1/generate": 1} {
			e := NewKoboldCPP(t)
			e.Hold()
			left := make(chan Event, 8)
			e.Watch(func(v Event) { left <- v })
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL+path, strings.NewReader(`{"prompt":"a"}`))
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if resp, err := e.Transport().RoundTrip(req); err == nil {
					_ = resp.Body.Close()
				}
			}()
			held := e.Next()
			cancel()
			<-done
			last := Left
			if want == 0 {
				last = Ended
			}
			for v := range left {
				if v.What == last {
					break
				}
			}
			if n := e.Running(); want == 1 && n != 1 {
				t.Errorf("%s: %d in the engine, want %d", path, n, want)
			}
			held.Release()
		}
	})
}
