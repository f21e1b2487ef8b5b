package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

// try is what a scripted transport does with one request.
type try struct {
	reused bool
	heard  bool
	wrote  bool          // the whole request was sent
	works  time.Duration // from then on
	err    error         // nil = a good answer
}

// tries is a transport that fails as it is told, and reads each body.
type tries struct {
	t      *testing.T
	script []try
	bodies []string
}

func (s *tries) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.bodies = append(s.bodies, string(body))
	if len(s.bodies) > len(s.script) {
		s.t.Errorf("%d tries", len(s.bodies))
		return nil, io.EOF
	}
	now := s.script[len(s.bodies)-1]
	trace := httptrace.ContextClientTrace(r.Context())
	if !isDial(now.err) {
		trace.GotConn(httptrace.GotConnInfo{Reused: now.reused})
	}
	if now.wrote {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
		time.Sleep(now.works)
	}
	if now.heard {
		trace.GotFirstResponseByte()
	}
	if now.err != nil {
		return nil, now.err
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {typeJSON}}, ContentLength: -1,
		Body: io.NopCloser(strings.NewReader(`{"done":true}`)), Request: r}, nil
}

// oneWrite is a connection that may be dead after its first request.
type oneWrite struct {
	net.Conn
	dead   bool
	writes int
}

