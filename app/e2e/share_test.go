//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestShared: what one app asks twice while the first is being answered, and
// what has one answer only, runs once.
func TestShared(t *testing.T) {
	for _, tt := range []struct{ name, path, body string }{
		{"Whole", "/api/generate", `{"model":"medium","stream":false,"prompt":"whole","options":{"num_predict":200,"temperature":0}}`},
		{"Streamed", "/api/generate", `{"model":"medium","prompt":"streamed","options":{"num_predict":200,"temperature":0}}`},
		{"OpenAI", "/v1/chat/completions", `{"model":"medium","stream":true,"messages":[{"role":"user","content":"streamed"}],"max_tokens":200,"temperature":0}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := shared
			if _, err := p.idle(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, _, before := p.meter.counts()
			first := p.posting(t, tt.path, tt.body, "home")
			err := poll(t.Context(), 20*time.Second, func() error {
				if now, _, _ := p.meter.counts(); now != 1 {
					return fmt.Errorf("%d at the engine", now)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			second := p.posting(t, tt.path, tt.body, "home")
			a, b := <-first, <-second
			if a.err != nil || b.err != nil || a.status != http.StatusOK || b.status != http.StatusOK {
				t.Fatalf("%d, %v and %d, %v", a.status, a.err, b.status, b.err)
			}
			if !bytes.Equal(a.answer, b.answer) || len(a.answer) == 0 {
				t.Errorf("two answers, of %d and %d bytes", len(a.answer), len(b.answer))
			}
			if _, _, after := p.meter.counts(); after-before != 1 {
				t.Errorf("the engine got %d requests, want 1", after-before)
			}
		})
	}
}
