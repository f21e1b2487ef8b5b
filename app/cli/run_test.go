package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/app"
	"carpool/app/gpus"
	"carpool/backends"
	"carpool/gpu"
)

// page is a buffer that one goroutine writes and another reads.
type page struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// start runs a Carpool with the demo engine on a free port, until stop.
func (i instance) start(command ...string) (notes *page, stop func() int) {
	i.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	notes = &page{}
	status := make(chan int, 1)
	args := append(command, "--state", i.state, "--config", i.config, "--listen", "127.0.0.1:0", "--engine", "demo")
	go func() { status <- Main(ctx, args, "1.2.3", i.window, &page{}, notes) }()
	stop = sync.OnceValue(func() int {
		cancel()
		return <-status
	})
	i.t.Cleanup(func() { stop() })
	return notes, stop
}

func TestServe(t *testing.T) {
	i := newInstance(t)
	notes, stop := i.start("serve")
	i.await(func() bool { return strings.Contains(notes.String(), "try it:") })
	t.Run("SaysWhereAndWithWhat", func(t *testing.T) {
		for _, want := range []string{"listening at http://127.0.0.1:", "SIMULATED", "  curl http://127.0.0.1:", `"model": "carpool-demo"`} {
			if !strings.Contains(notes.String(), want) {
				t.Errorf("%q is missing in %s", want, notes)
			}
		}
	})
	t.Run("ListensThere", func(t *testing.T) {
		url := regexp.MustCompile(`listening at (\S+)`).FindStringSubmatch(notes.String())[1]
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Get(url + "/health")
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("got %s, %v", answer.Status, err)
		}
	})
	t.Run("IsSteeredByTheOtherCommands", func(t *testing.T) {
		if status, out, errs := i.carpool("off"); status != 0 || out != "batching.enabled = false\n" {
			t.Errorf("off: %d %s %s", status, out, errs)
		}
		if _, out, _ := i.carpool("status"); !strings.Contains(out, "off, serial") || !strings.Contains(out, i.state+"/carpool.log") {
			t.Errorf("status: %s", out)
		}
		if text, err := os.ReadFile(i.config); err != nil || !strings.Contains(string(text), "\nenabled = false\n") {
			t.Errorf("the file says %s, %v", text, err)
		}
	})
	t.Run("ASecondOneNamesTheFirst", func(t *testing.T) {
		status, _, errs := i.carpool("serve", "--listen", "127.0.0.1:0")
		if want := fmt.Sprintf("PID %d", os.Getpid()); status != 1 || !strings.Contains(errs, want) || !strings.Contains(errs, `"carpool quit" ends it`) {
			t.Errorf("status %d, says %q", status, errs)
		}
	})
	t.Run("ASecondWindowIsTheFirsts", func(t *testing.T) {
		if status, _, errs := i.carpool("--listen", "127.0.0.1:0"); status != 0 || !strings.Contains(errs, "already running") {
			t.Errorf("status %d, says %q", status, errs)
		}
	})
	t.Run("EndsInOrder", func(t *testing.T) {
		if status := stop(); status != 0 {
			t.Errorf("status %d: %s", status, notes)
		}
		if !strings.HasSuffix(notes.String(), "\nended\n") {
			t.Errorf("got %s", notes)
		}
		if info, err := os.Stat(filepath.Join(i.state, "carpool.log")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("log: %v, %v", info, err)
		}
	})
}

