package gateway

import (
	"net/http"
	"strings"
	"testing"

	"carpool/batching"
)

var chatStream = []string{
	`{"model":"m","message":{"role":"assistant","content":"Hel"},"done":false}` + "\n",
	`{"model":"m","message":{"role":"assistant","content":"lo"},"done":false}` + "\n",
	`{"model":"m","message":{"role":"assistant","content":""},"done":true,"prompt_eval_count":7,"eval_count":3}` + "\n",
}

func TestGateway(t *testing.T) {
	t.Run("PassesAStreamOnByteForByteAndRecordsIt", func(t *testing.T) {
		r := newRig(t, says(typeNDJSON, chatStream...), Limits{}, batching.Settings{})
		res := r.do("POST", "/api/chat", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, "X-Request-Id", "abc-1")
		if got, want := text(t, res), strings.Join(chatStream, ""); got != want {
			t.Errorf("body %q, want %q", got, want)
		}
		if res.Header.Get("Content-Type") != typeNDJSON || res.ContentLength != -1 {
			t.Errorf("framing changed: %v, length %d", res.Header, res.ContentLength)
		}
		for name, want := range map[string]string{"X-Request-Id": "abc-1", "X-Carpool-Batch": "1", "X-Carpool-Wait-Ms": "0", "X-Carpool-Engine": "ollama"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		rec := r.recorded()
		if rec.Outcome != OK || rec.Status != 200 || rec.EngineStatus != 200 || rec.Batch != 1 || rec.Model != "m" ||
			rec.PromptTokens != 7 || rec.OutputTokens != 3 || rec.TokensEstimated || !rec.Stream || rec.ErrorKind != "" ||
			rec.FirstToken == 0 || rec.AnswerBytes != int64(len(strings.Join(chatStream, ""))) {
			t.Errorf("record %+v", rec)
		}
		if got := r.scheduler.Totals(); got.Tokens != 3 || got.InFlight != 0 {
			t.Errorf("totals %+v", got)
		}
		r.noMore()
	})
	t.Run("SaysThatNoEngineIsRunning", func(t *testing.T) {
		r := newRig(t, nil, Limits{}, batching.Settings{})
		res := r.post("/v1/chat/completions", `{"model":"m"}`)
		body := text(t, res)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "5" || !strings.Contains(body, "backend_unavailable") {
			t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
		}
		if rec := r.recorded(); rec.Outcome != Failed || rec.ErrorKind != "backend_unavailable" || rec.Batch != 0 {
			t.Errorf("record %+v", rec)
		}
	})
}
