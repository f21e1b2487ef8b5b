package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carpool/backends/backendstest"
	"carpool/batching"
)

// repeatable are requests that an engine answers alike each time, one in every
// dialect, streamed and not. %s is what they are about.
var repeatable = []struct{ path, body string }{
	{"/api/generate", `{"model":"tiny","prompt":"nonce:%s","options":{"temperature":0}}`},
	{"/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"nonce:%s"}],"options":{"seed":7}}`},
	{"/api/chat", `{"model":"tiny","stream":false,"messages":[{"role":"user","content":"nonce:%s"}],"options":{"temperature":0.0}}`},
	{"/v1/chat/completions", `{"model":"tiny","stream":true,"temperature":0,"messages":[{"role":"user","content":"nonce:%s"}]}`},
	{"/v1/chat/completions", `{"model":"tiny","seed":7,"messages":[{"role":"user","content":"nonce:%s"}]}`},
	{"/v1/completions", `{"model":"tiny","stream":true,"seed":0,"prompt":"nonce:%s"}`},
	{"/v1/responses", `{"model":"tiny","stream":true,"temperature":0,"input":"nonce:%s"}`},
	{"/v1/messages", `{"model":"tiny","stream":true,"temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"nonce:%s"}]}`},
}

func streams(body string) bool {
	return strings.Contains(body, `"stream":true`) || strings.Contains(body, `"options"`) && !strings.Contains(body, `"stream":false`)
}

// sharers waits until n requests were answered, or are being, by another's run.
func (r *rig) sharers(n uint64) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d share", n), func() bool { return r.gateway.Stats().Shared == n })
}

// remain waits until n clients of the one run are left.
func (r *rig) remain(n int) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d remain", n), func() bool {
		r.gateway.runs.mu.Lock()
		defer r.gateway.runs.mu.Unlock()
		for _, run := range r.gateway.runs.open {
			run.mu.Lock()
			defer run.mu.Unlock()
			return run.clients == n
		}
		return false
	})
}

// settled checks that nothing of the runs is left.
func (r *rig) settled() {
	r.t.Helper()
	r.allGivenBack()
	r.gateway.runs.mu.Lock()
	defer r.gateway.runs.mu.Unlock()
	if n := len(r.gateway.runs.open); n > 0 {
		r.t.Errorf("%d runs are still open", n)
	}
}

// accounts fetches n records: the leaders' and the others'.
func (r *rig) accounts(n int) (leaders, others []Record) {
	r.t.Helper()
	for range n {
		if rec := r.recorded(); rec.Shared {
			others = append(others, rec)
		} else {
			leaders = append(leaders, rec)
		}
	}
	r.noMore()
	return leaders, others
}