func TestOpen(t *testing.T) {
	t.Run("ServesOnWithoutADesktop", func(t *testing.T) {
		i := newInstance(t)
		i.window = func(context.Context, *app.App) error { return fmt.Errorf("%w: no display", app.ErrNoDesktop) }
		notes, stop := i.start()
		i.await(func() bool { return strings.Contains(notes.String(), "listening at") })
		if !strings.Contains(notes.String(), "no desktop: no display; running headless") {
			t.Errorf("got %s", notes)
		}
		i.await(func() bool { status, _, _ := i.carpool("quit"); return status == 0 })
		if status := stop(); status != 0 {
			t.Errorf("status %d: %s", status, notes)
		}
	})
	t.Run("EndsWithItsWindow", func(t *testing.T) {
		i, closed := newInstance(t), make(chan struct{})
		i.window = func(context.Context, *app.App) error { <-closed; return nil }
		_, stop := i.start()
		i.await(func() bool { status, _, _ := i.carpool("status"); return status == 0 })
		close(closed)
		i.await(func() bool { status, _, _ := i.carpool("status"); return status == 1 })
		if status := stop(); status != 0 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("TheWindowEndsWithQuit", func(t *testing.T) {
		i, ended := newInstance(t), make(chan struct{})
		i.window = func(ctx context.Context, _ *app.App) error { <-ctx.Done(); close(ended); return nil }
		i.start()
		i.await(func() bool { status, _, _ := i.carpool("quit"); return status == 0 })
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Error("the window stays open")
		}
	})
	t.Run("TellsOfAWindowThatFailed", func(t *testing.T) {
		i := newInstance(t)
		i.window = func(context.Context, *app.App) error { return errors.New("window: no OpenGL") }
		notes, stop := i.start()
		i.await(func() bool { return strings.Contains(notes.String(), "no OpenGL") })
		if status := stop(); status != 1 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("RefusesABadAddress", func(t *testing.T) {
		i := newInstance(t)
		if status, _, errs := i.carpool("serve", "--listen", "0.0.0.0:1"); status != 1 || !strings.Contains(errs, "open Carpool to the network") {
			t.Errorf("status %d, says %q", status, errs)
		}
	})
}

// What Fyne tells Go's own log is kept with the rest, not in the terminal.
func TestWindow_WhatLibrariesSayIsInTheLog(t *testing.T) {
	i, said := newInstance(t), make(chan struct{})
	i.window = func(context.Context, *app.App) error {
		log.Print("Fyne error: no program shows notifications")
		close(said)
		return nil
	}
	_, stop := i.start()
	<-said
	if status := stop(); status != 0 {
		t.Errorf("status %d", status)
	}
	text, err := os.ReadFile(filepath.Join(i.state, "carpool.log"))
	if err != nil || !strings.Contains(string(text), `level=WARN msg="Fyne error: no program shows notifications"`) {
		t.Errorf("the log has %s, %v", text, err)
	}
}

func TestAsk_EndsItsLineWhereNobodyDoes(t *testing.T) {
	var notes strings.Builder
	c := &cli{stdin: strings.NewReader(""), stderr: &notes}
	if yes, err := c.agreed("Sure?"); yes || err != nil || notes.String() != "Sure? [y/N] \n" {
		t.Errorf("%v, %v, says %q", yes, err, notes.String())
	}
}

// The tray's and the window's Quit make the window return.
func Test19_QuitOfTheWindow(t *testing.T) {
	t.Run("LetsWhatRunsEnd", func(t *testing.T) {
		i, answers := newInstance(t), make(chan *http.Response, 1)
		i.window = func(_ context.Context, a *app.App) error {
			for {
				resp, err := http.Post(a.Snapshot().Endpoint+"/api/generate", "application/json",
					strings.NewReader(`{"model":"carpool-demo","prompt":"hi","options":{"num_predict":40}}`))
				if err == nil && resp.StatusCode != http.StatusOK { // the engines are still looked for
					err = errors.Join(errors.New(resp.Status), resp.Body.Close())
				}
				if err == nil {
					answers <- resp
					return nil
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		_, stop := i.start()
		answer := <-answers
		text, err := io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil || !strings.Contains(string(text), `"done":true`) {
			t.Errorf("its stream was cut: %v, %s", err, text)
		}
		if status := stop(); status != 0 {
			t.Errorf("status %d", status)
		}
	})
}

func TestAnnouncement(t *testing.T) {
	var a announcement
	s := busy()
	s.Started = s.At
	s.Engines[0].Health, s.Engines[0].Active = backends.Unknown, false
	s.GPU, s.Problems = gpus.State{}, nil
	check := func(step string, want ...string) {
		t.Helper()
		if got := a.next(s); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: got %q, want %q", step, got, want)
		}
	}
	check("start", "listening at http://127.0.0.1:11435")
	check("nothing new")
	s.Engines[0].Health, s.Engines[0].Active = backends.Up, true
	s.GPU.Reading = gpu.Reading{At: moment0, Reason: "no NVIDIA GPU"}
	check("found", "engine: Ollama 0.17.4 at http://127.0.0.1:11434", "GPU: no NVIDIA GPU", "try it:",
		`  curl http://127.0.0.1:11435/api/chat -d '{"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}'`)
	s.At = s.At.Add(time.Minute)
	s.Engines[0].Health, s.Problems = backends.Down, []string{"Ollama does not answer"}
	check("gone", "engine: none is running", "problem: Ollama does not answer")
	s.Engines[1].Active, s.Problems = true, nil
	check("demo", "engine: Demo engine (simulated). Its answers are SIMULATED: no real engine was found or chosen")
	s.Draining = true
	check("end", "shutting down; running requests may go on for 30 s (once more to end now)")
	check("nothing new")
}
