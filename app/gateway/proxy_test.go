package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

// stream and whole are requests of every scheduled route.
var inference = []struct {
	path   string
	stream string
	whole  string
}{
	{"/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"nonce:N"}]}`, `{"model":"tiny","stream":false,"messages":[{"role":"user","content":"nonce:N"}]}`},
	{"/api/generate", `{"model":"tiny","prompt":"nonce:N"}`, `{"model":"tiny","stream":false,"prompt":"nonce:N"}`},
	{"/v1/chat/completions", `{"model":"tiny","stream":true,"messages":[{"role":"user","content":"nonce:N"}]}`, `{"model":"tiny","messages":[{"role":"user","content":"nonce:N"}]}`},
	{"/v1/completions", `{"model":"tiny","stream":true,"prompt":"nonce:N"}`, `{"model":"tiny","prompt":"nonce:N"}`},
	{"/v1/responses", `{"model":"tiny","stream":true,"input":"nonce:N"}`, `{"model":"tiny","input":"nonce:N"}`},
	{"/v1/messages", `{"model":"tiny","stream":true,"max_tokens":8,"messages":[{"role":"user","content":"nonce:N"}]}`, `{"model":"tiny","max_tokens":8,"messages":[{"role":"user","content":"nonce:N"}]}`},
	{"/api/embed", "", `{"model":"embed","input":["nonce:N"]}`},
	{"/api/embeddings", "", `{"model":"embed","prompt":"nonce:N"}`},
	{"/v1/embeddings", "", `{"model":"embed","input":["nonce:N"]}`},
}

// ends are the marks without which a stream is no success.
var ends = []string{`"done":true`, "[DONE]", "response.completed", "message_stop"}

func endsWell(body string) bool {
	for _, e := range ends {
		if strings.Contains(body, e) {
			return true
		}
	}
	return false
}

func TestProxy(t *testing.T) {
	t.Run("EqualsTheEngineByteForByte", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{})
		for _, q := range inference {
			for _, body := range []string{q.stream, q.whole} {
				if body == "" {
					continue
				}
				engine.Script(backendstest.Script{Split: 7}, backendstest.Script{Split: 7})
				direct, err := http.Post(engine.URL+q.path, "application/json", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				through := r.post(q.path, body)
				want, got := text(t, direct), text(t, through)
				if got != want || got == "" {
					t.Errorf("%s: got %q, want %q", q.path, got, want)
				}
				if through.StatusCode != direct.StatusCode || through.ContentLength != direct.ContentLength ||
					fmt.Sprint(through.TransferEncoding) != fmt.Sprint(direct.TransferEncoding) {
					t.Errorf("%s: framing %v %v, want %v %v", q.path, through.ContentLength, through.TransferEncoding, direct.ContentLength, direct.TransferEncoding)
				}
				for name := range through.Header {
					if strings.HasPrefix(name, "X-") {
						through.Header.Del(name)
					}
				}
				through.Header.Set("Date", direct.Header.Get("Date"))
				if fmt.Sprint(through.Header) != fmt.Sprint(direct.Header) {
					t.Errorf("%s: headers %v, want %v", q.path, through.Header, direct.Header)
				}
				rec := r.recorded()
				if rec.Outcome != OK || rec.OutputTokens < 0 || rec.Route != q.path || rec.Stream != (body == q.stream) {
					t.Errorf("%s: record %+v", q.path, rec)
				}
			}
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	t.Run("PassesTheEnginesOwnErrorOn", func(t *testing.T) {
		tests := []struct {
			status  int
			message string
			kind    string
			retry   string
		}{
			{404, "model 'x' not found", "model_not_found", ""},
			{400, "bad option", "invalid_request_error", ""},
			{500, "cudaMalloc failed: out of memory", "insufficient_memory", "false"},
			{500, "something", "backend_error", ""},
			{503, "server busy", "backend_unavailable", ""},
		}
		r, engine := scripted(t, Limits{}, batching.Settings{})
		for _, tt := range tests {
			for _, q := range inference {
				if tt.status == 503 { // nobody is let in for two minutes after it
					r, engine = scripted(t, Limits{}, batching.Settings{})
				}
				script := backendstest.Script{Status: tt.status, Error: tt.message, Header: http.Header{"Retry-After": {"1000000000"}}}
				engine.Script(script, script)
				direct, err := http.Post(engine.URL+q.path, "application/json", strings.NewReader(q.whole))
				if err != nil {
					t.Fatal(err)
				}
				want := text(t, direct)
				res := r.post(q.path, q.whole)
				if got := text(t, res); got != want || res.StatusCode != tt.status {
					t.Errorf("%s: %d %q, want %q", q.path, res.StatusCode, got, want)
				}
				if got := res.Header.Get("Retry-After"); got != "120" {
					t.Errorf("Retry-After %q", got)
				}
				if got := res.Header.Get("X-Should-Retry"); got != tt.retry {
					t.Errorf("%s: X-Should-Retry %q", tt.message, got)
				}
				rec := r.recorded()
				if rec.Outcome != Failed || rec.ErrorKind != tt.kind || rec.EngineStatus != tt.status || rec.Status != tt.status {
					t.Errorf("%s: record %+v", q.path, rec)
				}
			}
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	t.Run("TakesALastLineTooLongToReadForTheEnd", func(t *testing.T) {
		last := `{"done":true,"context":[` + strings.Repeat("1,", maxLine/2) + "1]}\n"
		r := newRig(t, says(typeNDJSON, chatStream[0], last), Limits{}, batching.Settings{})
		if got := text(t, r.post("/api/generate", `{"model":"m","prompt":"a"}`)); got != chatStream[0]+last {
			t.Errorf("%d bytes, the last are %q", len(got), got[max(0, len(got)-80):])
		}
		if rec := r.recorded(); rec.Outcome != OK || rec.ErrorKind != "" {
			t.Errorf("record %+v", rec)
		}
	})
	t.Run("TellsOfABreakOnALineOfItsOwn", func(t *testing.T) {
		r := newRig(t, says(typeNDJSON, chatStream[0], `{"response":"`+strings.Repeat("x", maxLine)), Limits{}, batching.Settings{})
		got := text(t, r.post("/api/generate", `{"model":"m","prompt":"a"}`))
		if i := strings.LastIndex(got, "\n{\"error\":"); i < maxLine || endsWell(got) {
			t.Errorf("%d bytes, the last are %q", len(got), got[max(0, len(got)-80):])
		}
		if rec := r.recorded(); rec.Outcome != Failed || rec.ErrorKind != "backend_truncated" {
			t.Errorf("record %+v", rec)
		}
	})
	t.Run("RefusesARedirectOfAnInferenceRoute", func(t *testing.T) {
		r := newRig(t, http.RedirectHandler("http://127.0.0.1:1/", http.StatusTemporaryRedirect), Limits{}, batching.Settings{})
		res := r.post("/api/chat", `{"messages":[1]}`)
		if body := text(t, res); res.StatusCode != 502 || res.Header.Get("Location") != "" {
			t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
		}
	})
	t.Run("HidesItselfFromTheEngine", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{})
		res := r.do("POST", "/api/generate", `{"model":"tiny","prompt":"a"}`, "Origin", "http://localhost:3000", "Content-Type", "application/json",
			"X-Carpool-App", "editor", "X-Carpool-Priority", "high", "Authorization", "Bearer sk-x", "Upgrade", "h2c", "Connection", "Upgrade, X-Secret",
			"X-Secret", "1", "User-Agent", "ua/1", "X-Forwarded-For", "1.2.3.4")
		_ = text(t, res)
		if res.Header.Get("Access-Control-Allow-Origin") != "http://localhost:3000" || res.Header.Get("Vary") != "Origin" {
			t.Errorf("CORS: %v", res.Header)
		}
		got, _ := engine.Last("/api/generate")
		for _, name := range []string{"Origin", "X-Carpool-App", "X-Carpool-Priority", "Upgrade", "Connection", "X-Secret", "X-Forwarded-For", "Expect"} {
			if v, ok := got.Header[name]; ok {
				t.Errorf("%s reached the engine: %q", name, v)
			}
		}
		if got.Header.Get("Authorization") != "Bearer sk-x" || got.Header.Get("User-Agent") != "ua/1" || string(got.Body) != `{"model":"tiny","prompt":"a"}` {
			t.Errorf("changed on the way: %+v", got)
		}
		if rec := r.recorded(); rec.App != "editor" || rec.Priority != batching.Urgent {
			t.Errorf("record %+v", rec)
		}
	})
	t.Run("DoesNotWaitToHearThatAModelIsNotThere", func(t *testing.T) {
		engine := backendstest.New(t)
		r := rigFor(t, &engines{target: targetOf(t, engine.URL)}, Limits{}, batching.Settings{})
		engine.SetModels("m:latest")
		engine.Hold()
		var wait sync.WaitGroup
		wait.Go(func() { _ = text(t, r.post("/api/generate", `{"prompt":"a","model":"M"}`)) })
		busy := engine.Next()
		wait.Go(func() {
			resp := r.post("/api/generate", `{"prompt":"a","model":"missing"}`)
			if _ = text(t, resp); resp.StatusCode != http.StatusNotFound {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
		engine.Next().Release()
		engine.Release()
		busy.Release()
		wait.Wait()
	})
	t.Run("SharesABatchBetweenSpellingsOfAModel", func(t *testing.T) {
		engine := backendstest.New(t)
		e := &engines{target: targetOf(t, engine.URL)}
		r := rigFor(t, e, Limits{}, batching.Settings{})
		engine.SetModels("m:latest")
		engine.Hold()
		var wait sync.WaitGroup
		for _, name := range []string{"m", "m:latest"} {
			wait.Go(func() { _ = text(t, r.post("/api/generate", `{"prompt":"a","model":"`+name+`"}`)) })
		}
		a, b := engine.Next(), engine.Next()
		if s := r.scheduler.Snapshot(); len(s) != 1 || len(s[0].Running) != 2 {
			t.Errorf("queues %+v", s)
		}
		if a.Model == b.Model {
			t.Errorf("the model's name was changed: %q", a.Model)
		}
		engine.Release()
		a.Release()
		b.Release()
		wait.Wait()
	})
	t.Run("GivesEachClientItsOwnAnswer", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{})
		engine.Always(backendstest.Script{Tokens: 20, Split: 11})
		var wait sync.WaitGroup
		const clients, each = 50, 4
		for c := range clients {
			wait.Go(func() {
				for i := range each {
					q := inference[(c+i)%6]
					nonce := fmt.Sprintf("c%dr%d", c, i)
					body := r.post(q.path, strings.ReplaceAll(q.stream, "nonce:N", "nonce:"+nonce))
					got := text(t, body)
					if n := strings.Count(got, nonce+" "); n < 20 || !endsWell(got) {
						t.Errorf("%s: %d of its own tokens in %q", nonce, n, got)
					}
				}
			})
		}
		wait.Wait()
		if engine.Peak() > 8 || engine.Hits() != clients*each {
			t.Errorf("peak %d, hits %d", engine.Peak(), engine.Hits())
		}
		seen := map[string]bool{}
		for range clients * each {
			rec := r.recorded()
			if rec.Outcome != OK || seen[rec.ID] {
				t.Errorf("record %+v", rec)
			}
			seen[rec.ID] = true
		}
		r.noMore()
		if totals := r.scheduler.Totals(); totals.Requests != clients*each || totals.InFlight != 0 || totals.QueueDepth != 0 {
			t.Errorf("totals %+v", totals)
		}
	})
}

// leaving posts a request whose client can leave.
func (r *rig) leaving(path, body string, headers ...string) (leave context.CancelFunc, answer chan *http.Response) {
	ctx, leave := context.WithCancel(r.t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	answer = make(chan *http.Response, 1)
	go func() {
		defer close(answer)
		if res, err := r.client.Do(req); err == nil {
			answer <- res
		}
	}()
	return leave, answer
}

func TestCancel(t *testing.T) {
	one := batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}
	const chat = `{"model":"tiny","messages":[{"role":"user","content":"nonce:N"}]}`
	t.Run("WhileQueued", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, one)
		engine.Hold()
		stay, first := r.leaving("/api/chat", chat)
		defer stay()
		held := engine.Next()
		leave, second := r.leaving("/api/chat", chat)
		eventually(t, "the second waits", func() bool { return r.scheduler.Totals().QueueDepth == 1 })
		leave()
		<-second
		if rec := r.recorded(); rec.Outcome != Canceled || rec.Status != 499 || rec.Batch != 0 || rec.Queued == 0 {
			t.Errorf("record %+v", rec)
		}
		engine.Release()
		held.Release()
		_ = text(t, <-first)
		if rec := r.recorded(); rec.Outcome != OK {
			t.Errorf("record %+v", rec)
		}
		if engine.Hits() != 1 {
			t.Errorf("%d requests reached the engine", engine.Hits())
		}
		r.noMore()
	})
	t.Run("BeforeTheFirstToken", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, one)
		engine.Hold()
		leave, answer := r.leaving("/v1/chat/completions", `{"model":"tiny","stream":true,"messages":[]}`)
		engine.Next()
		leave()
		<-answer
		if rec := r.recorded(); rec.Outcome != Canceled || rec.Status != 499 || rec.Batch == 0 || rec.FirstToken != 0 {
			t.Errorf("record %+v", rec)
		}
		eventually(t, "the engine hears of it", func() bool { return engine.Running() == 0 && engine.Canceled() == 1 })
		if r.engines.troubles() != 0 {
			t.Error("the engine was suspected")
		}
	})
	t.Run("InMidStream", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{Limits: one.Limits, CancelGrace: time.Hour})
		engine.Always(backendstest.Script{Tokens: 100_000, Every: time.Millisecond})
		leave, answer := r.leaving("/api/chat", chat)
		res := <-answer
		if _, err := io.ReadFull(res.Body, make([]byte, 200)); err != nil {
			t.Fatal(err)
		}
		leave()
		_ = res.Body.Close()
		rec := r.recorded()
		if rec.Outcome != Canceled || rec.Status != 499 || rec.OutputTokens < 1 || !rec.TokensEstimated || rec.ErrorKind != "client_gone" {
			t.Errorf("record %+v", rec)
		}
		eventually(t, "the engine hears of it", func() bool { return engine.Canceled() == 1 })
		if s := r.scheduler.Snapshot(); len(s) != 1 || len(s[0].Running) != 1 || !s[0].Running[0].Leaving {
			t.Errorf("the place is free although the engine may still work: %+v", s)
		}
	})
	t.Run("ByClosingTheSendingSideGetsNoAnswer", func(t *testing.T) {
		for _, path := range []string{"/api/chat", "/api/pull"} { // scheduled, and straight
			heard := make(chan struct{})
			r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body)
				close(heard)
				<-q.Context().Done()
			}), Limits{}, one)
			host := strings.TrimPrefix(r.url, "http://")
			conn, err := net.Dial("tcp", host)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", path, host, len(chat), chat); err != nil {
				t.Fatal(err)
			}
			<-heard
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got, _ := io.ReadAll(conn); len(got) > 0 {
				t.Errorf("%s: %q", path, got)
			}
			_ = conn.Close()
			if path == "/api/chat" {
				if rec := r.recorded(); rec.Outcome != Canceled || rec.Status != 499 || rec.ErrorKind != "client_gone" {
					t.Errorf("record %+v", rec)
				}
			}
			r.noMore()
		}
	})
	t.Run("AtTheEndMarkIsNoCancel", func(t *testing.T) {
		for _, stream := range []struct{ path, contentType, text string }{
			{"/api/chat", typeNDJSON, strings.Join(chatStream, "")},
			{"/v1/chat/completions", typeSSE, sseOf(`{"choices":[{"delta":{"content":"a"}}]}`, "[DONE]")},
		} {
			gone := make(chan struct{})
			r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				says(stream.contentType, stream.text)(w, q)
				<-q.Context().Done() // the connection stays open after the mark
				close(gone)
			}), Limits{}, batching.Settings{Limits: one.Limits, CancelGrace: time.Hour})
			leave, answer := r.leaving(stream.path, `{"model":"tiny","stream":true,"messages":[1]}`)
			res := <-answer
			if _, err := io.ReadFull(res.Body, make([]byte, len(stream.text))); err != nil {
				t.Fatal(err)
			}
			leave()
			<-gone
			if rec := r.recorded(); rec.Outcome != OK || rec.ErrorKind != "" || rec.Status != 200 {
				t.Errorf("record %+v", rec)
			}
			if r.scheduler.Totals().InFlight != 0 {
				t.Error("the place is held although the engine has ended")
			}
		}
	})
	t.Run("AtAnyMoment", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 4}})
		engine.Always(backendstest.Script{Tokens: 30})
		const clients = 200
		var wait sync.WaitGroup
		for i := range clients {
			wait.Go(func() {
				leave, answer := r.leaving(inference[i%6].path, inference[i%6].stream)
				time.AfterFunc(time.Duration(i%40)*time.Millisecond/4, leave)
				if res := <-answer; res != nil {
					_, _ = read(res)
				}
				leave()
			})
		}
		wait.Wait()
		seen := map[string]bool{}
		for len(seen) < engine.Hits() {
			rec := r.recorded()
			if seen[rec.ID] || rec.Outcome != OK && rec.Outcome != Canceled {
				t.Errorf("record %+v", rec)
			}
			seen[rec.ID] = true
		}
		eventually(t, "all places are free", func() bool {
			totals := r.scheduler.Totals()
			return totals.InFlight == 0 && totals.QueueDepth == 0 && engine.Running() == 0
		})
	})
}