func (c *oneWrite) Write(p []byte) (int, error) {
	if c.writes++; c.dead && c.writes > 1 {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(p)
}

// Test09_Retry: an engine is asked once more where it cannot have heard, and never else.
func Test09_Retry(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	slow := &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	reset := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	tests := []struct {
		name    string
		script  []try
		status  int
		trouble int
	}{
		{"a connection that failed once", []try{{err: refused}, {}}, 200, 0},
		{"an idle one that was closed", []try{{reused: true, err: io.EOF}, {}}, 200, 0},
		{"an idle one that was closed while it was written to", []try{{reused: true, wrote: true, err: reset}, {}}, 200, 0},
		{"an idle one whose engine worked and died", []try{{reused: true, wrote: true, works: 2 * idleRace, err: io.EOF}}, 502, 1},
		{"an engine that is not there", []try{{err: refused}, {err: refused}}, 503, 1},
		{"an idle one, then a new one", []try{{reused: true, err: reset}, {err: reset}}, 502, 1},
		{"a new one that was reset: the work may run", []try{{err: reset}}, 502, 1},
		{"an idle one that had begun to answer", []try{{reused: true, heard: true, err: reset}}, 502, 1},
		{"a connection that timed out", []try{{err: slow}}, 504, 1},
		{"no HTTP", []try{{err: errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "x"`)}}, 502, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &engines{target: targetOf(t, "http://127.0.0.1:1")}
				transport := &tries{t: t, script: tt.script}
				e.target.Transport = transport
				const body = `{"model":"m","prompt":"a"}`
				w := httptest.NewRecorder()
				rec, _ := virtually(t, e, w, "/api/generate", body)
				if w.Code != tt.status || len(transport.bodies) != len(tt.script) || e.troubles() != tt.trouble {
					t.Errorf("%d %s after %d tries, %d troubles", w.Code, w.Body, len(transport.bodies), e.troubles())
				}
				for _, b := range transport.bodies {
					if b != body {
						t.Errorf("sent %q", b)
					}
				}
				if len(rec) != 1 || rec[0].Status != tt.status {
					t.Errorf("records %+v", rec)
				}
			})
		})
	}
	t.Run("GoesOnWhereAnEngineIsNotReached", func(t *testing.T) {
		two := backendstest.New(t)
		e := &engines{target: targetOf(t, "http://127.0.0.1:1"), more: []*backends.Target{targetOf(t, two.URL)}}
		e.target.Name, e.target.Transport = "one", &tries{t: t, script: []try{{err: slow}}}
		e.more[0].Name = "two"
		two.SetModels("m:latest")
		r := rigFor(t, e, Limits{}, batching.Settings{})
		res := r.post("/api/generate", `{"model":"m","prompt":"nonce:a"}`)
		if got := text(t, res); res.StatusCode != 200 || res.Header.Get("X-Carpool-Engine") != "two" {
			t.Errorf("%d %s", res.StatusCode, got)
		}
		if e.troubles() != 1 || e.failures() != 0 {
			t.Errorf("%d troubles, %d failures", e.troubles(), e.failures())
		}
	})
	t.Run("NeverAsksAnEngineTwiceThatHadHeard", func(t *testing.T) {
		var heard atomic.Int32
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			_, _ = io.Copy(io.Discard, q.Body)
			if heard.Add(1) == 1 { // leaves an idle connection
				says(typeJSON, `{"done":true}`)(w, q)
				return
			}
			time.Sleep(5 * idleRace) // from when the engine heard, not from when it was seen to be written
			panic(http.ErrAbortHandler)
		}), Limits{}, batching.Settings{})
		const body = `{"model":"m","prompt":"a"}`
		_ = text(t, r.post("/api/generate", body))
		res := r.do("POST", "/api/generate", body, "Idempotency-Key", "k")
		if _ = text(t, res); res.StatusCode != 502 || heard.Load() != 2 {
			t.Errorf("%d after the engine heard %d requests", res.StatusCode, heard.Load())
		}
	})
	t.Run("AsksAgainWhereNothingWasWritten", func(t *testing.T) {
		r := newRig(t, says(typeJSON, `{"done":true}`), Limits{}, batching.Settings{})
		transport, ok := r.engines.target.Transport.(*http.Transport)
		if !ok {
			t.Fatal("another transport")
		}
		var dials atomic.Int32
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return &oneWrite{Conn: conn, dead: dials.Add(1) == 1}, err
		}
		for range 2 {
			if res := r.post("/api/generate", `{"model":"m","prompt":"a"}`); res.StatusCode != 200 || text(t, res) == "" {
				t.Errorf("%d", res.StatusCode)
			}
		}
		if dials.Load() != 2 {
			t.Errorf("%d connections: none had died", dials.Load())
		}
	})
	t.Run("OnRealConnections", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{})
		const body = `{"model":"tiny","prompt":"a"}`
		_ = text(t, r.post("/api/generate", body)) // leaves an idle connection
		engine.Stop()
		if res := r.post("/api/generate", body); res.StatusCode != 503 || res.Header.Get("Retry-After") != "5" || !strings.Contains(text(t, res), "engine") {
			t.Errorf("stopped: %d %v", res.StatusCode, res.Header)
		}
		engine.Start()
		if res := r.post("/api/generate", body); res.StatusCode != 200 || !strings.Contains(text(t, res), `"done":true`) {
			t.Errorf("started again: %d", res.StatusCode)
		}
	})
}

func TestQueueErrors(t *testing.T) {
	tests := []struct {
		name     string
		settings batching.Settings
		status   int
		kind     string
	}{
		{"full", batching.Settings{MaxWaiting: 1}, 503, "queue_full"},
		{"an app's share is full", batching.Settings{MaxWaiting: 2, ReservedOthers: 1}, 429, "rate_limit_exceeded"},
		{"waited too long", batching.Settings{MaxWait: time.Millisecond}, 503, "queue_timeout"},
	}
	const chat = `{"model":"tiny","messages":[{"role":"user","content":"a"}]}`
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.settings.Limits = batching.Limits{Mode: batching.Fixed, Size: 1}
			r, engine := scripted(t, Limits{}, tt.settings)
			engine.Hold()
			leave, first := r.leaving("/api/chat", chat)
			defer leave()
			held := engine.Next()
			if tt.settings.MaxWait == 0 {
				leave, waiting := r.leaving("/api/chat", chat)
				eventually(t, "one waits", func() bool { return r.scheduler.Totals().QueueDepth == 1 })
				defer func() { <-waiting }()
				defer leave()
			}
			res := r.post("/api/chat", chat)
			body := text(t, res)
			if res.StatusCode != tt.status || res.Header.Get("Retry-After") == "" || !strings.HasPrefix(body, `{"error":"`) {
				t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
			}
			if rec := r.recorded(); rec.Outcome != Rejected || rec.ErrorKind != tt.kind || rec.Status != tt.status || rec.Batch != 0 {
				t.Errorf("record %+v", rec)
			}
			engine.Release()
			held.Release()
			_ = text(t, <-first)
		})
	}
}

// TestTooLarge asks for more than the GPU can ever have free, in each dialect: the
// answer says so at once and the engine hears nothing.
func TestTooLarge(t *testing.T) {
	const words = "the prompt has 100 tokens or more, and the GPU has memory for 99 with nothing beside it: shorten the prompt"
	prompt := strings.Repeat("a", 600)
	for _, tt := range []struct{ path, body, start, kind string }{
		{"/api/generate", `{"model":"tiny","prompt":"%s"}`, `{"error":"` + words, ""},
		{"/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"%s"}]}`, `{"error":"` + words, ""},
		{"/v1/chat/completions", `{"model":"tiny","stream":true,"messages":[{"role":"user","content":"%s"}]}`, `{"error":{"message":"` + words, `"code":"insufficient_memory"`},
		{"/v1/responses", `{"model":"tiny","input":"%s"}`, `{"error":{"message":"` + words, `"code":"insufficient_memory"`},
		{"/v1/messages", `{"model":"tiny","max_tokens":8,"messages":[{"role":"user","content":"%s"}]}`,
			`{"type":"error","error":{"type":"api_error","message":"` + words, ""},
	} {
		t.Run(tt.path, func(t *testing.T) {
			r, engine := scripted(t, Limits{}, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 4, Largest: 99}})
			res := r.post(tt.path, fmt.Sprintf(tt.body, prompt))
			body := text(t, res)
			if res.StatusCode != 500 || res.Header.Get("X-Should-Retry") != "false" || res.Header.Get("Retry-After") != "" ||
				!strings.HasPrefix(body, tt.start) || !strings.Contains(body, tt.kind) {
				t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
			}
			if rec := r.recorded(); rec.Outcome != Rejected || rec.ErrorKind != "insufficient_memory" || rec.Status != 500 || rec.Batch != 0 {
				t.Errorf("record %+v", rec)
			}
			res = r.post(tt.path, fmt.Sprintf(tt.body, prompt[:590]))
			if body := text(t, res); res.StatusCode != 200 {
				t.Errorf("one that fits: %d %s", res.StatusCode, body)
			}
			if n := engine.Hits(tt.path); n != 1 {
				t.Errorf("the engine heard of %d", n)
			}
		})
	}
	t.Run("EmbeddingsAreReadOneByOne", func(t *testing.T) {
		r, _ := scripted(t, Limits{}, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 4, Largest: 99}})
		res := r.post("/api/embed", `{"model":"tiny","input":["`+prompt+`"]}`)
		if body := text(t, res); res.StatusCode != 200 {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	})
}

func TestShutdown(t *testing.T) {
	const chat = `{"model":"tiny","messages":[{"role":"user","content":"a"}]}`
	t.Run("DrainLetsWorkEndAndRefusesNewWork", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{})
		engine.Hold()
		leave, first := r.leaving("/api/chat", chat)
		defer leave()
		held := engine.Next()
		r.gateway.Drain()
		for _, path := range []string{"/api/chat", "/v1/messages", "/api/tags", "/v1/models"} {
			res := r.post(path, chat)
			body := text(t, res)
			if res.StatusCode != 503 || !res.Close || res.Header.Get("Retry-After") != "5" || !strings.Contains(body, "shutting") {
				t.Errorf("%s: %d %v %s", path, res.StatusCode, res.Header, body)
			}
		}
		for path, want := range map[string]string{"/health": `{"status":"shutting down"}` + "\n", "/api/version": `{"version":"`} {
			if res := r.do("GET", path, ""); res.StatusCode != 200 || !strings.HasPrefix(text(t, res), want) {
				t.Errorf("%s: %d", path, res.StatusCode)
			}
		}
		engine.Release()
		held.Release()
		if got := text(t, <-first); !endsWell(got) {
			t.Errorf("%q", got)
		}
		if rec := r.recorded(); rec.Outcome != OK {
			t.Errorf("record %+v", rec)
		}
		r.noMore()
	})
	t.Run("TheSchedulersEndIsToldToThoseWhoWait", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}})
		engine.Hold()
		leave, first := r.leaving("/api/chat", chat)
		defer leave()
		held := engine.Next()
		_, second := r.leaving("/v1/chat/completions", `{"model":"tiny"}`)
		eventually(t, "one waits", func() bool { return r.scheduler.Totals().QueueDepth == 1 })
		var wait sync.WaitGroup
		wait.Go(func() { _ = r.scheduler.Shutdown(t.Context()) })
		res := <-second
		if body := text(t, res); res.StatusCode != 503 || !res.Close || !strings.Contains(body, "shutting_down") {
			t.Errorf("%d %s", res.StatusCode, body)
		}
		if rec := r.recorded(); rec.Outcome != Rejected || rec.ErrorKind != "shutting_down" {
			t.Errorf("record %+v", rec)
		}
		engine.Release()
		held.Release()
		_ = text(t, <-first)
		wait.Wait()
	})
	t.Run("InterruptTellsEveryStreamSo", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, batching.Settings{})
		engine.Always(backendstest.Script{Tokens: 3, End: backendstest.Stall, At: 3, Every: time.Millisecond})
		for _, q := range inference[:6] {
			_, answer := r.leaving(q.path, q.stream)
			res := <-answer
			eventually(t, "tokens flow", func() bool { return r.scheduler.Totals().Tokens >= 3 })
			r.gateway.Interrupt()
			got, broke := read(res)
			if !strings.Contains(got, "shutting") || endsWell(got) || broke == (dialectOf(q.path) == Ollama) {
				t.Errorf("%s: broken off %v, %q", q.path, broke, got)
			}
			if rec := r.recorded(); rec.Outcome != Interrupted || rec.ErrorKind != "shutting_down" || rec.Status != 200 {
				t.Errorf("record %+v", rec)
			}
			r, engine = scripted(t, Limits{}, batching.Settings{})
			engine.Always(backendstest.Script{Tokens: 3, End: backendstest.Stall, At: 3, Every: time.Millisecond})
		}
	})
}

