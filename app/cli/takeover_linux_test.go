package cli

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"carpool/app/takeover"
	"carpool/backends/backendstest"
)

// process runs `carpool serve` as a process of its own, which can be killed.
func (i instance) process() *exec.Cmd {
	i.t.Helper()
	cmd := exec.Command(os.Args[0], "serve", "--state", i.state, "--config", i.config, "--listen", "127.0.0.1:0") //nolint:noctx // killed below
	cmd.Env = append(os.Environ(), asProgram+"=1")
	if err := cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// who answers at addr: "carpool", "engine", or "" for nobody.
func who(addr string) string {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	answer, err := client.Get("http://" + addr + "/health")
	if err != nil {
		return ""
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return ""
	}
	if strings.Contains(string(text), `"carpool"`) {
		return "carpool"
	}
	return "engine"
}

func TestTakeover(t *testing.T) {
	t.Setenv(asProgram, "1") // the guard is this program too
	t.Setenv("OLLAMA_HOST", "")
	i := newInstance(t)
	engine := backendstest.New(t)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	at := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := takeover.Record{Port: port, Engine: strings.TrimPrefix(engine.URL, "http://"), Kind: "ollama", By: takeover.ByHand}
	if err := r.Save(i.state); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.carpool("takeover", "--undo", "--yes") })

	serves := func(name string) func() bool { return func() bool { return who(at) == name } }
	one := i.process()
	i.await(serves("carpool"))
	t.Run("TheMovedEngineIsUsedByItsUsualName", func(t *testing.T) {
		i.await(func() bool {
			_, out, _ := i.carpool("status", "--json")
			return strings.Contains(out, `"url": "`+engine.URL+`"`) && strings.Contains(out, `"health": "up"`)
		})
		_, out, _ := i.carpool("status", "--json")
		if strings.Contains(out, `"url": "http://`+at+`"`) {
			t.Error("Carpool takes itself for an engine")
		}
	})
	t.Run("AppsThatKnowOnlyThatPortAreLetIn", func(t *testing.T) {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Get("http://" + at + "/v1/models")
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("got %s, %v", answer.Status, err)
		}
	})
	t.Run("KilledItFailsOpen", func(t *testing.T) {
		if err := one.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = one.Wait() // it was killed
		if got := who(at); got != "engine" {
			t.Errorf("%q answers", got)
		}
	})
	two := i.process()
	i.await(serves("carpool"))
	t.Run("TakenAgainAndQuitItFailsOpen", func(t *testing.T) {
		if status, _, errs := i.carpool("quit"); status != 0 {
			t.Fatal(errs)
		}
		_ = two.Wait() // its status is not what this is about
		if got := who(at); got != "engine" {
			t.Errorf("%q answers", got)
		}
	})
	i.process()
	i.await(serves("carpool"))
	t.Run("Undone", func(t *testing.T) {
		status, out, errs := i.carpool("takeover", "--undo", "--yes")
		if status != 0 || !strings.Contains(out, "The port is free.") {
			t.Errorf("status %d: %s %s", status, out, errs)
		}
		if got := who(at); got != "" {
			t.Errorf("%q answers", got)
		}
		if r, err := takeover.Load(i.state); r != nil || err != nil {
			t.Errorf("left %+v, %v", r, err)
		}
	})
}

func TestTakeoverAsks(t *testing.T) {
	i := newInstance(t)
	r := takeover.Record{Port: 11434, Engine: "127.0.0.1:11436", Kind: "ollama", By: takeover.ByHand}
	if err := r.Save(i.state); err != nil {
		t.Fatal(err)
	}
	i.stdin = "n\n"
	if status, _, errs := i.carpool("takeover", "--undo"); status != 1 || !strings.Contains(errs, "nothing was changed") {
		t.Errorf("status %d: %s", status, errs)
	}
	if kept, err := takeover.Load(i.state); kept == nil || err != nil {
		t.Errorf("got %+v, %v", kept, err)
	}
}

func TestTakeoverText(t *testing.T) {
	situation := takeover.Situation{System: "linux", Owner: "Ollama 0.17.4", Ollama: true, Service: "systemd", Unit: "ollama.service",
		NewPort: 11436, SystemUnits: systemUnits}
	text := planText(takeover.NewPlan(situation))
	situation.Root = true
	golden(t, "takeover.txt", text+"---\n"+planText(takeover.NewPlan(situation)))
}
