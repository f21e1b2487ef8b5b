package backends

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carpool/backends/sim"

	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

var demoURL = &url.URL{Scheme: "http", Host: "demo"}

// demo runs a test against a demo engine in virtual time.
func demo(t *testing.T, o DemoOptions, test func(t *testing.T, d *Demo)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := NewDemo(o)
		defer func() {
			d.Close()
			synctest.Wait() // a connection that was being made becomes idle only now
			d.transport.CloseIdleConnections()
		}()
		test(t, d)
	})
}

func ollamaClient(d *Demo) *api.Client {
	return api.NewClient(demoURL, &http.Client{Transport: d.Transport()})
}

func openaiClient(d *Demo) openai.Client {
	return openai.NewClient(option.WithBaseURL("http://demo/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: d.Transport()}))
}

// post sends a body and returns the answer, whose body the caller need not close.
func post(t *testing.T, d *Demo, path, body string) (*http.Response, string) {
	t.Helper()
	resp, err := (&http.Client{Transport: d.Transport()}).Post("http://demo"+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp, string(b)
}

func TestDemo(t *testing.T) {
	t.Run("StreamsAChatTokenByTokenToTheOllamaClient", func(t *testing.T) {
		demo(t, DemoOptions{Profile: sim.Profile{A: .1}}, func(t *testing.T, d *Demo) {
			var text strings.Builder
			var last api.ChatResponse
			var gaps []time.Duration
			began := time.Now()
			err := ollamaClient(d).Chat(t.Context(), &api.ChatRequest{
				Model:    DemoModel,
				Messages: []api.Message{{Role: "user", Content: strings.Repeat("hello ", 100)}},
				Options:  map[string]any{"num_predict": 30},
			}, func(r api.ChatResponse) error {
				gaps = append(gaps, time.Since(began))
				text.WriteString(r.Message.Content)
				last = r
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(text.String(), demoOpening) {
				t.Errorf("answer does not say that it is simulated: %q", text.String())
			}
			if len(gaps) != 31 || gaps[0] != 100*time.Millisecond || gaps[29] != 3*time.Second {
				t.Errorf("%d chunks, first after %v, last text after %v", len(gaps), gaps[0], gaps[29])
			}
			if !last.Done || last.DoneReason != "length" || last.EvalCount != 30 || last.PromptEvalCount != 150 ||
				last.TotalDuration != 3*time.Second || last.EvalDuration != 2900*time.Millisecond || last.PromptEvalDuration != 100*time.Millisecond {
				t.Errorf("last chunk %+v", last)
			}
		})
	})

	t.Run("AnswersInWholeSentencesWithoutALimit", func(t *testing.T) {
		demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
			for _, limit := range []int{0, -1, 8192} {
				stream := false
				var got api.GenerateResponse
				err := ollamaClient(d).Generate(t.Context(), &api.GenerateRequest{
					Model: DemoModel + ":latest", Prompt: "hello", Stream: &stream, Options: map[string]any{"num_predict": limit},
				}, func(r api.GenerateResponse) error { got = r; return nil })
				if err != nil {
					t.Fatal(err)
				}
				if got.DoneReason != "stop" || got.EvalCount < 60 || got.EvalCount > 110 || !strings.HasSuffix(got.Response, ".") {
					t.Errorf("limit %d: %d tokens, %s, %q", limit, got.EvalCount, got.DoneReason, got.Response)
				}
			}
		})
	})

	t.Run("GivesEqualRequestsEqualAnswersAndOthersOthers", func(t *testing.T) {
		demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
			ask := func(prompt string) string {
				_, body := post(t, d, "/v1/completions", `{"model":"carpool-demo","prompt":"`+prompt+`"}`)
				var c struct{ Choices []struct{ Text string } }
				if err := json.Unmarshal([]byte(body), &c); err != nil || len(c.Choices) != 1 {
					t.Fatalf("%v: %s", err, body)
				}
				return c.Choices[0].Text
			}
			if a, b := ask("one"), ask("one"); a != b {
				t.Errorf("equal prompts: %q and %q", a, b)
			}
			if a, b := ask("one"), ask("two"); a == b {
				t.Errorf("other prompts, equal answer %q", a)
			}
		})
	})

	t.Run("StreamsToTheOpenAIClient", func(t *testing.T) {
		demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
			c := openaiClient(d)
			s := c.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
				Model: DemoModel, MaxTokens: openai.Int(12),
				Messages:      []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello there, how are you")},
				StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
			})
			var acc openai.ChatCompletionAccumulator
			for s.Next() {
				acc.AddChunk(s.Current())
			}
			if s.Err() != nil {
				t.Fatal(s.Err())
			}
			if acc.Usage.CompletionTokens != 12 || acc.Usage.PromptTokens != 6 || acc.Choices[0].FinishReason != "length" ||
				!strings.HasPrefix(demoOpening, acc.Choices[0].Message.Content) {
				t.Errorf("answer %+v", acc.ChatCompletion)
			}
		})
	})

	t.Run("AnswersTheOpenAIClientInOnePieceByDefault", func(t *testing.T) {
		demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
			c := openaiClient(d)
			got, err := c.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{
				Model: DemoModel, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello")},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got.Choices[0].FinishReason != "stop" || got.Usage.CompletionTokens < 60 {
				t.Errorf("answer %+v", got)
			}
		})
	})

	t.Run("SpeaksResponses", func(t *testing.T) {
		demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
			c := openaiClient(d)
			ask := responses.ResponseNewParams{Model: DemoModel, MaxOutputTokens: openai.Int(9),
				Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("hello")}}
			whole, err := c.Responses.New(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			s := c.Responses.NewStreaming(t.Context(), ask)
			var last responses.ResponseStreamEventUnion
			for s.Next() {
				last = s.Current()
			}
			if s.Err() != nil {
				t.Fatal(s.Err())
			}
			if last.Type != "response.completed" || last.Response.OutputText() != whole.OutputText() || whole.Usage.OutputTokens != 9 {
				t.Errorf("whole %q, streamed %q ending in %s", whole.OutputText(), last.Response.OutputText(), last.Type)
			}
		})
	})

	t.Run("SpeaksMessages", func(t *testing.T) {
		demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
			const ask = `{"model":"carpool-demo","max_tokens":9,"messages":[{"role":"user","content":"hello"}]`
			_, whole := post(t, d, "/v1/messages", ask+`}`)
			if !strings.Contains(whole, `"type":"message"`) || !strings.Contains(whole, "This answer is simulated") {
				t.Errorf("whole: %s", whole)
			}
			resp, stream := post(t, d, "/v1/messages", ask+`,"stream":true}`)
			if resp.Header.Get("Content-Type") != "text/event-stream" ||
				!strings.HasPrefix(stream, "event: message_start\n") || !strings.Contains(stream, "event: message_stop\n") {
				t.Errorf("stream: %s", stream)
			}
		})
	})

	t.Run("EmbedsInEveryShape", func(t *testing.T) {
		demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
			native, err := ollamaClient(d).Embed(t.Context(), &api.EmbedRequest{Model: DemoModel, Input: []string{"a red car", "a red car", "seven ships"}})
			if err != nil {
				t.Fatal(err)
			}
			v := native.Embeddings
			if len(v) != 3 || dot(v[0], v[1]) < .999 || dot(v[0], v[2]) > .9 || native.PromptEvalCount != 6 {
				t.Errorf("embeddings of %d texts, %d tokens", len(v), native.PromptEvalCount)
			}
			c := openaiClient(d)
			other, err := c.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: DemoModel, Dimensions: openai.Int(32),
				Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a red car"}}})
			if err != nil {
				t.Fatal(err)
			}
			if len(other.Data) != 1 || len(other.Data[0].Embedding) != 32 {
				t.Errorf("embeddings %+v", other.Data)
			}
		})
	})

	t.Run("IsLabelledSimulated", func(t *testing.T) {
		demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
			c := ollamaClient(d)
			list, err := c.List(t.Context())
			if err != nil || len(list.Models) != 1 || list.Models[0].Details.Family != "simulated" {
				t.Errorf("list %+v, %v", list, err)
			}
			running, err := c.ListRunning(t.Context())
			if err != nil || len(running.Models) != 1 || running.Models[0].SizeVRAM == 0 {
				t.Errorf("running %+v, %v", running, err)
			}
			show, err := c.Show(t.Context(), &api.ShowRequest{Model: DemoModel})
			if err != nil || show.Details.Family != "simulated" {
				t.Errorf("show %+v, %v", show, err)
			}
			if version, err := c.Version(t.Context()); err != nil || !strings.Contains(version, "demo") {
				t.Errorf("version %q, %v", version, err)
			}
			if err := c.Heartbeat(t.Context()); err != nil {
				t.Error(err)
			}
		})
	})

	t.Run("RunsAsManyAsItHasSlots", func(t *testing.T) {
		demo(t, DemoOptions{Slots: 3}, func(t *testing.T, d *Demo) {
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					post(t, d, "/api/generate", `{"model":"carpool-demo","prompt":"hello"}`)
				})
			}
			all.Wait()
			if s := d.Stats(); s.PeakRunning != 3 || s.Peak != 8 || s.Served != 8 || s.Running != 0 {
				t.Errorf("stats %+v", s)
			}
			d.ResetPeak()
			post(t, d, "/api/generate", `{"model":"carpool-demo","prompt":"hello"}`)
			if s := d.Stats(); s.Peak != 1 {
				t.Errorf("peak %d after the reset, want 1", s.Peak)
			}
		})
	})

	t.Run("TakesTheTimeOfItsProfile", func(t *testing.T) {
		demo(t, DemoOptions{Profile: sim.Profile{Request: .05}, Slots: 8}, func(t *testing.T, d *Demo) {
			began := time.Now()
			var all sync.WaitGroup
			for range 32 {
				all.Go(func() {
					post(t, d, "/api/generate", `{"model":"carpool-demo","prompt":"hello","options":{"num_predict":1}}`)
				})
			}
			all.Wait()
			if took := time.Since(began); took != 200*time.Millisecond {
				t.Errorf("32 requests of 50 ms in 8 slots took %v, want 200ms", took)
			}
		})
	})

	t.Run("FreesTheSlotOfAClientThatLeaves", func(t *testing.T) {
		demo(t, DemoOptions{Slots: 1, Profile: sim.Profile{A: 1}}, func(t *testing.T, d *Demo) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "POST", "http://demo/api/generate", strings.NewReader(`{"model":"carpool-demo","prompt":"hello"}`))
			resp, err := d.Transport().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if s := d.Stats(); s.Running != 1 {
				t.Fatalf("stats %+v, want one running", s)
			}
			cancel()
			synctest.Wait()
			if s := d.Stats(); s.Running != 0 || s.Canceled != 1 {
				t.Errorf("stats %+v, want none running and one canceled", s)
			}
			_ = resp.Body.Close()
		})
	})

	t.Run("FailsItsRequestsWhenClosed", func(t *testing.T) {
		demo(t, DemoOptions{Profile: sim.Profile{A: 1}}, func(t *testing.T, d *Demo) {
			failed := make(chan error)
			go func() {
				resp, err := (&http.Client{Transport: d.Transport()}).Post("http://demo/api/generate", "", strings.NewReader(`{"model":"carpool-demo","prompt":"x"}`))
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				failed <- err
			}()
			time.Sleep(2500 * time.Millisecond)
			go d.Close()
			if err := <-failed; err == nil {
				t.Error("a stream that was cut ended as if complete")
			}
			if _, err := d.Transport().RoundTrip(must(http.NewRequest("GET", "http://demo/", nil))); err == nil {
				t.Error("a closed engine answered")
			}
		})
	})
}