// panics is a scheduler with a fault of its own.
type panics struct{}

func (panics) Acquire(context.Context, batching.Request) (*batching.Lease, error) { panic("a bug") }
func (panics) Pause(string, time.Time, string)                                    {}

func TestPanic(t *testing.T) {
	r, _ := scripted(t, Limits{}, batching.Settings{})
	r.gateway.scheduler = panics{}
	res := r.post("/v1/chat/completions", `{"model":"tiny"}`)
	body := text(t, res)
	if res.StatusCode != 500 || res.Header.Get("X-Should-Retry") != "false" || !strings.Contains(body, "internal_error") || res.Header.Get("X-Request-Id") == "" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	if rec := r.recorded(); rec.Outcome != Failed || rec.ErrorKind != "internal_error" || rec.Status != 500 {
		t.Errorf("record %+v", rec)
	}
	if res := r.do("GET", "/api/tags", ""); res.StatusCode != 200 || text(t, res) == "" {
		t.Errorf("others suffer: %d", res.StatusCode)
	}
}

func Test08_SlowReader(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typeNDJSON)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, `{"response":"`+big[:maxLine/2]+`"}`+"\n"); err != nil {
				return
			}
		}
	}), Limits{SlowClient: 50 * time.Millisecond}, batching.Settings{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	body := `{"prompt":"a"}`
	if _, err := io.WriteString(conn, "POST /api/generate HTTP/1.1\r\nHost: "+strings.TrimPrefix(r.url, "http://")+"\r\nContent-Length: 14\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	if rec := r.recorded(); rec.Outcome != Canceled || rec.ErrorKind != "slow_client" || rec.Status != 499 {
		t.Errorf("record %+v", rec)
	}
	eventually(t, "the place is free", func() bool { return r.scheduler.Totals().InFlight == 0 })
}