// Test10_BrokenStreams: a stream that ends early is never a success, in any dialect.
func Test10_BrokenStreams(t *testing.T) {
	tests := []struct {
		name string
		end  backendstest.End
		kind string // after the first token
		code int    // before it
	}{
		{"no mark", backendstest.NoMark, "backend_truncated", 502},
		{"close", backendstest.Close, "backend_disconnected", 502},
		{"reset", backendstest.Reset, "backend_disconnected", 502},
	}
	r, engine := scripted(t, Limits{}, batching.Settings{})
	for _, tt := range tests {
		for _, tokens := range []int{0, 1, 7} {
			// A pause after each token has them come one by one.
			for _, q := range inference {
				if q.stream == "" || tt.end == backendstest.NoMark && tokens == 0 {
					continue
				}
				engine.Always(backendstest.Script{End: tt.end, At: tokens, Tokens: 7, Every: time.Millisecond})
				res := r.post(q.path, q.stream)
				got, broke := read(res)
				rec := r.recorded()
				name := fmt.Sprintf("%s after %d tokens of %s", tt.name, tokens, q.path)
				if endsWell(got) {
					t.Errorf("%s: a success for the client: %q", name, got)
				}
				if rec.Outcome != Failed || rec.Batch == 0 {
					t.Errorf("%s: record %+v", name, rec)
				}
				if tokens == 0 || res.StatusCode != 200 { // all of it came at once: the status can still tell
					if res.StatusCode != tt.code || !strings.Contains(got, "error") || broke {
						t.Errorf("%s: %d %q", name, res.StatusCode, got)
					}
					continue
				}
				if res.StatusCode != 200 || !strings.Contains(got, `"error":`) || rec.ErrorKind != tt.kind {
					t.Errorf("%s: %d %q, kind %s", name, res.StatusCode, got, rec.ErrorKind)
				}
				if native := dialectOf(q.path) == Ollama; broke == native {
					t.Errorf("%s: broken off: %v", name, broke)
				}
				if rec.OutputTokens == 0 {
					t.Errorf("%s: no tokens recorded: %+v", name, rec)
				}
			}
		}
	}
}