func TestShare(t *testing.T) {
	one := batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}
	for i, q := range repeatable {
		body := fmt.Sprintf(q.body, "N")
		t.Run(fmt.Sprintf("AnswersAllWithOneRun %d %s", i, q.path), func(t *testing.T) {
			r, engine := scripted(t, Limits{Share: true}, one)
			want := text(t, r.post(q.path, body))
			r.recorded()
			engine.Hold()
			leader := r.asks(q.path, body, "X-Request-Id", "first")
			held := engine.Next()
			var others []<-chan *http.Response
			for n := range 3 {
				others = append(others, r.asks(q.path, body, "X-Request-Id", fmt.Sprint("other-", n)))
			}
			r.sharers(3)
			engine.Release()
			held.Release(backendstest.Script{Every: time.Millisecond})
			res := <-leader
			if got := text(t, res); got != want || res.Header.Get("X-Carpool-Shared") != "" || res.Header.Get("X-Request-Id") != "first" {
				t.Errorf("the leader got %v %q", res.Header, got)
			}
			for n, other := range others {
				res2 := <-other
				if got := text(t, res2); got != want || res2.StatusCode != 200 {
					t.Errorf("another got %d %q", res2.StatusCode, got)
				}
				h := res2.Header
				if h.Get("X-Request-Id") != fmt.Sprint("other-", n) || h.Get("X-Carpool-Shared") != "run" || h.Get("X-Carpool-Wait-Ms") != "0" {
					t.Errorf("its header %v", h)
				}
				for _, name := range []string{"Content-Type", "X-Carpool-Engine", "X-Carpool-Batch"} {
					if h.Get(name) == "" || h.Get(name) != res.Header.Get(name) {
						t.Errorf("%s %q beside the leader's %q", name, h.Get(name), res.Header.Get(name))
					}
				}
			}
			leaders, rest := r.accounts(4)
			if engine.Hits() != 2 || len(leaders) != 1 || leaders[0].Outcome != OK || leaders[0].OutputTokens < 1 {
				t.Errorf("%d requests reached the engine, %+v", engine.Hits(), leaders)
			}
			for _, rec := range rest {
				if rec.Outcome != OK || rec.Status != 200 || rec.EngineStatus != 200 || rec.Batch != 0 || rec.OutputTokens != 0 || rec.PromptTokens != 0 ||
					rec.AnswerBytes != int64(len(want)) || rec.Engine != "ollama" || (rec.FirstToken > 0) != streams(body) || rec.Total == 0 {
					t.Errorf("record %+v", rec)
				}
			}
			if got := r.scheduler.Totals().Requests; got != 2 {
				t.Errorf("%d leases", got)
			}
			r.settled()
		})
		t.Run(fmt.Sprintf("TellsAllWhyThereIsNone %d %s", i, q.path), func(t *testing.T) {
			for _, script := range []backendstest.Script{
				{Status: 400, Error: "no such option"}, {Status: 500, Error: "out of memory"}, {End: backendstest.Reset},
			} {
				r, engine := scripted(t, Limits{Share: true}, one)
				engine.Hold()
				leader := r.asks(q.path, body, "X-Request-Id", "ID")
				held := engine.Next()
				other := r.asks(q.path, body, "X-Request-Id", "id")
				r.sharers(1)
				held.Release(script)
				first, second := <-leader, <-other
				a, b := text(t, first), text(t, second)
				if first.StatusCode < 400 || second.StatusCode != first.StatusCode || strings.ReplaceAll(a, `"ID"`, `"id"`) != b {
					t.Errorf("%d %s, but %d %s", first.StatusCode, a, second.StatusCode, b)
				}
				if first.Header.Get("X-Should-Retry") != second.Header.Get("X-Should-Retry") || first.Header.Get("Retry-After") != second.Header.Get("Retry-After") {
					t.Errorf("%v, but %v", first.Header, second.Header)
				}
				leaders, rest := r.accounts(2)
				if len(rest) != 1 || rest[0].Outcome != Failed || rest[0].ErrorKind != leaders[0].ErrorKind || rest[0].Status != leaders[0].Status || rest[0].EngineStatus != leaders[0].EngineStatus {
					t.Errorf("records %+v and %+v", leaders, rest)
				}
				r.settled()
			}
		})
		if !streams(body) {
			continue
		}
		t.Run(fmt.Sprintf("GivesLatecomersAllOfIt %d %s", i, q.path), func(t *testing.T) {
			r, engine := scripted(t, Limits{Share: true}, one)
			begun := make(chan struct{})
			engine.Always(backendstest.Script{Tokens: 60, Until: begun})
			res := r.post(q.path, body)
			late := r.post(q.path, body)
			if late.Header.Get("X-Carpool-Shared") != "run" {
				t.Error("it is not shared")
			}
			close(begun)
			whole := text(t, late)
			if first := text(t, res); first != whole || !endsWell(whole) {
				t.Errorf("the leader got %q\nthe other %q", first, whole)
			}
			if engine.Hits() != 1 {
				t.Errorf("%d requests reached the engine", engine.Hits())
			}
			r.accounts(2)
			r.settled()
		})
		t.Run(fmt.Sprintf("TellsAllOfABreak %d %s", i, q.path), func(t *testing.T) {
			for _, end := range []backendstest.End{backendstest.Reset, backendstest.NoMark, backendstest.Error} {
				r, engine := scripted(t, Limits{Share: true}, one)
				begun := make(chan struct{})
				engine.Always(backendstest.Script{End: end, At: 3, Until: begun})
				leader := r.asks(q.path, body, "X-Request-Id", "ID")
				first := <-leader
				other := <-r.asks(q.path, body, "X-Request-Id", "id")
				r.sharers(1)
				close(begun)
				a, brokeA := read(first)
				b, brokeB := read(other)
				if endsWell(b) || !strings.Contains(b, "error") || strings.ReplaceAll(a, `"ID"`, `"id"`) != b || brokeA != brokeB {
					t.Errorf("%v: the leader got %q, broken %v\nthe other %q, %v", end, a, brokeA, b, brokeB)
				}
				leaders, rest := r.accounts(2)
				if len(rest) != 1 || rest[0].Outcome != Failed || rest[0].ErrorKind != leaders[0].ErrorKind || rest[0].Status != 200 {
					t.Errorf("records %+v and %+v", leaders, rest)
				}
				r.settled()
			}
		})
	}
}

