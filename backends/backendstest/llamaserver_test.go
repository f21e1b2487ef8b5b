package backendstest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLlamaServer(t *testing.T) {
	model := LlamaServerModels[0]

	t.Run("TellsOfItself", func(t *testing.T) {
		e := NewLlamaServer(t)
		wants(t, e, "GET", "/health", "", 200, `{"status":"ok"}`)
		wants(t, e, "GET", "/props", "", 200, `"total_slots":4`, `"n_ctx":4096`, `"model_alias":"`+model+`"`, `"model_path":"/models/`, `"chat_template"`, `"modalities":{"audio":false,"vision":false}`, `"build_info":"b`, `"is_sleeping":false`)
		e.SetSlots(8)
		e.SetContext(1024)
		wants(t, e, "GET", "/props", "", 200, `"total_slots":8`, `"n_ctx":1024`)
		wants(t, e, "GET", "/slots", "", 200, `"id":7`, `"is_processing":false`)
		wants(t, e, "GET", "/metrics", "", 200, "llamacpp:requests_processing 0\n", "llamacpp:requests_deferred 0\n")
		wants(t, e, "GET", "/v1/models", "", 200, `"owned_by":"llamacpp"`, `"n_ctx_train":131072`, `"n_params":8030261312`, `"size":1073741824`, `"models":[{`)
		wants(t, e, "GET", "/nothing", "", 404, `{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}`)
		e.SetQuirk(NoSlotsRoute, true)
		e.SetQuirk(NoMetrics, true)
		wants(t, e, "GET", "/slots", "", 501, `"not_supported_error"`)
		wants(t, e, "GET", "/metrics", "", 501, `"not_supported_error"`)
	})

	t.Run("AnswersNothingWhileItLoads", func(t *testing.T) {
		e := NewLlamaServer(t)
		e.SetLoading(true)
		for _, path := range []string{"/health", "/props", "/v1/models"} {
			wants(t, e, "GET", path, "", 503, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`)
		}
		wants(t, e, "POST", "/v1/chat/completions", talk(model, "hi", ""), 503, `"Loading model"`)
		e.SetLoading(false)
		wants(t, e, "GET", "/health", "", 200)
	})

	t.Run("AnswersAnyModelAndTellsItsTimes", func(t *testing.T) {
		e := NewLlamaServer(t)
		wants(t, e, "POST", "/v1/chat/completions", talk("gpt-4", "nonce:abc", ""), 200, `"model":"`+model+`"`, `"timings":{"cache_n":0`, `"predicted_n":8`, `"prompt_n":1`)
		_, body := fetch(t, e, "POST", "/v1/chat/completions", "", talk(model, "nonce:abc", `,"stream":true`))
		if !strings.HasPrefix(body, "data: ") || strings.Count(body, `"timings"`) != 1 || !strings.Contains(body, `"delta":{"content":null,"role":"assistant"}`) || strings.Contains(body, "usage") {
			t.Errorf("stream %s", body)
		}
	})

	t.Run("CompletesInItsOwnWay", func(t *testing.T) {
		e := NewLlamaServer(t)
		wants(t, e, "POST", "/completion", `{"prompt":"nonce:abc","n_predict":3}`, 200, `"content":"abc abc abc "`, `"stop":true`, `"stop_type":"limit"`, `"tokens_predicted":3`, `"timings"`)
		_, body := fetch(t, e, "POST", "/completion", "", `{"prompt":"nonce:abc","stream":true}`)
		if strings.Contains(body, "[DONE]") || strings.Count(body, `"stop":false`) != 8 || strings.Count(body, `"stop":true`) != 1 || !strings.HasPrefix(body, "data: {") {
			t.Errorf("stream %s", body)
		}
		wants(t, e, "POST", "/completion", `{"prompt":"x","json_schema":{"type":"integer","minimum":7}}`, 200, `"content":"7"`)
		wants(t, e, "POST", "/completion", `{}`, 400, `"invalid_request_error"`)
		wants(t, e, "POST", "/infill", `{"input_prefix":"nonce:abc","input_suffix":"end"}`, 200, `"content":"abc abc`)
		wants(t, e, "POST", "/infill", `{"input_prefix":"a"}`, 400, `input_suffix`)
		wants(t, e, "POST", "/tokenize", `{"content":"one two","with_pieces":true}`, 200, `"piece":"one "`)
		wants(t, e, "POST", "/apply-template", talk(model, "hello", ""), 200, `{"prompt":"hello `)
		wants(t, e, "POST", "/v1/messages/count_tokens", talk(model, "a b c", ""), 200, `{"input_tokens":3}`)
	})

	t.Run("EmbedsIfItWasStartedTo", func(t *testing.T) {
		e := NewLlamaServer(t)
		const refused = "{\"error\":{\"code\":501,\"message\":\"This server does not support embeddings. Start it with `--embeddings`\",\"type\":\"not_supported_error\"}}"
		wants(t, e, "POST", "/v1/embeddings", `{"input":"a"}`, 501, refused)
		wants(t, e, "POST", "/embedding", `{"content":"a"}`, 501, refused)
		e.SetEmbeddings(true)
		wants(t, e, "POST", "/v1/embeddings", `{"input":"a"}`, 200, `"object":"list"`, vector("a"))
		wants(t, e, "POST", "/embedding", `{"content":"a"}`, 200, `[{"embedding":[`+vector("a")+`],"index":0}]`)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, "hi", ""), 200)
		e.SetQuirk(OnlyEmbeddings, true)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, "hi", ""), 501, "does not support completions")
	})

	t.Run("RefusesWhatIsTooLong", func(t *testing.T) {
		e := NewLlamaServer(t)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, long, `,"stream":true`), 400, `"type":"exceed_context_size_error"`, `"n_prompt_tokens":5000`, `"n_ctx":4096`)
		wants(t, e, "POST", "/v1/chat/completions", `{"model":"x"}`, 400, `"invalid_request_error"`)
		wants(t, e, "POST", "/v1/chat/completions", `nonsense`, 400, `"invalid_request_error"`)
	})

	t.Run("AsksForItsKeyWhereItIsNotPublic", func(t *testing.T) {
		e := NewLlamaServer(t)
		e.SetKey("secret")
		wants(t, e, "GET", "/health", "", 200)
		wants(t, e, "GET", "/v1/models", "", 200)
		wants(t, e, "GET", "/props", "", 401, `{"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}}`)
		wants(t, e, "POST", "/v1/chat/completions", talk(model, "hi", ""), 401)
		if status, _ := fetch(t, e, "POST", "/v1/chat/completions", "Bearer secret", talk(model, "hi", "")); status != 200 {
			t.Errorf("with the key: %d", status)
		}
	})

	t.Run("BreaksAStreamInTwoWays", func(t *testing.T) {
		e := NewLlamaServer(t)
		e.Always(Script{End: Error, At: 2, Error: "boom"})
		_, body := fetch(t, e, "POST", "/v1/chat/completions", "", talk(model, "nonce:abc", `,"stream":true`))
		if strings.Count(body, "abc ") != 2 || !strings.HasSuffix(body, `data: {"error":{"code":500,"message":"boom","type":"server_error"}}`+"\n\n") {
			t.Errorf("newer: %s", body)
		}
		e.SetQuirk(ErrorField, true)
		_, body = fetch(t, e, "POST", "/v1/chat/completions", "", talk(model, "nonce:abc", `,"stream":true`))
		if !strings.HasSuffix(body, `error: {"code":500,"message":"boom","type":"server_error"}`+"\n\ndata: [DONE]\n\n") {
			t.Errorf("older: %s", body)
		}
	})

	t.Run("Sleeps", func(t *testing.T) {
		e := NewLlamaServer(t)
		e.SetSleeping(true)
		wants(t, e, "GET", "/props", "", 200, `"is_sleeping":true`)
		if !e.Sleeping() {
			t.Error("a probe woke it")
		}
		wants(t, e, "POST", "/v1/chat/completions", talk(model, "hi", ""), 200)
		if e.Sleeping() {
			t.Error("a chat did not wake it")
		}
	})

	t.Run("Routes", func(t *testing.T) {
		e := NewLlamaServer(t)
		e.SetRouter(true)
		e.SetModels("a", "b")
		e.SetLoaded("a")
		wants(t, e, "GET", "/props", "", 200, `"role":"router"`)
		wants(t, e, "GET", "/v1/models", "", 200, `"id":"a"`, `"status":{"value":"loaded"}`, `"status":{"value":"unloaded"}`)
		wants(t, e, "POST", "/v1/chat/completions", talk("c", "hi", ""), 400, "model 'c' not found")
		wants(t, e, "POST", "/v1/chat/completions", talk("b", "hi", ""), 200, `"model":"b"`)
		wants(t, e, "POST", "/models/unload", `{"model":"a"}`, 200, `{"success":true}`)
		wants(t, e, "POST", "/models/load", `{"model":"c"}`, 404)
		if got := e.Loaded(); len(got) != 1 || got[0] != "b" {
			t.Errorf("loaded %v", got)
		}
	})

	t.Run("DefersWhatHasNoSlot", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := NewLlamaServerInMemory(t)
			e.SetSlots(1)
			e.Always(Script{End: Stall, At: 1})
			ctx, cancel := context.WithCancel(t.Context())
			send := func(ctx context.Context) {
				req, err := http.NewRequestWithContext(ctx, "POST", e.URL+"/v1/chat/completions", strings.NewReader(talk(model, "nonce:abc", `,"stream":true`)))
				if err != nil {
					t.Error(err)
					return
				}
				if resp, err := e.Transport().RoundTrip(req); err == nil {
					<-ctx.Done()
					_ = resp.Body.Close()
				}
			}
			short, end := context.WithTimeout(t.Context(), time.Second)
			defer end()
			go send(ctx)
			synctest.Wait()
			go send(short)
			synctest.Wait()
			wants(t, e, "GET", "/metrics", "", 200, "llamacpp:requests_processing 1\n", "llamacpp:requests_deferred 1\n")
			wants(t, e, "GET", "/slots?fail_on_no_slot=1", "", 503, "no slot available")
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if busy, waiting := e.Busy(); busy != 1 || waiting != 0 || e.Canceled() != 1 {
				t.Errorf("busy %d, waiting %d, canceled %d", busy, waiting, e.Canceled())
			}
			cancel()
			synctest.Wait()
			if busy, _ := e.Busy(); busy != 0 {
				t.Errorf("busy %d", busy)
			}
		})
	})
}