// Test12_ErrorsInside200 is about what engines say with a good status.
func Test12_ErrorsInside200(t *testing.T) {
	tests := []struct {
		name, path, contentType, body string
		status                        int
		kind                          string
	}{
		{"LM Studio", "/v1/chat/completions", typeSSE, "event: error\ndata: {\"error\":{\"message\":\"boom\"}}\n\n", 500, "backend_error"},
		{"llama.cpp", "/v1/chat/completions", typeSSE, "data: {\"error\":{\"code\":400,\"message\":\"exceed_context_size_error\"}}\n\ndata: [DONE]\n\n", 400, "context_length_exceeded"},
		{"llama.cpp field", "/v1/completions", typeSSE, "error: {\"message\":\"boom\"}\n\n", 500, "backend_error"},
		{"Ollama", "/api/chat", typeNDJSON, `{"error":"out of memory"}` + "\n", 500, "insufficient_memory"},
		{"a whole answer", "/api/chat", typeJSON, `{"error":"boom"}`, 500, "backend_error"},
		{"an empty stream", "/v1/chat/completions", typeSSE, "", 502, "backend_truncated"},
		{"an empty answer", "/api/chat", typeJSON, "", 502, "backend_truncated"},
		{"a web page", "/api/chat", "text/html", "<html>", 502, "backend_bad_response"},
		{"garbage", "/api/chat", typeNDJSON, "<html>\n", 502, "backend_bad_response"},
		{"a broken answer", "/v1/embeddings", typeJSON, `{"data":[`, 502, "backend_bad_response"},
	}
	for _, tt := range tests {
		r := newRig(t, says(tt.contentType, tt.body), Limits{}, batching.Settings{})
		res := r.post(tt.path, `{"model":"m","stream":true,"messages":[1],"prompt":"a"}`)
		body := text(t, res)
		if rec := r.recorded(); res.StatusCode != tt.status || rec.ErrorKind != tt.kind || rec.Outcome != Failed || rec.Status != tt.status {
			t.Errorf("%s: %d %s, record %+v", tt.name, res.StatusCode, body, rec)
		}
	}
}

