package gateway

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"carpool/batching"
)

// TestLeavesAtTheEnginesError has clients leave when they have read the engine's words
// of failure, as libraries do, before the engine ends its answer.
func TestLeavesAtTheEnginesError(t *testing.T) {
	for _, tt := range []struct{ path, form, piece, words string }{
		{"/api/generate", typeNDJSON, `{"model":"m","response":"a","done":false}` + "\n", `{"error":"it broke"}` + "\n"},
		{"/v1/chat/completions", typeSSE, `data: {"choices":[{"delta":{"content":"a"}}]}` + "\n\n", `data: {"error":{"message":"it broke"}}` + "\n\n"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			fails := make(chan struct{})
			r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				says(tt.form, tt.piece)(w, q)
				<-fails
				_, _ = io.WriteString(w, tt.words)
				w.(http.Flusher).Flush()
				<-q.Context().Done()
			}), Limits{}, batching.Settings{})
			leave, answer := r.leaving(tt.path, `{"model":"m","stream":true,"prompt":"a","messages":[]}`)
			res := <-answer
			close(fails)
			defer func() { _ = res.Body.Close() }()
			for lines := bufio.NewReader(res.Body); ; {
				line, err := lines.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(line, "it broke") {
					break
				}
			}
			leave()
			if rec := r.recorded(); rec.Outcome != Failed || rec.ErrorKind != "backend_error" || rec.Status != http.StatusOK {
				t.Errorf("recorded %+v", rec)
			}
		})
	}
}
