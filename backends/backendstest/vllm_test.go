package backendstest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func TestVLLM(t *testing.T) {
	model := VLLMModels[0]

	t.Run("TellsOfItself", func(t *testing.T) {
		e := NewVLLM(t)
		if status, body := fetch(t, e, "GET", "/health", "", ""); status != 200 || body != "" {
			t.Errorf("health: %d %q", status, body)
		}
		wants(t, e, "GET", "/version", "", 200, `{"version":"0.11.0"}`)
		e.SetContext(8192)
		wants(t, e, "GET", "/v1/models", "", 200, `"owned_by":"vllm"`, `"max_model_len":8192`, `"id":"`+model+`"`)
		wants(t, e, "GET", "/metrics", "", 200, `vllm:num_requests_running{engine="0",model_name="`+model+`"} 0.0`, "vllm:num_requests_waiting{", "vllm:kv_cache_usage_perc{")
		wants(t, e, "GET", "/openapi.json", "", 200, `"/v1/chat/completions":{"post"`, `"/v1/messages"`, `"/version":{"get"`)
		e.SetMessages(false)
		if _, body := fetch(t, e, "GET", "/openapi.json", "", ""); strings.Contains(body, "/v1/messages") {
			t.Errorf("lists what it does not have: %s", body)
		}
	})

	t.Run("KnowsItsModels", func(t *testing.T) {
		e := NewVLLM(t)
		c := openai.NewClient(option.WithBaseURL(e.URL+"/v1"), option.WithAPIKey("none"), option.WithHTTPClient(&http.Client{Transport: e.Transport()}), option.WithMaxRetries(0))
		_, err := c.Chat.Completions.New(t.Context(), says("nope", "hi"))
		var failed *openai.Error
		if !errors.As(err, &failed) || failed.StatusCode != 404 || failed.Message != "The model `nope` does not exist." || failed.Type != "NotFoundError" {
			t.Errorf("unknown: %v", err)
		}
		wants(t, e, "POST", "/v1/embeddings", `{"model":"`+model+`","input":"a"}`, 400, "The model does not support Embeddings API")
		e.SetModels("embed-small")
		wants(t, e, "POST", "/v1/chat/completions", talk("embed-small", "hi", ""), 400, "The model does not support Chat Completions API")
		wants(t, e, "POST", "/v1/embeddings", `{"input":"a"}`, 200, vector("a"))
	})

	t.Run("HasErrorsOfTwoShapes", func(t *testing.T) {
		e := NewVLLM(t)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, long, ""), 400, `{"error":{"code":400,"message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (5000 in the messages, 0 in the completion).`, `"param":null,"type":"BadRequestError"}}`)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, "hi", `,"max_tokens":4096`), 400, "you requested 4097 tokens (1 in the messages, 4096 in the completion)")
		wants(t, e, "POST", "/v1/chat/completions", `{"model":"`+model+`"}`, 400, `"BadRequestError"`)
		wants(t, e, "GET", "/nothing", "", 404, `{"error":{"code":404,"message":"Not Found"`)
		wants(t, e, "GET", "/v1/chat/completions", "", 405, `"Method Not Allowed"`)
		e.SetQuirk(FlatErrors, true)
		wants(t, e, "POST", "/v1/chat/completions", talk("nope", "hi", ""), 404, `"object":"error"`, `"code":404`, `"type":"NotFoundError"`)
		resp, body, err := ask(e, "/v1/chat/completions", talk(model, "hi", ""))
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("%v %s", err, body)
		}
	})

	t.Run("TakesOnlyJSON", func(t *testing.T) {
		e := NewVLLM(t)
		resp, err := (&http.Client{Transport: e.Transport()}).Post(e.URL+"/v1/chat/completions", "text/plain", strings.NewReader(talk(model, "hi", "")))
		if err != nil || resp.StatusCode != 400 {
			t.Fatalf("%v %v", resp, err)
		}
		_ = resp.Body.Close()
	})

	t.Run("AsksForItsKeyUnderV1", func(t *testing.T) {
		e := NewVLLM(t)
		e.SetKey("secret")
		wants(t, e, "GET", "/health", "", 200)
		wants(t, e, "GET", "/metrics", "", 200)
		wants(t, e, "GET", "/v1/models", "", 401, `{"error":"Unauthorized"}`)
		if status, _ := fetch(t, e, "GET", "/v1/models", "Bearer secret", ""); status != 200 {
			t.Errorf("with the key: %d", status)
		}
	})

	t.Run("BreaksAStreamAndStillMarksItsEnd", func(t *testing.T) {
		e := NewVLLM(t)
		e.Always(Script{End: Error, At: 2, Error: "boom"})
		_, body := fetch(t, e, "POST", "/v1/chat/completions", "", talk(model, "nonce:abc", `,"stream":true`))
		if strings.Count(body, "abc ") != 2 || !strings.Contains(body, `data: {"error":{"code":500,"message":"boom"`) || !strings.HasSuffix(body, "data: [DONE]\n\n") {
			t.Errorf("%s", body)
		}
	})

	t.Run("HasOtherVersions", func(t *testing.T) {
		e := NewVLLM(t)
		e.SetQuirk(ReasoningRenamed, true)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, "think", ""), 200, `"reasoning":"let me`)
		e.SetQuirk(NoAutoTools, true)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, "hi", `,"tools":[{"type":"function","function":{"name":"f"}}]`), 400, "requires --enable-auto-tool-choice")
	})
}