// Test12_NothingGenerated is about good answers without a token.
func Test12_NothingGenerated(t *testing.T) {
	const roleOnly = `data: {"choices":[{"delta":{"role":"assistant","content":""}}]}` + "\n\n" +
		`data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	usage := func(n int) string {
		return fmt.Sprintf(`data: {"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":0}}`+"\n\n", n)
	}
	const mark = "data: [DONE]\n\n"
	chat := func(words int) string {
		return `{"model":"m","stream":true,"messages":[{"role":"user","content":"` + strings.Repeat("word ", words) + `"}]}`
	}
	for _, tt := range []struct {
		name, path, body, contentType, answer string
		kind                                  backends.Kind
		context, status                       int
		record                                string
	}{
		{"a prompt larger than the context", "/v1/chat/completions", chat(100), typeSSE, roleOnly + usage(100) + mark, backends.KindOpenAI, 100, 400, "context_length_exceeded"},
		{"one that fits", "/v1/chat/completions", chat(100), typeSSE, roleOnly + usage(99) + mark, backends.KindOpenAI, 100, 200, "empty"},
		{"a context that is not known", "/v1/chat/completions", chat(100), typeSSE, roleOnly + usage(100) + mark, backends.KindOpenAI, 0, 200, "empty"},
		{"LM Studio, which tells no count", "/v1/chat/completions", chat(100), typeSSE, roleOnly + mark, backends.KindLMStudio, 100, 400, "context_length_exceeded"},
		{"Ollama, which cuts prompts", "/api/generate", `{"model":"m","prompt":"a"}`, typeNDJSON, `{"response":"","done":true,"prompt_eval_count":100,"eval_count":1}` + "\n", backends.KindOllama, 100, 200, "empty"},
		{"in one piece", "/api/chat", `{"model":"m","stream":false,"messages":[1]}`, typeJSON, `{"message":{"content":""},"done":true,"eval_count":1}`, backends.KindOllama, 0, 200, "empty"},
		{"text in one piece", "/api/chat", `{"model":"m","stream":false,"messages":[1]}`, typeJSON, `{"message":{"content":"a"},"done":true}`, backends.KindOllama, 0, 200, ""},
		{"a call of a tool", "/api/chat", `{"model":"m","stream":false,"messages":[1]}`, typeJSON, `{"message":{"content":"","tool_calls":[{"function":{"name":"f"}}]},"done":true}`, backends.KindOllama, 0, 200, ""},
		{"an answer of a message", "/v1/messages", `{"model":"m","max_tokens":8,"messages":[{"role":"user","content":"a"}]}`, typeJSON,
			`{"type":"message","content":[{"type":"text","text":"a"}],"usage":{"input_tokens":1,"output_tokens":1}}`, backends.KindOllama, 0, 200, ""},
		{"an empty one of a message", "/v1/messages", `{"model":"m","max_tokens":8,"messages":[{"role":"user","content":"a"}]}`, typeJSON,
			`{"type":"message","content":[],"usage":{"input_tokens":1,"output_tokens":0}}`, backends.KindOllama, 0, 200, "empty"},
		{"vectors", "/api/embed", `{"model":"m","input":"a"}`, typeJSON, `{"embeddings":[[1,2]]}`, backends.KindOllama, 0, 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, says(tt.contentType, tt.answer), Limits{}, batching.Settings{})
			r.engines.target.Kind = tt.kind
			r.engines.target.Models = []backends.Model{{Name: "m", Context: tt.context}}
			res := r.post(tt.path, tt.body)
			got := text(t, res)
			rec := r.recorded()
			if res.StatusCode != tt.status || rec.ErrorKind != tt.record || rec.Status != tt.status || (rec.Outcome == OK) != (tt.status == 200) {
				t.Errorf("%d %q, record %+v", res.StatusCode, got, rec)
			}
			if tt.status == 200 && got != tt.answer {
				t.Errorf("passed on as %q", got)
			}
			if tt.status == 400 && !strings.Contains(got, `"code":"context_length_exceeded"`) {
				t.Errorf("%q", got)
			}
		})
	}
}