// bounded is a client's connection whose writes have a deadline.
type bounded struct {
	*httptest.ResponseRecorder
	until       time.Time     // zero = none
	set         int           // how often it was
	least, most time.Duration // that a write had, while it had a bound
}

func (b *bounded) SetWriteDeadline(until time.Time) error {
	b.until = until
	b.set++
	return nil
}

func (b *bounded) Write(p []byte) (int, error) {
	if left := time.Until(b.until); !b.until.IsZero() {
		b.most = max(b.most, left)
		if b.least == 0 || left < b.least {
			b.least = left
		}
	}
	if !b.until.IsZero() && !time.Now().Before(b.until) {
		return 0, os.ErrDeadlineExceeded
	}
	return b.ResponseRecorder.Write(p)
}

func TestWriteDeadlineIsForOneWrite(t *testing.T) {
	const pieces = 30
	usual := Limits{}.withDefaults().SlowClient
	synctest.Test(t, func(t *testing.T) {
		target := targetOf(t, "http://engine")
		target.Transport = paced{contentType: typeNDJSON, pause: usual * 3 / 4, ends: true,
			pieces: append(slices.Repeat(chatStream[:1], pieces), chatStream[2])}
		w := &bounded{ResponseRecorder: httptest.NewRecorder()}
		rec, _ := virtually(t, &engines{target: target}, w, "/api/chat", `{"model":"m","messages":[1]}`)
		if got := w.Body.String(); !endsWell(got) || strings.Count(got, "\n") != pieces+1 || len(rec) != 1 || rec[0].Outcome != OK {
			t.Errorf("%d lines, records %+v", strings.Count(got, "\n"), rec)
		}
		if !w.until.IsZero() {
			t.Error("the deadline outlives the request")
		}
	})
}

