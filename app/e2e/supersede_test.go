//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// post sends a body through Carpool as an app and reads the whole answer.
func (p *pool) post(ctx context.Context, path, body, app string, more ...string) (status int, answer []byte, err error) {
	h := http.Header{"X-Carpool-App": {app}, "Content-Type": {"application/json"}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header = h
	got, err := p.ledger.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = got.Body.Close() }()
	answer, err = io.ReadAll(got.Body)
	return got.StatusCode, answer, err
}

type posted struct {
	status int
	answer []byte
	err    error
}

func (p *pool) posting(t *testing.T, path, body, app string, more ...string) <-chan posted {
	got := make(chan posted, 1)
	go func() {
		var a posted
		a.status, a.answer, a.err = p.post(t.Context(), path, body, app, more...)
		got <- a
	}()
	return got
}

// TestSupersede: an editor asks again before the engine has begun with what it
// asked before.
func TestSupersede(t *testing.T) {
	for _, tt := range []struct{ name, path, body, says string }{
		{"Native", "/api/generate", `{"model":"medium","prompt":"%s","options":{"num_predict":8}}`, `{"error":"`},
		{"OpenAI", "/v1/completions", `{"model":"medium","prompt":"%s","max_tokens":8}`, `{"error":{"message":"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := shared
			p.do(t, "set", "batching.mode=fixed")
			p.do(t, "set", "batching.max_batch_size=1")
			defer p.do(t, "set", "batching.max_batch_size=8")
			if _, err := p.idle(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, _, before := p.meter.counts()
			running := p.posting(t, "/api/generate", `{"model":"medium","prompt":"hold the engine","options":{"num_predict":200}}`, "chat")
			err := poll(t.Context(), 20*time.Second, func() error {
				if now, _, _ := p.meter.counts(); now != 1 {
					return fmt.Errorf("%d at the engine", now)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			var waiting []<-chan posted
			for _, prompt := range []string{"func a", "func ab", "func abc"} {
				if len(waiting) > 0 { // the order in which they come counts
					if err := poll(t.Context(), 5*time.Second, depth(t.Context(), p, 1)); err != nil {
						t.Fatal(err)
					}
				}
				waiting = append(waiting, p.posting(t, tt.path, fmt.Sprintf(tt.body, prompt), "editor", "X-Carpool-Supersede", "window 1"))
				if len(waiting) > 1 {
					a := <-waiting[len(waiting)-2]
					if a.err != nil || a.status != http.StatusConflict || !bytes.HasPrefix(a.answer, []byte(tt.says)) || !bytes.Contains(a.answer, []byte("superseded")) {
						t.Errorf("the earlier one: %d, %v: %s", a.status, a.err, a.answer)
					}
				}
			}
			if a := <-waiting[len(waiting)-1]; a.err != nil || a.status != http.StatusOK {
				t.Errorf("the newest: %d, %v: %s", a.status, a.err, a.answer)
			}
			if a := <-running; a.err != nil || a.status != http.StatusOK {
				t.Errorf("what ran before: %d, %v: %s", a.status, a.err, a.answer)
			}
			if _, _, after := p.meter.counts(); after-before != 2 {
				t.Errorf("the engine got %d requests, want 2", after-before)
			}
		})
	}
}
