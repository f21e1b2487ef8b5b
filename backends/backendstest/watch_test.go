package backendstest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEngineTellsTheMomentsOfARequest(t *testing.T) {
	engine := New(t)
	var mu sync.Mutex
	moments := map[string]string{}
	engine.Watch(func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		moments[e.Nonce] += string(e.What) + " "
	})
	seen := func(nonce string) string {
		mu.Lock()
		defer mu.Unlock()
		return moments[nonce]
	}
	ask := func(ctx context.Context, nonce string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, engine.URL+"/api/generate", strings.NewReader(`{"model":"tiny","prompt":"nonce:`+nonce+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		return engine.Transport().RoundTrip(r)
	}

	resp, err := ask(t.Context(), "whole")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := seen("whole"); got != "came ended " { // before the client had the end
		t.Errorf("a whole answer: %q", got)
	}

	engine.Hold()
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if resp, err := ask(ctx, "left"); err == nil {
			_ = resp.Body.Close()
		}
	}()
	engine.Next()
	leave()
	<-gone
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if got := seen("left"); strings.Contains(got, "left ") && strings.Contains(got, "ended ") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("a client that left: %q", got)
		}
	}
}
