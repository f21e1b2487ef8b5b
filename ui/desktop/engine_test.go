//go:build desktop && linux && !headless

package desktop_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// roleVariable has this test binary play an engine's program when it is started
// again.
const roleVariable = "CARPOOL_DESKTOP_ROLE"

// playOllama serves at $OLLAMA_HOST as an Ollama does that has one model.
func playOllama() int {
	answers := map[string]any{
		"/api/version": map[string]any{"version": "0.17.4"},
		"/api/tags":    map[string]any{"models": []any{map[string]any{"name": "test:latest", "size": 1 << 30}}},
		"/api/ps":      map[string]any{"models": []any{}},
	}
	server := http.Server{Addr: os.Getenv("OLLAMA_HOST"), ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer, ok := answers[r.URL.Path]
			if !ok {
				http.NotFound(w, r)
				return
			}
			_ = json.NewEncoder(w).Encode(answer)
		})}
	fmt.Printf(`level=INFO msg="server config" env="map[OLLAMA_NUM_PARALLEL:%s OLLAMA_ORIGINS:[]]"`+"\n", os.Getenv("OLLAMA_NUM_PARALLEL"))
	fmt.Println(server.ListenAndServe())
	return 1
}

// installOllama puts a program of that name on the session's PATH.
func (s *session) installOllama() {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\n%s=ollama exec %q\n", roleVariable, self)
	if err := os.WriteFile(filepath.Join(dir, "ollama"), []byte(script), 0o700); err != nil { //nolint:gosec // it is to be run
		s.t.Fatal(err)
	}
	s.env = append(s.env, "PATH="+dir+":"+os.Getenv("PATH"))
}

func TestWindow_StartsAndStopsAnEngine(t *testing.T) {
	s := newSession(t)
	l, err := net.Listen("tcp", "127.0.0.1:11434") // where Ollama is always started
	if err != nil {
		t.Skipf("an Ollama runs here: %v", err)
	}
	_ = l.Close()
	s.installOllama()
	c := s.open("http://127.0.0.1:9") // nothing is there, so that the demo engine answers
	c.cli("set", "batching.mode=fixed")
	win := c.window()
	win.activate()

	s.eventually("the program is found", func() bool { return len(c.now().Launchable) > 0 })
	win.tapUntil("Start Ollama", func() bool { return len(c.now().Launch) == 1 })
	s.eventually("it serves", func() bool {
		now := c.now()
		return len(now.Launch) == 1 && now.Launch[0].Status == "running" && now.Launch[0].Slots > 0 &&
			now.Engines[0].URL == "http://127.0.0.1:11434" && now.Engines[0].Health == "up"
	})
	win.tap("Engines")
	win.tapUntil("Stop", func() bool { return c.now().Launch[0].Status == "stopped" })
	if l, err := net.Listen("tcp", "127.0.0.1:11434"); err != nil {
		t.Errorf("it still serves: %v", err)
	} else {
		_ = l.Close()
	}
}
