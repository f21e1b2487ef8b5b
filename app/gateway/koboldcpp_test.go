package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

// beforeKobold is a gateway before a KoboldCpp.
func beforeKobold(t *testing.T) (*rig, *backendstest.Engine) {
	t.Helper()
	e := backendstest.NewKoboldCPP(t)
	target := targetOf(t, e.URL)
	target.Info = backends.Info{Name: "koboldcpp", Kind: backends.KindKoboldCPP, Label: "KoboldCpp", Health: backends.Up, APIs: []backends.API{backends.OpenAIAPI},
		Models: []backends.Model{{Name: backendstest.KoboldModels[0], Loaded: true, Context: 4096}}}
	return rigFor(t, &engines{target: target}, Limits{}, batching.Settings{}), e
}

func TestKoboldCPP(t *testing.T) {
	const (
		whole  = "/api/v1/generate"
		stream = "/api/extra/generate/stream"
		body   = `{"prompt":"nonce:abc","memory":"be brief ","max_length":50,"genkey":"KCPP1"}`
	)

	t.Run("AnswersItsOwnClientsByteForByte", func(t *testing.T) {
		for path, streams := range map[string]bool{whole: false, "/api/latest/generate": false, stream: true} {
			for _, prefix := range []string{"", "/engine/koboldcpp"} {
				r, e := beforeKobold(t)
				direct, err := http.Post(e.URL+path, "application/json", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				want := text(t, direct)
				res := r.post(prefix+path, body)
				if got := text(t, res); res.StatusCode != 200 || got != want || res.Header.Get("X-Carpool-Batch") == "" {
					t.Fatalf("%s: %d %q, want %q", path, res.StatusCode, got, want)
				}
				if q, _ := e.Last(path); string(q.Body) != body {
					t.Errorf("%s: the engine got %s", path, q.Body)
				}
				rec := r.recorded()
				if rec.Outcome != OK || rec.Model != backendstest.KoboldModels[0] || rec.Dialect != Kobold || rec.Stream != streams || rec.OutputTokens != 8 || rec.PromptBytes != 18 ||
					streams != (rec.FirstToken > 0) || !streams && rec.PromptTokens != 3 {
					t.Errorf("%s: record %+v", path, rec)
				}
			}
		}
	})

	t.Run("ReadsItsBound", func(t *testing.T) {
		got, f := peek([]byte(body), Kobold, own[backends.KindKoboldCPP][stream])
		if f != nil || got.maxTokens != 50 || !got.stream {
			t.Errorf("%+v %v", got, f)
		}
	})

	t.Run("ABrokenStreamIsNoSuccess", func(t *testing.T) {
		for end, kind := range map[backendstest.End]string{
			backendstest.NoMark: "backend_truncated", backendstest.Close: "backend_disconnected", backendstest.Error: "backend_error",
		} {
			r, e := beforeKobold(t)
			begun := make(chan struct{})
			e.Always(backendstest.Script{End: end, At: 2, Until: begun})
			res := r.post(stream, body) // its head comes with the first token
			close(begun)
			got, _ := read(res)
			last := got[strings.LastIndex(strings.TrimSpace(got), "\n")+1:]
			if rec := r.recorded(); rec.Outcome != Failed || rec.ErrorKind != kind || !strings.HasPrefix(last, "data: ") || !strings.Contains(strings.ReplaceAll(last, " ", ""), `"finish_reason":"error"`) {
				t.Errorf("%s: %s %s, last %q", kind, rec.Outcome, rec.ErrorKind, last)
			}
		}
	})

	t.Run("TellsOnlyByTheReasonThatItFailed", func(t *testing.T) {
		for path, answer := range map[string]string{
			whole:                  `{"results": [{"text": "", "finish_reason": "error", "prompt_tokens": 0, "completion_tokens": 0}]}`,
			"/v1/chat/completions": `{"object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "error"}]}`,
		} {
			r, e := beforeKobold(t)
			e.Always(backendstest.Script{Body: answer, Header: http.Header{"Content-Type": {"application/json"}}})
			res := r.post(path, `{"prompt":"a","messages":[{"role":"user","content":"a"}]}`)
			if got := text(t, res); res.StatusCode < 500 {
				t.Errorf("%s: %d %s", path, res.StatusCode, got)
			}
			if rec := r.recorded(); rec.Outcome != Failed {
				t.Errorf("%s: %+v", path, rec)
			}
		}
	})

	t.Run("ErrorsKeepItsShape", func(t *testing.T) {
		r, e := beforeKobold(t)
		e.Always(backendstest.Script{Status: 503, Error: "Server is busy; please try again later."})
		res := r.post(whole, body)
		if got := text(t, res); res.StatusCode != 503 || got != `{"detail":{"msg":"Server is busy; please try again later.","type":"service_unavailable"}}` {
			t.Errorf("its own: %d %s", res.StatusCode, got)
		}
		res = r.post(whole, `{"prompt":`)
		if got := text(t, res); res.StatusCode != 400 || !strings.HasPrefix(got, `{"detail":{"msg":"`) || !strings.HasSuffix(got, `"type":"invalid_request_error"}}`) {
			t.Errorf("ours: %d %s", res.StatusCode, got)
		}
	})

	t.Run("ARequestIsEndedByItsKeyAlone", func(t *testing.T) {
		for path := range koboldKeyed {
			r, e := beforeKobold(t)
			for _, q := range []struct{ method, body string }{{"POST", ""}, {"POST", "{}"}, {"POST", `{"genkey":""}`}, {"POST", `{"Genkey":"x"}`}, {"POST", "{\"genkey\":\"x\xff\"}"}, {"POST", `{"genkey":7}`}, {"POST", "[]"}, {"GET", ""}} {
				res := r.do(q.method, path, q.body)
				if got := text(t, res); res.StatusCode != 400 || !strings.Contains(got, `{"detail":{"msg":"without a genkey`) {
					t.Errorf("%s %s %q: %d %s", q.method, path, q.body, res.StatusCode, got)
				}
			}
			if n := e.Hits(path); n != 0 {
				t.Errorf("%s: the engine was asked %d times", path, n)
			}
			_ = text(t, r.post("/engine/koboldcpp"+path, `{"genkey":"KCPP1"}`))
			if q, ok := e.Last(path); !ok || string(q.Body) != `{"genkey":"KCPP1"}` {
				t.Errorf("%s: the engine got %s", path, q.Body)
			}
			r.noMore()
		}
	})

	t.Run("WhatChangesItForAllIsNotReached", func(t *testing.T) {
		r, e := beforeKobold(t)
		for _, path := range []string{"/api/admin/reload_config", "/api/extra/shutdown", "/api/extra/data/save", "/sdapi/v1/txt2img", "/api/extra/websearch", "/API/V1/Generate"} {
			if res := r.post("/engine/koboldcpp"+path, `{"genkey":"a"}`); res.StatusCode != 404 || text(t, res) == "" || e.Hits(path) != 0 {
				t.Errorf("%s: %d", path, res.StatusCode)
			}
		}
	})

	// It works to the end of an unstreamed answer whose client has left, and says so to
	// nobody: what comes next waits inside it.
	t.Run("WorksOnForAClientThatHasLeft", func(t *testing.T) {
		r, e := beforeKobold(t)
		e.Hold()
		leave, answer := r.leaving(whole, body)
		held := e.Next()
		leave()
		<-answer
		if rec := r.recorded(); rec.Outcome != Canceled || e.Running() != 1 {
			t.Errorf("%s, %d in the engine", rec.Outcome, e.Running())
		}
		held.Release()
	})

	t.Run("AFailureUnderV1IsOneThatClientsRead", func(t *testing.T) {
		r, e := beforeKobold(t)
		begun := make(chan struct{})
		e.Always(backendstest.Script{End: backendstest.Error, At: 2, Until: begun})
		res := r.post("/v1/chat/completions", `{"stream":true,"messages":[{"role":"user","content":"nonce:abc"}]}`)
		close(begun)
		got, _ := read(res)
		before, after, found := strings.Cut(got, string(reasonError))
		if !found || !strings.HasSuffix(before, "}\n\n") || strings.Count(before, "abc ") != 2 || strings.Contains(before, "[DONE]") || strings.Contains(after, string(reasonError)) {
			t.Errorf("%s", got)
		}
		if rec := r.recorded(); rec.Outcome != Failed || rec.ErrorKind != "backend_error" {
			t.Errorf("%+v", rec)
		}
	})
}

func TestErrorReason(t *testing.T) {
	const last = `data: {"choices": [{"index": 0, "finish_reason": "error", "delta": {}}]}` + "\n\n"
	for in, want := range map[string]string{
		last + "data: [DONE]\n\n": last + string(reasonError) + "data: [DONE]\n\n",
		"event: message\ndata: {\"token\": \"\", \"finish_reason\": \"error\"}\n\n":                                   "", // its own dialect's word
		`data: {"choices": [{"delta": {"content": "\"finish_reason\": \"error\""}, "finish_reason": null}]}` + "\n\n": "",
		`data: {"choices": [{"finish_reason": "stop"}]}` + "\n\ndata: [DONE]\n\n":                                     "",
		"": "",
	} {
		if want == "" {
			want = in
		}
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
			got, err := io.ReadAll(&readable{pieces: &errorReason{src: piecesOf(io.NopCloser(r), sse)}})
			if err != nil || string(got) != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		}
	}
}
