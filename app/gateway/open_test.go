package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"carpool/batching"
)

const (
	openBody  = `{"model":"m","messages":[{"role":"user","content":"hello"}]}`
	openToken = `{"message":{"content":"a"},"done":false}` + "\n"
	openEnd   = `{"message":{"content":""},"done":true}` + "\n"
)

// openEngine answers with what is written to the pipe, once it has read the request.
// It tells so only if told says so.
func openEngine(t *testing.T, told bool) (*engines, *io.PipeWriter) {
	answer, in := io.Pipe()
	target := targetOf(t, "http://engine")
	target.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		if trace := httptrace.ContextClientTrace(r.Context()); told {
			trace.WroteRequest(httptrace.WroteRequestInfo{})
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-ndjson"}},
			ContentLength: -1, Body: answer, Request: r}, nil
	})
	return &engines{target: target}, in
}

func ownChat() *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/chat", strings.NewReader(openBody))
	r.Host = "127.0.0.1:11435"
	return r
}

func TestOpen(t *testing.T) {
	for name, told := range map[string]bool{"LetsItsRequestGoAtTheFirstEvent": true, "KeepsItsRequestWhileTheEngineMayReadIt": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, engine := openEngine(t, told)
				g := New(Options{Scheduler: batching.New(batching.Settings{}, batching.Options{}), Engines: e, Listen: "127.0.0.1:11435"}, Limits{})
				w := httptest.NewRecorder()
				go g.ServeHTTP(w, ownChat())
				synctest.Wait()
				if g.memory.used.Load() == 0 {
					t.Error("the request went before the engine answered")
				}
				_, _ = io.WriteString(engine, openToken)
				synctest.Wait()
				if held := g.memory.used.Load(); (held == 0) != told {
					t.Errorf("%d bytes of the request are held", held)
				}
				_, _ = io.WriteString(engine, openEnd)
				_ = engine.Close()
				synctest.Wait()
				if held := g.memory.used.Load(); held != 0 {
					t.Errorf("%d bytes are held after the end", held)
				}
				if got := w.Body.String(); got != openToken+openEnd {
					t.Errorf("the client got %q", got)
				}
			})
		})
	}

	for name, places := range map[string]int{"HasNoGoroutineOfItsOwnWhileItWaits": 1, "HasNoGoroutineOfItsOwnWhileItRuns": 1000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const many = 200
				target := targetOf(t, "http://engine")
				left := make(chan struct{})
				target.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
					<-left
					return nil, io.ErrUnexpectedEOF
				})
				e := &engines{target: target}
				s := batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: places}, MaxWaiting: many}
				g := New(Options{Scheduler: batching.New(s, batching.Options{}), Engines: e, Listen: "127.0.0.1:11435"}, Limits{})
				before := runtime.NumGoroutine()
				for range many {
					go g.ServeHTTP(httptest.NewRecorder(), ownChat())
				}
				synctest.Wait()
				if more := runtime.NumGoroutine() - before; more > many+many/10 { // those of other tests come and go
					t.Errorf("%d goroutines for %d requests, each of which came on one", more, many)
				}
				close(left)
			})
		})
	}
}
