package backendstest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const chat = `{"model":"tiny","messages":[{"role":"user","content":"nonce:abc"}]}`

// ask posts a body; the error is that of the request or of reading its answer.
func ask(e *Engine, path, body string) (*http.Response, string, error) {
	resp, err := (&http.Client{Transport: e.Transport()}).Post(e.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp, string(b), err
}

func TestEngineSpeaksToTheRealClients(t *testing.T) {
	e := New(t)
	base, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	http := &http.Client{Transport: e.Transport()}
	native := api.NewClient(base, http)
	var text strings.Builder
	var last api.ChatResponse
	err = native.Chat(t.Context(), &api.ChatRequest{Model: "tiny", Messages: []api.Message{{Role: "user", Content: "nonce:abc"}}}, func(r api.ChatResponse) error {
		text.WriteString(r.Message.Content)
		last = r
		return nil
	})
	if err != nil || text.String() != strings.Repeat("abc ", 8) || !last.Done || last.EvalCount != 8 {
		t.Errorf("chat: %v, %q, %+v", err, text.String(), last)
	}
	embedded, err := native.Embed(t.Context(), &api.EmbedRequest{Model: "embed", Input: []string{"a", "b"}})
	if err != nil || len(embedded.Embeddings) != 2 || float64(embedded.Embeddings[1][0]) != float64(float32(Vector("b")[0])) {
		t.Errorf("embed: %v, %+v", err, embedded)
	}
	list, err := native.List(t.Context())
	if err != nil || len(list.Models) != len(Models) {
		t.Errorf("list: %v, %+v", err, list)
	}
	e.SetLoaded("tiny:latest")
	running, err := native.ListRunning(t.Context())
	if err != nil || len(running.Models) != 1 {
		t.Errorf("running: %v, %+v", err, running)
	}

	client := openai.NewClient(option.WithBaseURL(e.URL+"/v1"), option.WithAPIKey("none"), option.WithHTTPClient(http), option.WithMaxRetries(0))
	params := openai.ChatCompletionNewParams{Model: "tiny", MaxTokens: openai.Int(3), Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("nonce:xyz")},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}}
	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	var acc openai.ChatCompletionAccumulator
	for stream.Next() {
		acc.AddChunk(stream.Current())
	}
	if stream.Err() != nil || acc.Choices[0].Message.Content != "xyz xyz xyz " || acc.Usage.CompletionTokens != 3 {
		t.Errorf("stream: %v, %+v", stream.Err(), acc.ChatCompletion)
	}
	params.Model = "nope"
	_, err = client.Chat.Completions.New(t.Context(), params)
	var failed *openai.Error
	if !errors.As(err, &failed) || failed.StatusCode != 404 || failed.Message != "model 'nope' not found" {
		t.Errorf("unknown model: %v", err)
	}
}

func TestEngineMarksTheEndInEveryDialect(t *testing.T) {
	for path, mark := range map[string]string{
		"/api/chat":            `"done":true`,
		"/api/generate":        `"done":true`,
		"/v1/chat/completions": "data: [DONE]\n\n",
		"/v1/completions":      "data: [DONE]\n\n",
		"/v1/responses":        "event: response.completed\n",
		"/v1/messages":         "event: message_stop\n",
	} {
		t.Run(path, func(t *testing.T) {
			e := New(t)
			e.Script(Script{}, Script{End: NoMark}, Script{End: Error, At: 2}, Script{End: Close, At: 2})
			const body = `{"model":"tiny","stream":true,"prompt":"nonce:abc"}`
			_, good, err := ask(e, path, body)
			if err != nil || !strings.Contains(good, mark) || strings.Count(good, "abc ") < 8 {
				t.Errorf("good: %v %s", err, good)
			}
			if _, bad, err := ask(e, path, body); err != nil || strings.Contains(bad, mark) {
				t.Errorf("no mark: %v %s", err, bad)
			}
			if _, bad, err := ask(e, path, body); err != nil || strings.Contains(bad, mark) || !strings.Contains(bad, "scripted error") {
				t.Errorf("error inside: %v %s", err, bad)
			}
			if _, bad, err := ask(e, path, body); err == nil || strings.Contains(bad, mark) || strings.Count(bad, "abc ") != 2 {
				t.Errorf("closed: %v %s", err, bad)
			}
		})
	}
}

func TestEngineFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		script Script
		want   func(resp *http.Response, body string, err error) bool
	}{
		{"status", Script{Status: 503, Error: "busy", Header: http.Header{"Retry-After": {"3"}}}, func(r *http.Response, b string, err error) bool {
			return r.StatusCode == 503 && b == `{"error":"busy"}` && r.Header.Get("Retry-After") == "3"
		}},
		{"error in a 200", Script{End: Error}, func(r *http.Response, b string, err error) bool {
			return r.StatusCode == 200 && b == `{"error":"scripted error"}`
		}},
		{"verbatim bytes", Script{Body: "hello\x00", Header: http.Header{"Content-Type": {"text/x"}}}, func(r *http.Response, b string, err error) bool {
			return b == "hello\x00" && r.Header.Get("Content-Type") == "text/x"
		}},
		{"closed before the first byte", Script{End: Close}, func(r *http.Response, b string, err error) bool { return errors.Is(err, io.EOF) }},
		{"reset before the first byte", Script{End: Reset}, func(r *http.Response, b string, err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		{"reset in the middle", Script{End: Reset, At: 3}, func(r *http.Response, b string, err error) bool {
			return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF)
		}},
		{"garbage for an answer", Script{End: Garbage}, func(r *http.Response, b string, err error) bool {
			return err != nil && strings.Contains(err.Error(), "malformed")
		}},
		{"garbage in the middle", Script{End: Garbage, At: 1}, func(r *http.Response, b string, err error) bool {
			return err != nil && strings.Contains(b, "not the protocol")
		}},
		{"split in small writes", Script{Split: 1, Tokens: 2}, func(r *http.Response, b string, err error) bool {
			return err == nil && strings.Count(b, "abc ") == 2 && strings.Contains(b, `"done":true`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := New(t)
			e.Script(c.script)
			resp, body, err := ask(e, "/api/chat", chat)
			if !c.want(resp, body, err) {
				t.Errorf("%+v %q %v", resp, body, err)
			}
		})
	}
}

func TestEngineHoldsAndReleasesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewInMemory(t)
		e.Hold()
		done := make(chan string, 3)
		for _, name := range []string{"one", "two", "three"} {
			go func() {
				_, body, _ := ask(e, "/api/generate", `{"model":"tiny","stream":false,"prompt":"nonce:`+name+`"}`)
				done <- body
			}()
			synctest.Wait()
		}
		first, second, third := e.Next(), e.Next(), e.Next()
		if first.Nonce != "one" || third.Nonce != "three" || e.Running() != 3 || e.Peak() != 3 || !e.Idle() {
			t.Errorf("held %q, %q; running %d, peak %d", first.Nonce, third.Nonce, e.Running(), e.Peak())
		}
		second.Release()
		if got := <-done; !strings.Contains(got, "two two") {
			t.Errorf("released second, got %s", got)
		}
		first.Release(Script{Status: 500})
		if got := <-done; !strings.Contains(got, "scripted error") {
			t.Errorf("released first with an error, got %s", got)
		}
		e.Release()
		if got := <-done; !strings.Contains(got, "three three") {
			t.Errorf("released all, got %s", got)
		}
		if last, ok := e.Last("/api/generate"); !ok || last.Nonce != "three" || e.Hits() != 3 || e.Hits("/api/generate") != 3 || e.Running() != 0 {
			t.Errorf("last %+v, hits %d, running %d", last, e.Hits(), e.Running())
		}
	})
}

func TestEngineCountsClientsThatLeave(t *testing.T) {
	for name, script := range map[string]Script{
		"while held":   {},
		"stalled":      {End: Stall, At: 2},
		"before bytes": {End: Stall},
		"delayed":      {Delay: time.Hour},
		"streaming":    {Every: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := NewInMemory(t)
				e.Always(script)
				if name == "while held" {
					e.Hold()
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, "POST", e.URL+"/api/chat", strings.NewReader(chat))
				if err != nil {
					t.Fatal(err)
				}
				if resp, err := e.Transport().RoundTrip(req); err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					if err == nil {
						t.Error("the answer ended")
					}
					_ = resp.Body.Close()
				}
				synctest.Wait()
				if e.Canceled() != 1 || e.Running() != 0 {
					t.Errorf("canceled %d, running %d, want 1 and 0", e.Canceled(), e.Running())
				}
			})
		})
	}
}

func TestEngineKeepsItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewInMemory(t)
		e.Always(Script{Delay: time.Second, Every: 100 * time.Millisecond, Tokens: 3})
		began := time.Now()
		resp, err := (&http.Client{Transport: e.Transport()}).Post(e.URL+"/api/chat", "", strings.NewReader(chat))
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(resp.Body)
		for i, want := range []time.Duration{1000, 1100, 1200, 1200} {
			if _, err := r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(began); got != want*time.Millisecond {
				t.Errorf("line %d after %v, want %v", i, got, want*time.Millisecond)
			}
		}
		_ = resp.Body.Close()
	})
}

func TestEngineStopsAndComesBackAtItsAddress(t *testing.T) {
	for name, build := range map[string]func(testing.TB) *Engine{"socket": New, "memory": NewInMemory} {
		t.Run(name, func(t *testing.T) {
			e := build(t)
			e.Always(Script{End: Stall, At: 1})
			var asked sync.WaitGroup
			e.Hold()
			asked.Go(func() {
				if _, _, err := ask(e, "/api/chat", chat); err == nil {
					t.Error("a stream of a stopped engine ended well")
				}
			})
			e.Next().Release()
			e.Stop()
			asked.Wait()
			if _, _, err := ask(e, "/api/tags", ""); err == nil {
				t.Error("a stopped engine answered")
			}
			e.Start()
			e.Release()
			e.Always(Script{})
			if _, body, err := ask(e, "/api/chat", chat); err != nil || !strings.Contains(body, "abc") {
				t.Errorf("back: %v %s", err, body)
			}
		})
	}
}

func TestEngineProbesCanFail(t *testing.T) {
	e := New(t)
	e.Probe(Script{Status: 500})
	resp, err := http.Get(e.URL + "/api/tags")
	if err != nil || resp.StatusCode != 500 {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()
	e.Probe(Script{End: Garbage})
	if resp, err := http.Get(e.URL + "/api/version"); err == nil {
		t.Errorf("garbage was understood: %v", resp)
		_ = resp.Body.Close()
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
