package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carpool/batching"
)

// busyOnce is an engine in virtual time that refuses its first requests with a
// Retry-After and answers the others after a second.
type busyOnce struct {
	status  int
	refuses int
	after   string

	mu    sync.Mutex
	asked []time.Time
}

func (b *busyOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.asked = append(b.asked, time.Now())
	n := len(b.asked)
	b.mu.Unlock()
	if n <= b.refuses {
		h := http.Header{"Content-Type": {typeJSON}}
		if b.after != "" {
			h.Set("Retry-After", b.after)
		}
		return &http.Response{StatusCode: b.status, Header: h, ContentLength: -1, Body: io.NopCloser(strings.NewReader(`{"error":"busy"}`)), Request: r}, nil
	}
	time.Sleep(time.Second)
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {typeNDJSON}}, ContentLength: -1,
		Body: io.NopCloser(strings.NewReader(`{"response":"a"}` + "\n" + `{"done":true}` + "\n")), Request: r}, nil
}

// Test13_Pauses: what an engine asks to be waited is waited, with the queue kept, and
// one request goes to see before the others follow.
func Test13_Pauses(t *testing.T) {
	for _, status := range []int{429, 503} {
		for _, tt := range []struct {
			name, after string
			told        string
			pause       time.Duration
		}{
			{"seconds", "3", "3", 3 * time.Second},
			{"a date", "date", "30", 30 * time.Second},
			{"less than a second", "-1", "1", time.Second},
			{"for ever", "1e9", "120", 2 * time.Minute},
			{"garbage", "garbage", "1", time.Second},
			{"nothing", "", "", 0},
		} {
			t.Run(fmt.Sprint(status, " ", tt.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					if tt.after == "date" {
						tt.after = time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat)
					}
					engine := &busyOnce{status: status, refuses: 1, after: tt.after}
					target := targetOf(t, "http://engine")
					target.Transport = engine
					s := batching.New(batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 4}}, batching.Options{})
					g := New(Options{Scheduler: s, Engines: &engines{target: target}, Listen: "127.0.0.1:11435"}, Limits{})
					ask := func() *httptest.ResponseRecorder {
						r := httptest.NewRequest(http.MethodPost, "/api/generate", bytes.NewReader([]byte(`{"model":"m","prompt":"a"}`)))
						r.Host = "127.0.0.1:11435"
						w := httptest.NewRecorder()
						g.ServeHTTP(w, r)
						return w
					}
					if w := ask(); w.Code != status || w.Header().Get("Retry-After") != tt.told {
						t.Errorf("the one that was refused: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
					}
					began := time.Now()
					var all sync.WaitGroup
					for range 9 {
						all.Go(func() {
							if w := ask(); w.Code != 200 {
								t.Errorf("one that waited: %d %s", w.Code, w.Body)
							}
						})
					}
					all.Wait()
					early := 0
					for _, at := range engine.asked[1:] {
						if at.Sub(began) < tt.pause {
							t.Errorf("asked after %v", at.Sub(began))
						}
						if at.Sub(began) < tt.pause+time.Second {
							early++
						}
					}
					if want := min(1, int(tt.pause)); want == 1 && early != 1 {
						t.Errorf("%d went to see", early)
					}
					if len(engine.asked) != 10 {
						t.Errorf("the engine was asked %d times", len(engine.asked))
					}
				})
			})
		}
	}
	t.Run("AskedAgainItIsWaitedAgain", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			engine := &busyOnce{status: 503, refuses: 3, after: "3"}
			target := targetOf(t, "http://engine")
			target.Transport = engine
			s := batching.New(batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}, batching.Options{})
			g := New(Options{Scheduler: s, Engines: &engines{target: target}, Listen: "127.0.0.1:11435"}, Limits{})
			began := time.Now()
			var all sync.WaitGroup
			var refused, served int
			var mu sync.Mutex
			for range 8 {
				all.Go(func() {
					r := httptest.NewRequest(http.MethodPost, "/api/generate", strings.NewReader(`{"model":"m","prompt":"a"}`))
					r.Host = "127.0.0.1:11435"
					w := httptest.NewRecorder()
					g.ServeHTTP(w, r)
					mu.Lock()
					defer mu.Unlock()
					if w.Code == 200 {
						served++
					} else {
						refused++
					}
				})
			}
			all.Wait()
			if refused != 3 || served != 5 {
				t.Errorf("%d refused, %d served", refused, served)
			}
			for i, want := range []time.Duration{0, 3 * time.Second, 6 * time.Second, 9 * time.Second} {
				if got := engine.asked[i].Sub(began); got != want {
					t.Errorf("try %d after %v, want %v", i, got, want)
				}
			}
		})
	})
}
