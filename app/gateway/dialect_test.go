package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	ollama "github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"carpool/backends/backendstest"
	"carpool/batching"
)

// unsent are the kinds that are only recorded.
var unsent = map[kind]bool{clientGone: true, slowClient: true, empty: true}

var update = flag.Bool("update", false, "write the golden files anew")

// Test06_Faults holds every error of ours in every dialect, as an answer and as
// the last words of a stream, against testdata/faults.golden.
func Test06_Faults(t *testing.T) {
	var kinds []string
	for k := range rules {
		if !unsent[k] {
			kinds = append(kinds, string(k))
		}
	}
	slices.Sort(kinds)
	var got bytes.Buffer
	for _, k := range kinds {
		f := &fault{kind: kind(k), message: "a \"<message>\"", param: "model"}
		for _, d := range []Dialect{Ollama, OpenAI, Anthropic, Kobold} {
			w := httptest.NewRecorder()
			newClient(w, "id-1", time.Second).refuse(d, f)
			h := w.Result().Header
			fmt.Fprintf(&got, "%s in %s: %d", k, d, w.Code)
			for _, name := range []string{"Retry-After", "X-Should-Retry", "Connection"} {
				if v := h.Get(name); v != "" {
					fmt.Fprintf(&got, " %s=%s", name, v)
				}
			}
			fmt.Fprintf(&got, "\n\t%s\n", w.Body)
			if !json.Valid(w.Body.Bytes()) || h.Get("X-Request-Id") != "id-1" {
				t.Errorf("%s in %s: %v %s", k, d, h, w.Body)
			}
			form := sse
			if d == Ollama {
				form = ndjson
			}
			fmt.Fprintf(&got, "\tin a stream %q\n", d.frame(f, "id-1", form, false))
		}
	}
	const golden = "testdata/faults.golden"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("other than %s (run with -update to see what changed):\n%s", golden, got.Bytes())
	}
}

// Test06_ClientsInFront asks with the clients that people use.
func Test06_ClientsInFront(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*rig, *backendstest.Engine)
		status  int
		code    string
		inside  bool // of a stream whose status was 200
	}{
		{"the engine is down", func(_ *rig, e *backendstest.Engine) { e.Stop() }, 503, "backend_unavailable", false},
		{"draining", func(r *rig, _ *backendstest.Engine) { r.gateway.Drain() }, 503, "shutting_down", false},
		{"died at once", func(_ *rig, e *backendstest.Engine) { e.Always(backendstest.Script{End: backendstest.Reset}) }, 502, "backend_disconnected", false},
		{"died in mid-stream", func(_ *rig, e *backendstest.Engine) {
			e.Always(backendstest.Script{End: backendstest.Reset, At: 2, Every: 5 * time.Millisecond})
		}, 200, "backend_disconnected", true},
		{"no end mark", func(_ *rig, e *backendstest.Engine) {
			e.Always(backendstest.Script{End: backendstest.NoMark, At: 2, Every: 5 * time.Millisecond})
		}, 200, "backend_truncated", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, engine := scripted(t, Limits{}, batching.Settings{})
			tt.prepare(r, engine)

			ai := openai.NewClient(option.WithBaseURL(r.url+"/v1"), option.WithAPIKey("sk-x"), option.WithMaxRetries(0), option.WithHTTPClient(r.client))
			stream := ai.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
				Model: "tiny", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("a")},
			})
			for stream.Next() {
			}
			err := stream.Err()
			_ = stream.Close()
			var apiError *openai.Error
			switch {
			case err == nil:
				t.Error("OpenAI: a success")
			case tt.inside && !strings.Contains(err.Error(), tt.code):
				t.Errorf("OpenAI: %v", err)
			case !tt.inside && (!errors.As(err, &apiError) || apiError.StatusCode != tt.status || apiError.Code != tt.code):
				t.Errorf("OpenAI: %v", err)
			}

			base, _ := url.Parse(r.url)
			err = ollama.NewClient(base, r.client).Chat(context.Background(), &ollama.ChatRequest{
				Model: "tiny", Messages: []ollama.Message{{Role: "user", Content: "a"}},
			}, func(ollama.ChatResponse) error { return nil })
			var statusError ollama.StatusError
			switch {
			case err == nil:
				t.Error("Ollama: a success")
			case !tt.inside && (!errors.As(err, &statusError) || statusError.StatusCode != tt.status || statusError.ErrorMessage == ""):
				t.Errorf("Ollama: %v", err)
			case tt.inside && !strings.Contains(err.Error(), "engine"):
				t.Errorf("Ollama: %v", err)
			}
		})
	}
}

func Test13_RetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]int{
		"3": 3, "0": 1, "-1": 1, "1000000000": 120, "1e9": 120, "garbage": 1, "NaN": 1, "": 1, "2.5": 2,
		now.Add(30 * time.Second).Format(http.TimeFormat): 30,
		now.Add(-time.Hour).Format(http.TimeFormat):       1,
		now.Add(time.Hour).Format(http.TimeFormat):        120,
	} {
		if got := retryAfter(value, func() time.Time { return now }); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}

func TestRequestID(t *testing.T) {
	for id, kept := range map[string]bool{
		"abc-1_2.3:4": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false, "": false, "a b": false, "a\nb": false, "é": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Request-Id", id)
		if got := requestID(r); (got == id) != kept || got == "" {
			t.Errorf("%q: %q", id, got)
		}
	}
}