func TestSharingIsFor(t *testing.T) {
	const chat = `{"model":"tiny","messages":[{"role":"user","content":"a"}],"options":{"temperature":0}}`
	ollama := func(more string) string { return `{"model":"tiny","prompt":"a",` + more + `}` }
	openAI := func(more string) string {
		return `{"model":"tiny","messages":[{"role":"user","content":"a"}],` + more + `}`
	}
	tests := []struct {
		name, path, body string
		headers          []string // of the second request
		off              bool
		want             bool
	}{
		{name: "the very same", path: "/api/chat", body: chat, want: true},
		{name: "other header lines that engines do not look at", path: "/api/chat", body: chat, headers: []string{"Traceparent", "00-1", "Accept-Language", "de"}, want: true},
		{name: "another app", path: "/api/chat", body: chat, headers: []string{"X-Carpool-App", "other"}},
		{name: "another key", path: "/api/chat", body: chat, headers: []string{"Authorization", "Bearer other"}},
		{name: "another priority", path: "/api/chat", body: chat, headers: []string{"X-Carpool-Priority", "urgent"}},
		{name: "another purpose", path: "/api/chat", body: chat, headers: []string{"X-Carpool-Supersede", "line 7"}},
		{name: "switched off", path: "/api/chat", body: chat, off: true},
		{name: "no temperature", path: "/api/generate", body: ollama(`"options":{}`)},
		{name: "a temperature", path: "/api/generate", body: ollama(`"options":{"temperature":0.1}`)},
		{name: "a temperature and a seed", path: "/api/generate", body: ollama(`"options":{"temperature":0.1,"seed":3}`), want: true},
		{name: "a random seed", path: "/api/generate", body: ollama(`"options":{"seed":-1}`)},
		{name: "llama.cpp's random seed", path: "/v1/chat/completions", body: openAI(`"seed":4294967295`)},
		{name: "no seed", path: "/v1/chat/completions", body: openAI(`"seed":null`)},
		{name: "options in the wrong place", path: "/api/generate", body: ollama(`"temperature":0`)},
		{name: "nor there", path: "/v1/chat/completions", body: openAI(`"options":{"temperature":0}`)},
		{name: "tools", path: "/v1/chat/completions", body: openAI(`"temperature":0,"tools":[{"type":"function","function":{"name":"f"}}]`)},
		{name: "functions", path: "/v1/chat/completions", body: openAI(`"temperature":0,"functions":[{"name":"f"}]`)},
		{name: "no tools", path: "/v1/chat/completions", body: openAI(`"temperature":0,"tools":[]`), want: true},
		{name: "a seed where there is none", path: "/v1/messages", body: openAI(`"seed":3,"max_tokens":5`)},
		{name: "embeddings", path: "/v1/embeddings", body: `{"model":"tiny","input":"a","temperature":0,"seed":3,"encoding_format":"base64"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, engine := scripted(t, Limits{Share: !tt.off}, batching.Settings{})
			engine.Hold()
			first := r.asks(tt.path, tt.body)
			held := engine.Next()
			second := r.asks(tt.path, tt.body, tt.headers...)
			if tt.want {
				r.sharers(1)
			} else {
				engine.Next()
			}
			engine.Release()
			held.Release()
			for _, answer := range []<-chan *http.Response{first, second} {
				if res := <-answer; res.StatusCode != 200 || text(t, res) == "" {
					t.Errorf("%d", res.StatusCode)
				}
			}
			if shared := r.gateway.Stats().Shared == 1; shared != tt.want {
				t.Errorf("shared: %v", shared)
			}
		})
	}
	t.Run("others only while it goes on", func(t *testing.T) {
		r, engine := scripted(t, Limits{Share: true}, batching.Settings{})
		for range 3 {
			_ = text(t, r.post("/api/chat", chat))
			r.recorded()
		}
		if engine.Hits() != 3 {
			t.Error("an answer was kept")
		}
		r.settled()
	})
	t.Run("others in another query", func(t *testing.T) {
		r, engine := scripted(t, Limits{Share: true}, batching.Settings{})
		engine.Hold()
		first := r.asks("/v1/chat/completions", openAI(`"temperature":0`))
		engine.Next()
		second := r.asks("/v1/chat/completions?a=b", openAI(`"temperature":0`))
		engine.Next()
		engine.Release()
		_, _ = text(t, <-first), text(t, <-second)
	})
}

func TestLeavingASharedRun(t *testing.T) {
	one := batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}
	const busy = `{"model":"tiny","prompt":"busy"}`
	for i, q := range repeatable {
		body := fmt.Sprintf(q.body, "N")
		t.Run(fmt.Sprintf("TheLeaderWhileItWaits %d %s", i, q.path), func(t *testing.T) {
			r, engine := scripted(t, Limits{Share: true}, one)
			want := text(t, r.post(q.path, body))
			r.recorded()
			engine.Hold()
			before := r.asks("/api/generate", busy)
			held := engine.Next()
			leave, gone := r.leaving(q.path, body)
			eventually(t, "the leader waits", func() bool { return r.scheduler.Totals().QueueDepth == 1 })
			other := r.asks(q.path, body)
			r.sharers(1)
			leave()
			<-gone
			r.remain(1)
			engine.Release()
			held.Release()
			_ = text(t, <-before)
			res := <-other
			if got := text(t, res); got != want {
				t.Errorf("%d %q", res.StatusCode, got)
			}
			leaders, rest := r.accounts(3)
			if leaders[0].Route != "/api/generate" {
				leaders[0], leaders[1] = leaders[1], leaders[0]
			}
			if rec := leaders[len(leaders)-1]; rec.Outcome != Canceled || rec.Status != 499 || rec.Batch == 0 || rec.OutputTokens < 1 || rest[0].Outcome != OK {
				t.Errorf("records %+v and %+v", leaders, rest)
			}
			if engine.Hits() != 3 || engine.Canceled() != 0 {
				t.Errorf("%d requests reached the engine, %d were canceled", engine.Hits(), engine.Canceled())
			}
			r.settled()
		})
		t.Run(fmt.Sprintf("TheLeaderInMidStream %d %s", i, q.path), func(t *testing.T) {
			r, engine := scripted(t, Limits{Share: true}, one)
			engine.Hold()
			leave, answer := r.leaving(q.path, body)
			held := engine.Next()
			other := r.asks(q.path, body)
			r.sharers(1)
			begun := make(chan struct{})
			script := backendstest.Script{Tokens: 60, Until: begun}
			if streams(body) {
				held.Release(script)
				res := <-answer
				defer func() { _ = res.Body.Close() }()
			}
			leave()
			r.remain(1)
			held.Release(script)
			close(begun)
			res := <-other
			if got := text(t, res); res.StatusCode != 200 || strings.Count(got, "N ") < 60 || streams(body) && !endsWell(got) {
				t.Errorf("%d %q", res.StatusCode, got)
			}
			leaders, rest := r.accounts(2)
			if leaders[0].Outcome != Canceled || leaders[0].ErrorKind != "client_gone" || leaders[0].OutputTokens < 60 || rest[0].Outcome != OK {
				t.Errorf("records %+v and %+v", leaders, rest)
			}
			if engine.Hits() != 1 || engine.Canceled() != 0 || r.scheduler.Totals().InFlight != 0 {
				t.Errorf("%d requests reached the engine, %d were canceled, %+v", engine.Hits(), engine.Canceled(), r.scheduler.Totals())
			}
			r.settled()
		})
	}
	for _, leaderFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("All, the leader first: %v", leaderFirst), func(t *testing.T) {
			body := fmt.Sprintf(repeatable[0].body, "N")
			r, engine := scripted(t, Limits{Share: true}, batching.Settings{Limits: one.Limits, CancelGrace: time.Hour})
			engine.Always(backendstest.Script{Tokens: 100_000, Every: time.Millisecond})
			leave := [2]context.CancelFunc{}
			for i := range leave {
				var answer chan *http.Response
				leave[i], answer = r.leaving("/api/generate", body)
				res := <-answer
				defer func() { _ = res.Body.Close() }()
				if _, err := io.ReadFull(res.Body, make([]byte, 200)); err != nil {
					t.Fatal(err)
				}
			}
			first, last := leave[0], leave[1]
			if !leaderFirst {
				first, last = last, first
			}
			first()
			if !leaderFirst { // its record comes at once, the leader's with the run's end
				if rec := r.recorded(); !rec.Shared || rec.Outcome != Canceled {
					t.Errorf("record %+v", rec)
				}
			}
			r.remain(1)
			if engine.Running() != 1 || engine.Canceled() != 0 {
				t.Error("the engine was told to stop although one is left")
			}
			last()
			eventually(t, "the engine hears of it", func() bool { return engine.Canceled() == 1 })
			r.allGivenBack()
			if s := r.scheduler.Snapshot(); len(s) != 1 || len(s[0].Running) != 1 || !s[0].Running[0].Leaving {
				t.Errorf("the place is free although the engine may still work: %+v", s)
			}
			r.settled()
		})
	}
	t.Run("BeforeAnythingHasCome", func(t *testing.T) {
		body := fmt.Sprintf(repeatable[3].body, "N")
		r, engine := scripted(t, Limits{Share: true}, one)
		engine.Hold()
		leaveFirst, first := r.leaving(repeatable[3].path, body)
		engine.Next()
		leaveSecond, second := r.leaving(repeatable[3].path, body)
		r.sharers(1)
		leaveFirst()
		leaveSecond()
		<-first
		<-second
		eventually(t, "the engine hears of it", func() bool { return engine.Canceled() == 1 })
		leaders, rest := r.accounts(2)
		if leaders[0].Outcome != Canceled || rest[0].Outcome != Canceled || leaders[0].Batch == 0 || rest[0].Batch != 0 {
			t.Errorf("records %+v and %+v", leaders, rest)
		}
		r.settled()
	})
	t.Run("ByInterrupt", func(t *testing.T) {
		for _, q := range []struct{ path, body string }{repeatable[0], repeatable[3], repeatable[7]} {
			body := fmt.Sprintf(q.body, "N")
			r, engine := scripted(t, Limits{Share: true}, one)
			engine.Always(backendstest.Script{Tokens: 100_000, Every: time.Millisecond})
			first := r.post(q.path, body)
			second := r.post(q.path, body)
			for _, res := range []*http.Response{first, second} {
				if _, err := io.ReadFull(res.Body, make([]byte, 600)); err != nil {
					t.Fatal(err)
				}
			}
			r.gateway.Interrupt()
			for _, res := range []*http.Response{first, second} {
				got, broke := read(res)
				last := got[strings.LastIndex(strings.TrimRight(got, "\n"), "\n")+1:]
				if !strings.Contains(last, "shutting down") || broke == (dialectOf(q.path) == Ollama) || strings.Contains(got, "\n\n\n") {
					t.Errorf("broken %v after %q", broke, last)
				}
			}
			leaders, rest := r.accounts(2)
			if leaders[0].Outcome != Interrupted || rest[0].Outcome != Interrupted || rest[0].ErrorKind != "shutting_down" {
				t.Errorf("records %+v and %+v", leaders, rest)
			}
			r.settled()
		}
	})
	t.Run("BySuperseding", func(t *testing.T) {
		r, engine := scripted(t, Limits{Share: true}, one)
		engine.Hold()
		before := r.asks("/api/generate", busy)
		held := engine.Next()
		ask := func(nonce string) <-chan *http.Response {
			return r.asks("/v1/messages", fmt.Sprintf(repeatable[7].body, nonce), "X-Carpool-Supersede", "k")
		}
		first := ask("older")
		eventually(t, "the leader waits", func() bool { return r.scheduler.Totals().QueueDepth == 1 })
		second := ask("older")
		r.sharers(1)
		newer := ask("newer")
		for _, older := range []<-chan *http.Response{first, second} {
			if res := <-older; res.StatusCode != 409 || !strings.Contains(text(t, res), `"type":"superseded"`) {
				t.Errorf("%d", res.StatusCode)
			}
			if rec := r.recorded(); rec.Outcome != Rejected || rec.ErrorKind != "superseded" {
				t.Errorf("record %+v", rec)
			}
		}
		engine.Release()
		held.Release()
		_ = text(t, <-before)
		if got := text(t, <-newer); !strings.Contains(got, "newer") {
			t.Errorf("%q", got)
		}
	})
}

// TestASlowReaderOfASharedRun reads slowly, as the leader or as another, and
// checks that the rest get theirs meanwhile.
func TestAClientLeavesWithAllOfASharedAnswer(t *testing.T) {
	for _, tt := range []struct {
		name           string
		status         int
		length, marked int64
		at             int64
		want           Outcome
	}{
		{"AtTheAnnouncedLength", 200, 5, 0, 5, OK},
		{"BeforeTheAnnouncedLength", 200, 5, 0, 4, Canceled},
		{"AtTheEndMark", 200, -1, 5, 5, OK},
		{"BeforeTheEndMark", 200, -1, 5, 4, Canceled},
		{"WithoutAnyEnd", 200, -1, 0, 5, Canceled},
		{"WithARefusal", 404, 5, 0, 5, Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &run{memory: &budget{}, clients: 2, shared: true, markAt: tt.marked}
			r.begin(tt.status, nil, plain, tt.length)
			c := &call{client: newClient(httptest.NewRecorder(), "id", time.Second)}
			c.fault, _ = c.conclude(r, tt.at, context.Canceled)
			got := OK
			if c.fault != nil {
				got = c.outcome()
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestASlowReaderOfASharedRun(t *testing.T) {
	const body = `{"prompt":"a","options":{"temperature":0}}`
	for _, tt := range []struct {
		name       string
		leaderSlow bool
	}{
		{"TheLeader", true},
		{"Another", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const pieces = 200 // more than a connection holds and more than is kept
			piece := `{"response":"` + strings.Repeat("x", 64<<10) + `"}` + "\n"
			joined := make(chan struct{})
			r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				w.Header().Set("Content-Type", typeNDJSON)
				_, _ = io.WriteString(w, `{"response":"a"}`+"\n")
				_ = http.NewResponseController(w).Flush()
				<-joined
				for range pieces {
					if _, err := io.WriteString(w, piece); err != nil {
						return
					}
					time.Sleep(time.Millisecond) // an engine is slower than a copy
				}
				_, _ = io.WriteString(w, `{"done":true}`+"\n")
			}), Limits{Share: true}, batching.Settings{})
			slow := func() net.Conn { // asks and reads nothing
				r.gateway.Configure(Limits{Share: true, SlowClient: 500 * time.Millisecond})
				conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				_ = conn.(*net.TCPConn).SetReadBuffer(4096)
				if _, err := fmt.Fprintf(conn, "POST /api/generate HTTP/1.1\r\nHost: %s\r\nUser-Agent: Go-http-client/1.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", strings.TrimPrefix(r.url, "http://"), len(body), body); err != nil {
					t.Fatal(err)
				}
				return conn
			}
			var quick *http.Response
			var conn net.Conn
			if tt.leaderSlow {
				conn = slow()
				eventually(t, "the leader runs", func() bool { return r.scheduler.Totals().InFlight == 1 })
				r.gateway.Configure(Limits{Share: true}) // only the slow one is hurried
				quick = r.post("/api/generate", body)
			} else {
				quick = r.post("/api/generate", body)
				conn = slow()
			}
			defer func() { _ = conn.Close() }()
			r.sharers(1)
			close(joined)
			if got := text(t, quick); strings.Count(got, "\n") != pieces+2 || !endsWell(got) {
				t.Errorf("%d lines", strings.Count(got, "\n"))
			}
			leaders, rest := r.accounts(2)
			if rest[0].Shared && tt.leaderSlow {
				leaders, rest = rest, leaders
			}
			if leaders[0].Outcome != OK || rest[0].Outcome != Canceled || rest[0].ErrorKind != "slow_client" {
				t.Errorf("records %+v and %+v", leaders, rest)
			}
			r.settled()
		})
	}
}

func TestAnAnswerTooLongToKeepIsNotShared(t *testing.T) {
	var asked atomic.Int32
	long := make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", typeNDJSON)
		if asked.Add(1) == 1 {
			piece := `{"response":"` + strings.Repeat("x", 64<<10) + `"}` + "\n"
			for range maxKept/len(piece) + 1 {
				_, _ = io.WriteString(w, piece)
			}
			_ = http.NewResponseController(w).Flush()
			<-long
		}
		_, _ = io.WriteString(w, `{"done":true}`+"\n")
	}), Limits{Share: true}, batching.Settings{})
	const body = `{"prompt":"a","options":{"temperature":0}}`
	first := r.post("/api/generate", body)
	whole := make(chan string)
	go func() { whole <- text(t, first) }()
	eventually(t, "the long answer is not kept", func() bool {
		r.gateway.runs.mu.Lock()
		defer r.gateway.runs.mu.Unlock()
		for _, run := range r.gateway.runs.open {
			run.mu.Lock()
			defer run.mu.Unlock()
			return run.closed && run.kept == nil
		}
		return false
	})
	if got := text(t, r.post("/api/generate", body)); got != `{"done":true}`+"\n" {
		t.Errorf("%q", got)
	}
	close(long)
	if got := <-whole; len(got) < maxKept || !endsWell(got) {
		t.Errorf("%d bytes", len(got))
	}
	if asked.Load() != 2 || r.gateway.Stats().Shared != 0 {
		t.Errorf("asked %d times", asked.Load())
	}
	r.settled()
}

// TestSharingAtRandom has many clients ask for few things and leave when they
// like, and balances the books after it.
func TestSharingAtRandom(t *testing.T) {
	r, engine := scripted(t, Limits{Share: true}, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 3}})
	ends := []backendstest.End{backendstest.Clean, backendstest.Clean, backendstest.Clean, backendstest.Reset, backendstest.NoMark, backendstest.Error}
	engine.Choose(func(backendstest.Request) backendstest.Script {
		return backendstest.Script{Tokens: 1 + rand.IntN(20), Every: time.Duration(rand.IntN(2)) * time.Millisecond, End: ends[rand.IntN(len(ends))], At: rand.IntN(4)}
	})
	const clients, each = 24, 25
	var wg sync.WaitGroup
	var answered atomic.Int32
	for n := range clients {
		rnd := rand.New(rand.NewPCG(uint64(n), 1))
		wg.Go(func() {
			for range each {
				q := repeatable[rnd.IntN(len(repeatable))]
				nonce := fmt.Sprintf("n%d", rnd.IntN(2))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				if rnd.IntN(3) == 0 {
					time.AfterFunc(time.Duration(rnd.IntN(8000))*time.Microsecond, cancel)
				}
				req, err := http.NewRequestWithContext(ctx, "POST", r.url+q.path, strings.NewReader(fmt.Sprintf(q.body, nonce)))
				if err != nil {
					t.Error(err)
				}
				if res, err := r.client.Do(req); err == nil {
					answered.Add(1)
					got, broke := read(res)
					if other := map[string]string{"n0": "n1 ", "n1": "n0 "}[nonce]; strings.Contains(got, other) {
						t.Errorf("another's answer: %q", got)
					}
					if res.StatusCode == 200 && !broke && !endsWell(got) && !strings.Contains(got, "error") && streams(q.body) {
						t.Errorf("neither an end nor an error: %q", got)
					}
				}
				cancel()
			}
		})
	}
	wg.Wait()
	r.ended()
	r.settled()
	if len(r.records) < int(answered.Load()) {
		t.Errorf("%d records of %d answers", len(r.records), answered.Load())
	}
	eventually(t, "the engine is left", func() bool { return engine.Running() == 0 })
	shared, led := 0, uint64(0)
	for range len(r.records) {
		rec := r.recorded()
		if rec.Batch != 0 {
			led++
		}
		if rec.Shared {
			shared++
			if rec.Batch != 0 || rec.OutputTokens != 0 {
				t.Errorf("record %+v", rec)
			}
		}
	}
	if totals := r.scheduler.Totals(); totals.Requests != led || totals.InFlight != 0 || shared == 0 || uint64(shared) != r.gateway.Stats().Shared {
		t.Errorf("%d with a batch, %d shared, %+v", led, shared, totals)
	}
}

// BenchmarkExchange is one streamed answer of 64 tokens, asked for by one client:
// as it always was, and where others might share it.
func BenchmarkExchange(b *testing.B) {
	var pieces []string
	for range 64 {
		pieces = append(pieces, `{"model":"m","created_at":"2026-01-02T03:04:05.678901Z","message":{"role":"assistant","content":"word "},"done":false}`+"\n")
	}
	pieces = append(pieces, `{"done":true}`+"\n")
	for _, tt := range []struct{ name, body string }{
		{"alone", `{"model":"m","messages":[{"content":"a"}],"options":{"temperature":1}}`},
		{"might be shared", `{"model":"m","messages":[{"content":"a"}],"options":{"temperature":0}}`},
	} {
		b.Run(tt.name, func(b *testing.B) {
			e := &engines{target: targetOf(b, "http://127.0.0.1:1")}
			e.target.Transport = roundTripper(func(q *http.Request) (*http.Response, error) {
				_, _ = io.Copy(io.Discard, q.Body)
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {typeNDJSON}}, ContentLength: -1, Body: &script{pieces: pieces}, Request: q}, nil
			})
			g := New(Options{Engines: e, Listen: "127.0.0.1:1", Scheduler: batching.New(batching.Settings{Limits: batching.Limits{Size: 8}}, batching.Options{})}, Limits{Share: true})
			b.ReportAllocs()
			for b.Loop() {
				q := httptest.NewRequest("POST", "/api/chat", strings.NewReader(tt.body))
				q.Host = "127.0.0.1:1"
				w := httptest.NewRecorder()
				g.ServeHTTP(w, q)
				if !bytes.HasSuffix(w.Body.Bytes(), []byte(`{"done":true}`+"\n")) {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}

// script is an answer that comes in pieces.
type script struct{ pieces []string }

func (s *script) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.pieces[0])
	s.pieces = s.pieces[1:]
	return n, nil
}

func (s *script) Close() error { return nil }