func TestDemoRoutes(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string // in the body
	}{
		{"GET", "/", "", 200, "Ollama is running"},
		{"HEAD", "/", "", 200, ""},
		{"GET", "/api/status", "", 200, `"disabled":true`},
		{"POST", "/api/chat", `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, 404, `{"error":"model 'nope' not found"}`},
		{"POST", "/api/generate", `{"model":"nope"}`, 404, `{"error":"model 'nope' not found"}`},
		{"POST", "/api/embed", `{"model":"nope"}`, 404, `{"error":"model 'nope' not found"}`},
		{"POST", "/api/show", `{"model":"nope"}`, 404, `{"error":"model 'nope' not found"}`},
		{"POST", "/v1/chat/completions", `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, 404, `"message":"model 'nope' not found","type":"not_found_error","param":null,"code":null`},
		{"POST", "/v1/embeddings", `{"model":"nope","input":"x"}`, 404, `not_found_error`},
		{"POST", "/v1/messages", `{"model":"nope","max_tokens":3,"messages":[{"role":"user","content":"x"}]}`, 404, `{"type":"error","error":{"type":"not_found_error","message":"model 'nope' not found"}`},
		{"POST", "/v1/chat/completions", `{"model":"carpool-demo"}`, 400, "invalid_request_error"},
		{"POST", "/api/chat", `{`, 400, `{"error":"`},
		{"POST", "/api/chat", ``, 400, "missing request body"},
		{"POST", "/api/generate", `{"model":"carpool-demo"}`, 200, `"done_reason":"load"`},
		{"POST", "/api/generate", `{"model":"carpool-demo","keep_alive":0}`, 200, `"done_reason":"unload"`},
		{"POST", "/api/chat", `{"model":"carpool-demo"}`, 200, `"done":true`},
		{"POST", "/api/embed", `{"model":"carpool-demo","input":""}`, 200, `"embeddings":[]`},
		{"POST", "/api/embed", `{"model":"carpool-demo","input":7}`, 400, "invalid input"},
		{"POST", "/v1/embeddings", `{"model":"carpool-demo","input":""}`, 200, `"embedding":[`},
		{"POST", "/v1/embeddings", `{"model":"carpool-demo","input":[]}`, 400, "invalid input"},
		{"POST", "/api/embeddings", `{"model":"carpool-demo","prompt":"x"}`, 200, `"embedding":[`},
		{"GET", "/v1/models", "", 200, `"id":"carpool-demo:latest"`},
		{"GET", "/v1/models/carpool-demo", "", 200, `"id":"carpool-demo"`},
		{"GET", "/v1/models/nope", "", 404, "not found"},
		{"POST", "/api/pull", `{"model":"x"}`, 501, "start Ollama"},
		{"DELETE", "/api/delete", `{"model":"x"}`, 501, "start Ollama"},
		{"GET", "/api/chat", "", 405, ""},
		{"GET", "/nowhere", "", 404, "404 page not found"},
	} {
		t.Run(c.method+" "+c.path+" "+c.body, func(t *testing.T) {
			demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
				resp, err := d.Transport().RoundTrip(must(http.NewRequest(c.method, "http://demo"+c.path, strings.NewReader(c.body))))
				if err != nil {
					t.Fatal(err)
				}
				body := must(io.ReadAll(resp.Body))
				_ = resp.Body.Close()
				if resp.StatusCode != c.status || !bytes.Contains(body, []byte(c.want)) {
					t.Errorf("%d %s, want %d and %s", resp.StatusCode, body, c.status, c.want)
				}
			})
		})
	}
}

