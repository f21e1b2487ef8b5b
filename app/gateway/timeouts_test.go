package gateway

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// paced is an engine in virtual time: it answers after a while, then sends
// pieces with a pause before each, then is silent for ever.
type paced struct {
	headers     time.Duration
	status      int // 0 = 200
	contentType string
	pieces      []string
	pause       time.Duration
	ends        bool
}

func (p paced) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(p.headers):
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
	out, in := io.Pipe()
	go func() {
		for _, piece := range p.pieces {
			select {
			case <-time.After(p.pause):
			case <-r.Context().Done():
				_ = in.CloseWithError(context.Cause(r.Context()))
				return
			}
			if _, err := io.WriteString(in, piece); err != nil {
				return
			}
		}
		if p.ends {
			_ = in.Close()
			return
		}
		<-r.Context().Done()
		_ = in.CloseWithError(context.Cause(r.Context()))
	}()
	return &http.Response{StatusCode: cmp.Or(p.status, 200), Header: http.Header{"Content-Type": {p.contentType}}, ContentLength: -1, Body: out, Request: r}, nil
}

// Test11_Timeouts: an engine that hangs or stalls, in virtual time.
func Test11_Timeouts(t *testing.T) {
	word := `{"response":"a"}` + "\n"
	done := `{"done":true}` + "\n"
	role := `data: {"choices":[{"delta":{"role":"assistant"}}]}` + "\n\n"
	chunk := `data: {"choices":[{"delta":{"content":"a"}}]}` + "\n\n"
	tests := []struct {
		name   string
		path   string
		body   string
		engine paced
		status int
		kind   string
		after  time.Duration
		says   string
	}{
		{"silent before the headers", "/api/generate", `{"prompt":"a"}`, paced{headers: time.Hour}, 504, "backend_timeout", 300 * time.Second, "no first token"},
		{"silent after the headers", "/api/generate", `{"prompt":"a"}`, paced{contentType: typeNDJSON}, 504, "backend_timeout", 300 * time.Second, "no first token"},
		{"only comments", "/v1/chat/completions", `{"stream":true}`, paced{contentType: typeSSE, pieces: []string{": ping\n\n", ": ping\n\n"}, pause: 200 * time.Second},
			504, "backend_timeout", 700 * time.Second, "no first token"},
		{"a long load is no silence", "/api/generate", `{"prompt":"a"}`, paced{headers: 299 * time.Second, contentType: typeNDJSON, pieces: []string{word, done}, pause: 59 * time.Second, ends: true},
			200, "", 417 * time.Second, done},
		{"stalled", "/api/generate", `{"prompt":"a"}`, paced{contentType: typeNDJSON, pieces: []string{word, word}, pause: time.Second}, 200, "backend_timeout", 62 * time.Second, word + word + `{"error":"`},
		{"stalled in SSE", "/v1/chat/completions", `{"stream":true}`, paced{contentType: typeSSE, pieces: []string{chunk}, pause: time.Second}, 200, "backend_timeout", 61 * time.Second, chunk + `data: {"error":{`},
		{"stalled in mid-line", "/v1/chat/completions", `{"stream":true}`, paced{contentType: typeSSE, pieces: []string{chunk, "data: {"}, pause: time.Second}, 200, "backend_timeout", 62 * time.Second, "data: {\n\ndata: {\"error\":{"},
		{"the prompt is read after the role", "/v1/chat/completions", `{"stream":true}`, paced{contentType: typeSSE, pieces: []string{role, chunk, "data: [DONE]\n\n"}, pause: 59 * time.Second, ends: true},
			200, "", 177 * time.Second, "[DONE]"},
		{"silent after the role", "/v1/chat/completions", `{"stream":true}`, paced{contentType: typeSSE, pieces: []string{role}}, 200, "backend_timeout", 300 * time.Second, "no first token"},
		{"a tool call is held back", "/api/chat", `{"messages":[1],"tools":[1]}`, paced{contentType: typeNDJSON, pieces: []string{word, word, done}, pause: 299 * time.Second, ends: true},
			200, "", 897 * time.Second, done},
		{"an unstreamed answer is silent to its end", "/api/generate", `{"prompt":"a","stream":false}`, paced{headers: 1199 * time.Second, contentType: typeJSON, pieces: []string{`{"response":"a","done":true}`}, ends: true},
			200, "", 1199 * time.Second, `"done":true`},
		{"an error that stalls", "/api/generate", `{"prompt":"a"}`, paced{status: 500, contentType: typeJSON, pieces: []string{word + strings.Repeat("x", 3<<10)}},
			500, "backend_error", 60 * time.Second, word},
		{"but not for ever", "/api/generate", `{"prompt":"a","stream":false}`, paced{headers: time.Hour}, 504, "backend_timeout", 1200 * time.Second, "no first token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := targetOf(t, "http://engine")
				target.Transport = tt.engine
				w := httptest.NewRecorder()
				began := time.Now()
				rec, s := virtually(t, &engines{target: target}, w, tt.path, tt.body)
				if took := time.Since(began); w.Code != tt.status || took != tt.after || !strings.Contains(w.Body.String(), tt.says) {
					t.Errorf("%d after %v: %q", w.Code, took, w.Body)
				}
				if len(rec) != 1 || rec[0].ErrorKind != tt.kind || rec[0].Status != tt.status || (tt.kind == "") != (rec[0].Outcome == OK) {
					t.Errorf("records %+v", rec)
				}
				// The engine may go on with what we gave up.
				if busy := s.Totals().InFlight == 1; busy != (tt.kind != "") {
					t.Errorf("the place is held: %v", busy)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if s.Totals().InFlight != 0 {
					t.Error("the place is never free")
				}
			})
		})
	}
}

func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		barked := make(chan error, 1)
		w := newWatchdog(time.Minute, func(cause error) { barked <- cause })
		quiet := func(when string, d time.Duration) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if len(barked) > 0 {
				t.Fatalf("%s: %v", when, <-barked)
			}
		}
		quiet("nothing is waited for: the client reads slowly", time.Hour)
		w.wait()
		quiet("the wait has begun", 59*time.Second)
		w.rest()
		w.wait()
		quiet("a byte has come", 59*time.Second)
		w.tokens(time.Second)
		w.wait()
		quiet("tokens flow", 999*time.Millisecond)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if len(barked) != 1 || !errors.Is(<-barked, errStalled) {
			t.Error("the stall was not noticed in time")
		}
		w.stop()
		quiet("it was stopped", time.Hour)
	})
}
