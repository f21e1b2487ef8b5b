package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"carpool/app"
	"carpool/backends/backendstest"
	"carpool/backends/launch"
)

// engineVariable makes this test binary an Ollama that says what a registry asks.
const engineVariable = "CARPOOL_TEST_ENGINE"

func playOllama() int {
	if len(os.Args) != 2 || os.Args[1] != "serve" {
		return 2
	}
	fmt.Printf(`level=INFO msg="server config" env="map[OLLAMA_NUM_PARALLEL:%s]"`+"\n", os.Getenv("OLLAMA_NUM_PARALLEL"))
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := http.Server{Addr: os.Getenv("OLLAMA_HOST"), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"version": "0.0.1", "models": []any{}}
		if r.URL.Path == "/health" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	})}
	context.AfterFunc(told, func() { _ = server.Close() })
	if err := server.ListenAndServe(); told.Err() == nil {
		fmt.Println("Error:", err)
		return 1
	}
	return 0
}

// withOllama puts the fake on PATH and returns options of an app that looks for
// it at a free port.
func withOllama(t *testing.T) (o app.Options, port int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "ollama")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("OLLAMA_NUM_PARALLEL", "")
	t.Setenv(engineVariable, "1")
	port = backendstest.FreePort(t)
	o = options(t)
	o.Engine = "http://127.0.0.1:" + strconv.Itoa(port)
	return o, port
}

// launched is the engine that a runs.
func launched(s app.Snapshot) launch.State {
	if len(s.Launch) == 0 {
		return launch.State{}
	}
	return s.Launch[0]
}

func processOf(t *testing.T, pid int) *os.Process {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStartedEngine(t *testing.T) {
	t.Run("ServesWithItsSlotsAndComesBackAndEndsWithCarpool", func(t *testing.T) {
		o, port := withOllama(t)
		a, err := app.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- a.Run(context.Background()) }()
		s, err := a.StartEngine(t.Context(), launch.Wanted{Kind: launch.Ollama, Slots: 3, Port: port})
		if err != nil || s.Status != launch.Running || s.PID == 0 {
			t.Errorf("%+v, %v", s, err)
		}
		until(t, a, "its slots", func(s app.Snapshot) bool { return serves(s) && s.Engines[0].Slots == 3 })
		if _, err := a.StartEngine(t.Context(), launch.Wanted{Kind: launch.Ollama, Port: port}); err == nil || !strings.Contains(err.Error(), "was started already") {
			t.Errorf("a second one: %v", err)
		}
		checks := a.CheckEngines()
		if len(checks) != 1 || !checks[0].Started || checks[0].Slots != 3 || checks[0].SlotsBy != "its log" {
			t.Errorf("checks %+v", checks)
		}
		if lines, err := a.EngineLog("ollama"); err != nil || len(lines) == 0 {
			t.Errorf("log %q, %v", lines, err)
		}

		if err := processOf(t, s.PID).Kill(); err != nil {
			t.Fatal(err)
		}
		again := launched(until(t, a, "its return", func(now app.Snapshot) bool {
			l := launched(now)
			return l.Status == launch.Running && l.PID != s.PID && serves(now)
		}))
		if again.Restarts != 1 {
			t.Errorf("%+v", again)
		}

		a.Quit()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if processOf(t, again.PID).Signal(syscall.Signal(0)) == nil {
			t.Errorf("process %d is left", again.PID)
		}
		if l := launched(a.Snapshot()); l.Status != launch.Stopped {
			t.Errorf("at the end %+v", l)
		}
		if _, err := a.StartEngine(t.Context(), launch.Wanted{Kind: launch.Ollama, Port: port}); err == nil {
			t.Error("an engine was started after the end")
		}
	})
	t.Run("IsStartedWithCarpoolIfTheSettingsSaySo", func(t *testing.T) {
		o, _ := withOllama(t)
		if err := os.MkdirAll(filepath.Dir(o.ConfigFile), 0o700); err != nil {
			t.Fatal(err)
		}
		// The usual port may be another one's on this machine.
		if err := os.WriteFile(o.ConfigFile, []byte("version = 1\n[engines]\nstart = [\"llamacpp\"]\nllamacpp_model = \"/nothing/here.gguf\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(os.Args[0], filepath.Join(strings.Split(os.Getenv("PATH"), ":")[0], "llama-server")); err != nil {
			t.Fatal(err)
		}
		o.Engine = "demo"
		a := start(t, o)
		until(t, a, "why it was not started", func(s app.Snapshot) bool {
			return len(s.Problems) == 1 && strings.Contains(s.Problems[0], "there is no file /nothing/here.gguf")
		})
	})
	t.Run("DoesNotTakeAPortFromAnother", func(t *testing.T) {
		o, _ := withOllama(t)
		other := backendstest.New(t)
		o.Engine = "demo"
		a := start(t, o)
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(other.URL, "http://"))
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.StartEngine(t.Context(), launch.Wanted{Kind: launch.Ollama, Port: n})
		want := fmt.Sprintf("port %d is taken by Ollama %s, which Carpool did not start", n, backendstest.Version)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
		if l := launched(a.Snapshot()); l.Name != "" {
			t.Errorf("%+v", l)
		}
		if err := a.StopEngine(t.Context(), "ollama"); err == nil || err.Error() != "ollama was not started by Carpool" {
			t.Errorf("stop: %v", err)
		}
	})
}