func TestDemoFraming(t *testing.T) {
	demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
		resp, body := post(t, d, "/api/chat", `{"model":"carpool-demo","messages":[{"role":"user","content":"x"}],"options":{"num_predict":2}}`)
		lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		if resp.Header.Get("Content-Type") != "application/x-ndjson" || len(lines) != 3 ||
			!strings.Contains(lines[0], `"done":false`) || !strings.Contains(lines[2], `"done":true`) || !strings.Contains(lines[2], `"load_duration":`) {
			t.Errorf("native stream by default: %v %s", resp.Header, body)
		}
		resp, body = post(t, d, "/api/chat", `{"model":"carpool-demo","stream":false,"messages":[{"role":"user","content":"x"}]}`)
		if resp.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("native in one piece: %v %s", resp.Header, body)
		}
		resp, body = post(t, d, "/v1/completions", `{"model":"carpool-demo","prompt":"x","stream":true,"max_tokens":2}`)
		if resp.Header.Get("Content-Type") != "text/event-stream" || strings.Count(body, "data: ") != 4 || !strings.HasSuffix(body, "\n\ndata: [DONE]\n\n") {
			t.Errorf("OpenAI stream: %v %s", resp.Header, body)
		}
	})
}

func TestDemoTextHasTheLengthAskedFor(t *testing.T) {
	for limit := 1; limit <= demoLimit; limit += 93 {
		if tokens, cut := demoText(7, limit); len(tokens) != limit || !cut {
			t.Errorf("limit %d: %d tokens, cut %v", limit, len(tokens), cut)
		}
	}
}

func TestDemoWorksAsAPlainHandler(t *testing.T) {
	demo(t, DemoOptions{}, func(t *testing.T, d *Demo) {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest("POST", "/api/generate", strings.NewReader(`{"model":"carpool-demo","prompt":"x"}`)))
		if w.Code != 200 || !w.Flushed || !strings.Contains(w.Body.String(), `"done":true`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func dot(a, b []float32) (sum float32) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