func TestWriteDeadlineIsNotSetForEachToken(t *testing.T) {
	const pieces = 1000
	usual := Limits{}.withDefaults().SlowClient
	synctest.Test(t, func(t *testing.T) {
		target := targetOf(t, "http://engine")
		pause := 50 * time.Millisecond
		target.Transport = paced{contentType: typeNDJSON, pause: pause, ends: true,
			pieces: append(slices.Repeat(chatStream[:1], pieces), chatStream[2])}
		w := &bounded{ResponseRecorder: httptest.NewRecorder()}
		virtually(t, &engines{target: target}, w, "/api/chat", `{"model":"m","messages":[1]}`)
		if got := strings.Count(w.Body.String(), "\n"); got != pieces+1 {
			t.Fatalf("%d lines", got)
		}
		if w.least < usual || w.most > usual+usual/slack {
			t.Errorf("a write may take from %v to %v, and should at least %v and an eighth more at most", w.least, w.most, usual)
		}
		if most := 3 + int(pieces*pause/(usual/slack)); w.set > most {
			t.Errorf("set %d times for %d pieces, want %d at most", w.set, pieces, most)
		}
	})
}

func TestAWholeAnswerOfKnownLengthNeedsNoFlush(t *testing.T) {
	const text = `{"model":"m","message":{"content":"a"},"done":true}`
	synctest.Test(t, func(t *testing.T) {
		target := targetOf(t, "http://engine")
		target.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{"Content-Type": {typeJSON}},
				Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text))}, nil
		})
		w := &pushed{ResponseRecorder: httptest.NewRecorder()}
		virtually(t, &engines{target: target}, w, "/api/chat", `{"model":"m","messages":[1],"stream":false}`)
		if got := w.Body.String(); got != text || w.all.Load() != 0 {
			t.Errorf("answered %q with %d flushes", got, w.all.Load())
		}
	})
}

// family is a context that counts who waits for its end.
type family struct {
	context.Context
	never    chan struct{}
	children atomic.Int32
	born     atomic.Int32
}

