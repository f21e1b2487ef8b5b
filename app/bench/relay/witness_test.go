package relay

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWitness(t *testing.T) {
	const file = "SQLite format 3\x00 and pages"
	for _, tt := range []struct {
		name, batching, history, app, file string
		want                               string
	}{
		{"EverythingIsOn", `"enabled":true,"mode":"fixed","limit":8192,"total_requests":1,"tokens":8`, "true", "a program", file, ""},
		{"TheSchedulerIsOff", `"enabled":false,"mode":"fixed","limit":8192,"total_requests":1,"tokens":8`, "true", "a program", file, "scheduler"},
		{"AnotherMode", `"enabled":true,"mode":"adaptive","limit":8192,"total_requests":1,"tokens":8`, "true", "a program", file, "mode adaptive"},
		{"ALimitBelowTheLoad", `"enabled":true,"mode":"fixed","limit":4,"total_requests":1,"tokens":8`, "true", "a program", file, "limit of 4"},
		{"NoTap", `"enabled":true,"mode":"fixed","limit":8192,"total_requests":1,"tokens":0`, "true", "a program", file, "tap"},
		{"NoHistory", `"enabled":true,"mode":"fixed","limit":8192,"total_requests":1,"tokens":8`, "false", "a program", file, "history"},
		{"AHistoryOfAnotherKind", `"enabled":true,"mode":"fixed","limit":8192,"total_requests":1,"tokens":8`, "true", "a program", "text, and more of it", "not SQLite's"},
		{"NoProcess", `"enabled":true,"mode":"fixed","limit":8192,"total_requests":1,"tokens":8`, "true", userAgent, file, "no process"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &stage{folder: t.TempDir(), starts: 1}
			state := filepath.Join(s.home(), "state")
			if err := os.MkdirAll(state, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(state, "history.db"), []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				switch r.URL.Path {
				case "/health":
					_, _ = fmt.Fprintf(w, `{"batching":{%s},"history":{"ok":%s}}`, tt.batching, tt.history)
				case "/metrics":
					_, _ = fmt.Fprintf(w, "carpool_requests_total{app=%q,engine=\"e\",model=\"m\",outcome=\"ok\"} 3\n", tt.app)
				default:
					_, _ = fmt.Fprint(w, "{}")
				}
			}))
			defer server.Close()
			said, err := s.witness(t.Context(), &program{address: server.Listener.Addr().String()})
			if tt.want == "" {
				if err != nil || !strings.Contains(said, tt.app) {
					t.Errorf("said %q, %v", said, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
