package backendstest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// fetch sends a request with a header, if key is not empty, and returns status
// and body.
func fetch(t *testing.T, e *Engine, method, path, key, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, e.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", key)
	}
	resp, err := e.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// wants checks an answer.
func wants(t *testing.T, e *Engine, method, path, body string, status int, parts ...string) {
	t.Helper()
	got, text := fetch(t, e, method, path, "", body)
	if got != status {
		t.Errorf("%s %s: status %d, want %d: %s", method, path, got, status, text)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s %s: no %s in %s", method, path, part, text)
		}
	}
}

// talk is the body of a chat with one message.
func talk(model, message, more string) string {
	return `{"model":` + quote(model) + `,"messages":[{"role":"user","content":` + quote(message) + `}]` + more + `}`
}

// long is a prompt that is too long for any engine.
var long = strings.Repeat("word ", 5000)

func TestLMStudio(t *testing.T) {
	model, other, vectors := LMStudioModels[0], LMStudioModels[1], LMStudioModels[2]

	t.Run("ListsItsModelsAndWhichAreLoaded", func(t *testing.T) {
		e := NewLMStudio(t)
		wants(t, e, "GET", "/v1/models", "", 200, `"object":"list"`, `"id":"`+vectors+`"`)
		wants(t, e, "GET", "/api/v0/models", "", 200, `"type":"vlm"`, `"type":"embeddings"`, `"state":"loaded"`, `"state":"not-loaded"`, `"max_context_length":2048`)
		wants(t, e, "GET", "/api/v0/models/"+model, "", 200, `"state":"loaded"`, `"compatibility_type":"gguf"`, `"publisher":"openai"`)
		wants(t, e, "GET", "/api/v0/models/nope", "", 404, `"error"`)
		e.Describe(Model{Name: model, Tools: true, Size: 77, Params: "20B", Format: "mlx"})
		_, body := fetch(t, e, "GET", "/api/v1/models", "", "")
		var list struct {
			Models []struct {
				Type, Key, Format string
				Size              int64  `json:"size_bytes"`
				Params            string `json:"params_string"`
				Instances         []struct {
					ID     string
					Config struct {
						Context  int `json:"context_length"`
						Parallel int
					}
				} `json:"loaded_instances"`
				Capabilities *struct {
					Vision bool
					Tools  bool `json:"trained_for_tool_use"`
				}
			}
		}
		if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Models) != 3 {
			t.Fatalf("%v %s", err, body)
		}
		first, last := list.Models[0], list.Models[2]
		if first.Key != model || first.Type != "llm" || first.Size != 77 || first.Params != "20B" || first.Format != "mlx" || !first.Capabilities.Tools || first.Capabilities.Vision || !list.Models[1].Capabilities.Vision {
			t.Errorf("first %+v", first)
		}
		if len(first.Instances) != 1 || first.Instances[0].Config.Context != 4096 || first.Instances[0].Config.Parallel != 4 || first.Instances[0].ID != model {
			t.Errorf("instances %+v", first.Instances)
		}
		if last.Type != "embedding" || last.Capabilities != nil || last.Instances == nil || len(last.Instances) != 0 {
			t.Errorf("last %+v", last)
		}
	})

	t.Run("LoadsOnDemandAndWhenAsked", func(t *testing.T) {
		e := NewLMStudio(t)
		wants(t, e, "POST", "/v1/chat/completions", talk(other, "hi", ""), 200, `"model":"`+other+`"`)
		wants(t, e, "GET", "/api/v0/models/"+other, "", 200, `"state":"loaded"`)
		wants(t, e, "POST", "/api/v1/models/unload", `{"instance_id":"`+other+`"}`, 200, `{"instance_id":"`+other+`"}`)
		wants(t, e, "GET", "/api/v0/models/"+other, "", 200, `"state":"not-loaded"`)
		wants(t, e, "POST", "/api/v1/models/unload", `{"instance_id":"`+other+`"}`, 404, `"model_not_found"`)
		wants(t, e, "POST", "/api/v1/models/load", `{"model":"`+other+`","context_length":8192,"echo_load_config":true}`, 200, `"status":"loaded"`, `"type":"llm"`, `"context_length":8192`)
		wants(t, e, "POST", "/api/v1/models/load", `{"model":"nope"}`, 404, `"model_not_found"`)
		if got := e.Loaded(); len(got) != 2 || got[1] != other {
			t.Errorf("loaded %v", got)
		}
	})

	t.Run("TellsItsStatsUnderV0", func(t *testing.T) {
		e := NewLMStudio(t)
		for _, path := range []string{"/api/v0/chat/completions", "/api/v0/completions"} {
			wants(t, e, "POST", path, talk(model, "hi", `,"prompt":"hi","max_tokens":2`), 200,
				`"stop_reason":"maxPredictedTokensReached"`, `"model_info":{"arch":"llama","context_length":4096,"format":"gguf","quant":"Q4_K_M"}`, `"runtime":{"name":`)
			_, body := fetch(t, e, "POST", path, "", talk(model, "hi", `,"prompt":"hi","stream":true`))
			if strings.Count(body, `"stats"`) != 1 || !strings.HasSuffix(body, "data: [DONE]\n\n") {
				t.Errorf("stream %s", body)
			}
		}
		wants(t, e, "POST", "/api/v0/embeddings", `{"model":"`+vectors+`","input":"a b"}`, 200, `"usage":{"prompt_tokens":0,"total_tokens":0}`)
		e.SetQuirk(NeverCounts, false)
		wants(t, e, "POST", "/api/v0/embeddings", `{"model":"`+vectors+`","input":"a b"}`, 200, `"prompt_tokens":2`)
	})

	t.Run("ChatsInItsOwnWay", func(t *testing.T) {
		e := NewLMStudio(t)
		wants(t, e, "POST", "/api/v1/chat", `{"model":"`+model+`","input":"nonce:abc","max_output_tokens":2}`, 200,
			`"output":[{"content":"abc abc ","type":"message"}]`, `"total_output_tokens":2`, `"model_instance_id":"`+model+`"`, `"response_id":"resp_`)
		wants(t, e, "POST", "/api/v1/chat", `{"model":"`+model+`","input":[{"type":"text","content":"see"},{"type":"image","data_url":"data:image/png;base64,MTIz"}]}`, 200, "image of 3 bytes")
		_, body := fetch(t, e, "POST", "/api/v1/chat", "", `{"model":"`+other+`","input":"nonce:abc think","stream":true}`)
		at := 0
		for _, want := range []string{"chat.start", "model_load.start", "model_load.end", "prompt_processing.start", "prompt_processing.end", "reasoning.start", "reasoning.delta", "reasoning.end", "message.start", "message.delta", "message.end", "chat.end"} {
			i := strings.Index(body[at:], "event: "+want+"\ndata: {")
			if i < 0 {
				t.Fatalf("no %s after %d in %s", want, at, body)
			}
			at += i
		}
		e.Script(Script{End: Error, At: 2})
		if _, body := fetch(t, e, "POST", "/api/v1/chat", "", `{"model":"`+model+`","input":"nonce:abc","stream":true}`); strings.Contains(body, "model_load") || strings.Count(body, "message.delta\n") != 2 || !strings.Contains(body, "event: error\n") || !strings.Contains(body, "event: chat.end\n") {
			t.Errorf("broken: %s", body)
		}
	})

	t.Run("AnswersAnyModelWithTheLoadedOne", func(t *testing.T) {
		e := NewLMStudio(t)
		wants(t, e, "POST", "/v1/chat/completions", talk("gpt-4", "hi", ""), 200, `"model":"`+model+`"`)
		wants(t, e, "POST", "/v1/embeddings", `{"model":"gpt-4","input":"a"}`, 400, `"model_not_found"`)
		e.SetLoaded()
		wants(t, e, "POST", "/v1/chat/completions", talk("gpt-4", "hi", ""), 400, `"code":"model_not_found"`)
		e.SetLoaded(model)
		e.SetQuirk(AnswersAnyModel, false)
		wants(t, e, "POST", "/v1/chat/completions", talk("gpt-4", "hi", ""), 400, `"code":"model_not_found"`)
	})

	t.Run("NamesTheRoleWithTheFirstToken", func(t *testing.T) {
		e := NewLMStudio(t)
		_, body := fetch(t, e, "POST", "/v1/chat/completions", "", talk(model, "nonce:abc", `,"stream":true`))
		if !strings.HasPrefix(body, `data: {"choices":[{"delta":{"content":"abc ","role":"assistant"}`) || strings.Count(body, "assistant") != 1 {
			t.Error(body)
		}
	})

	t.Run("SaysUnknownPathsInA200", func(t *testing.T) {
		e := NewLMStudio(t)
		wants(t, e, "GET", "/x", "", 200, `{"error":"Unexpected endpoint or method. (GET /x)"}`)
		wants(t, e, "GET", "/v1/chat/completions", "", 200, `(GET /v1/chat/completions)`)
		wants(t, e, "GET", "/api/version", "", 200, `{"error":`)
	})

	t.Run("OverflowsInA200", func(t *testing.T) {
		e := NewLMStudio(t)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, long, ""), 400, `{"error":"Trying to keep the first 5000 tokens`)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, long, `,"stream":true`), 200, "event: error\ndata: {\"error\":{\"message\":\"Trying to keep")
		e.SetQuirk(SilentOverflow, true)
		_, body := fetch(t, e, "POST", "/v1/chat/completions", "", talk(model, long, `,"stream":true`))
		if strings.Contains(body, "content") || strings.Contains(body, "error") || !strings.Contains(body, `"finish_reason":"stop"`) || !strings.HasSuffix(body, "data: [DONE]\n\n") {
			t.Errorf("silent: %s", body)
		}
		e.SetContext(6000)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, long, ""), 200, `"prompt_tokens":5000`)
	})

	t.Run("AsksForItsToken", func(t *testing.T) {
		e := NewLMStudio(t)
		e.SetKey("sk-lm-secret")
		for _, path := range []string{"/v1/models", "/api/v1/models", "/x"} {
			if status, body := fetch(t, e, "GET", path, "", ""); status != 401 || !strings.Contains(body, `"code":"invalid_api_key"`) || !strings.Contains(body, "token is required") {
				t.Errorf("%s: %d %s", path, status, body)
			}
			if status, body := fetch(t, e, "GET", path, "Bearer wrong", ""); status != 401 || !strings.Contains(body, "Malformed") {
				t.Errorf("%s: %d %s", path, status, body)
			}
			if status, _ := fetch(t, e, "GET", path, "Bearer sk-lm-secret", ""); status != 200 {
				t.Errorf("%s: %d", path, status)
			}
		}
	})

	t.Run("HasSlotsForEachModel", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := NewLMStudioInMemory(t)
			e.SetSlots(2)
			go1 := make(chan struct{})
			e.Always(Script{Until: go1})
			var asked sync.WaitGroup
			for _, name := range []string{model, model, model, other} {
				asked.Go(func() {
					if _, body, err := ask(e, "/v1/chat/completions", talk(name, "nonce:abc", `,"stream":true`)); err != nil || !strings.Contains(body, "[DONE]") {
						t.Errorf("%v %s", err, body)
					}
				})
				synctest.Wait()
			}
			if busy, waiting := e.Busy(); busy != 3 || waiting != 1 || e.Running() != 4 {
				t.Errorf("busy %d, waiting %d, running %d", busy, waiting, e.Running())
			}
			close(go1)
			asked.Wait()
			synctest.Wait()
			if busy, waiting := e.Busy(); busy != 0 || waiting != 0 {
				t.Errorf("busy %d, waiting %d", busy, waiting)
			}
		})
	})
}