func (f *family) Done() <-chan struct{} { return f.never }

func (f *family) AfterFunc(func()) func() bool {
	f.children.Add(1)
	f.born.Add(1)
	return func() bool { f.children.Add(-1); return true }
}

func TestARequestLeavesNothingBehind(t *testing.T) {
	r := newRig(t, says(typeJSON, `{"done":true}`), Limits{}, batching.Settings{})
	life := &family{Context: context.Background(), never: make(chan struct{})}
	r.gateway.life = life
	for range 3 {
		_ = text(t, r.post("/api/generate", `{"model":"m","prompt":"a"}`))
	}
	eventually(t, "no request waits for the end", func() bool { return life.children.Load() == 0 })
	if life.born.Load() == 0 {
		t.Error("no request waited for the end")
	}
}

func TestReleaseTellsHowTheEngineIsLeft(t *testing.T) {
	for _, tt := range []struct {
		name   string
		engine int
		fault  *fault
		want   batching.Outcome
	}{
		{"a good answer", 200, nil, batching.Served},
		{"too busy", 503, newFault(backendUnavailable, ""), batching.Overload},
		{"too many", 429, newFault(rateLimited, ""), batching.Overload},
		{"its own error", 500, newFault(backendError, ""), batching.Served},
		{"out of memory", 500, newFault(insufficientMemory, ""), batching.Exhausted},
		{"out of memory, in a refusal that quotes the client", 400, newFault(insufficientMemory, ""), batching.Served},
		{"not there", 0, newFault(backendUnavailable, ""), batching.Failed},
		{"not there in time", 0, newFault(backendTimeout, ""), batching.Failed},
		{"gone", 0, newFault(backendDisconnected, ""), batching.Failed},
		{"ended early", 200, newFault(backendTruncated, ""), batching.Failed},
		{"broken off by us as garbage", 200, newFault(backendBadResponse, ""), batching.Canceled},
	} {
		c := &call{ctx: t.Context(), client: &client{}, fault: tt.fault, rec: Record{EngineStatus: tt.engine}}
		if got := c.release(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// deaf is a client's connection on which every flush fails.
type deaf struct{ http.ResponseWriter }

func (deaf) FlushError() error { return io.ErrClosedPipe }

// pushed counts the flushes of an answer, and those that brought no body.
type pushed struct {
	*httptest.ResponseRecorder
	all, alone atomic.Int32
}

func (p *pushed) FlushError() error {
	p.all.Add(1)
	if p.Body.Len() == 0 {
		p.alone.Add(1)
	}
	return nil
}

func TestTheHeadOfAnAnswerGoesWithItsBody(t *testing.T) {
	for _, tt := range []struct {
		name, contentType string
		pieces            []string
		most              int32 // flushes
	}{
		{"AStream", typeNDJSON, chatStream, 4},
		{"AWholeAnswer", typeJSON, []string{`{"model":"m","message":{"content":"a"},"done":true}`}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := targetOf(t, "http://engine")
				target.Transport = paced{contentType: tt.contentType, pause: time.Second, ends: true, pieces: tt.pieces}
				w := &pushed{ResponseRecorder: httptest.NewRecorder()}
				virtually(t, &engines{target: target}, w, "/api/chat", `{"model":"m","messages":[1]}`)
				if got := w.Body.String(); got != strings.Join(tt.pieces, "") {
					t.Errorf("answered %q", got)
				}
				if w.alone.Load() > 0 || w.all.Load() > tt.most {
					t.Errorf("%d flushes, %d of them without a body", w.all.Load(), w.alone.Load())
				}
			})
		})
	}
}

func TestAFlushMayFailOnAnotherGoroutine(t *testing.T) {
	c := newClient(deaf{}, "a", time.Second)
	var wait sync.WaitGroup
	wait.Go(func() { _ = c.FlushError() })
	_ = c.failure() // the race detector judges
	wait.Wait()
	if !errors.Is(c.failure(), io.ErrClosedPipe) {
		t.Errorf("%v", c.failure())
	}
}
