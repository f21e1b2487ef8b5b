//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"carpool/app"
	"carpool/backends/launch"
)

// TestCarpoolRunsOllama has Carpool start a real server with 4 slots, kills it,
// and stops Carpool.
func TestCarpoolRunsOllama(t *testing.T) {
	const slots = 4
	p, port := startWithout(t)
	url := "http://127.0.0.1:" + port
	if out, err := p.command(t.Context(), "engine"); err != nil || !strings.Contains(string(out), "carpool engine start ollama") {
		t.Errorf("before: %s, %v", out, err)
	}
	out, err := p.command(t.Context(), "engine", "start", "ollama", "--slots", strconv.Itoa(slots), "--port", port)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Ollama is running at " + url; !strings.HasPrefix(string(out), want) {
		t.Errorf("it said %q, want %q", out, want)
	}
	first := p.launched(t)
	generate := func(ctx context.Context, model string, number int) error {
		_, err := ask(ctx, p.ollama(), model, fmt.Sprintf("%d is a number", number), 64)
		return err
	}
	if err := poll(t.Context(), time.Minute, func() error { return generate(t.Context(), medium, 0) }); err != nil {
		t.Fatal(err)
	}

	t.Run("WithItsSlotsAsItsLogSays", func(t *testing.T) {
		now, err := p.tuned(t.Context(), medium)
		if err != nil || now.Slots != slots {
			t.Errorf("%+v, %v", now, err)
		}
		if l := p.launched(t); l.Slots != slots {
			t.Errorf("%+v", l)
		}
		lines, err := p.command(t.Context(), "engine", "log", "ollama")
		if err != nil || !strings.Contains(string(lines), "Parallel:"+strconv.Itoa(slots)) {
			t.Errorf("log: %s, %v", lines, err)
		}
		check, err := p.command(t.Context(), "engine", "check")
		if err != nil || !strings.Contains(string(check), "runs 4 at once (known by its log)") {
			t.Errorf("check: %s, %v", check, err)
		}
	})
	// Another Carpool, which has not started the engine and sees no log of it.
	t.Run("WithItsSlotsAsADetectorSees", func(t *testing.T) {
		own := t.TempDir()
		other, err := startCarpool(t.Context(), binary, own, &engine{url: url})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := other.stop(); err != nil {
				t.Error(err)
			}
			if err := other.meter.stop(); err != nil {
				t.Error(err)
			}
		}()
		saturate(t, other, slots, func(ctx context.Context, number int) error {
			_, err := ask(ctx, other.ollama(), medium, fmt.Sprintf("%d is a number", number), 64)
			return err
		})
	})
	t.Run("SurvivingASIGKILL", func(t *testing.T) {
		before := p.runners(t)
		if len(before) < 2 {
			t.Errorf("processes before: %v", before)
		}
		if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		killed := time.Now()
		if err := poll(t.Context(), 30*time.Second, func() error { return generate(t.Context(), fast, 1) }); err != nil {
			t.Fatal(err)
		}
		took := time.Since(killed)
		t.Logf("a request was served %v after the kill", took.Round(10*time.Millisecond))
		if took > 15*time.Second {
			t.Errorf("it took %v", took)
		}
		again := p.launched(t)
		if again.PID == first.PID || again.Restarts != 1 || again.Status != launch.Running {
			t.Errorf("%+v", again)
		}
		for _, pid := range before {
			if running(pid) {
				t.Errorf("process %d of the killed engine is left", pid)
			}
		}
	})
	t.Run("UntilTheEndOfCarpool", func(t *testing.T) {
		last := p.runners(t)
		if len(last) < 2 {
			t.Errorf("processes before: %v", last)
		}
		if err := p.stop(); err != nil {
			t.Error(err)
			t.Log(p.tail())
		}
		for _, pid := range append(last, p.runners(t)...) {
			if running(pid) {
				t.Errorf("process %d is left", pid)
			}
		}
	})
}

// startWithout starts a Carpool without an engine. The program is on its PATH,
// the suite's models are where its environment says.
func startWithout(t *testing.T) (p *pool, port string) {
	t.Helper()
	own, err := os.MkdirTemp(dir, "launch-")
	if err != nil {
		t.Fatal(err)
	}
	p = &pool{binary: binary, state: filepath.Join(own, "state"), config: filepath.Join(own, "carpool.toml"), ledger: newLedger()}
	bin := filepath.Join(own, "bin")
	for _, folder := range []string{bin, filepath.Join(own, "home"), filepath.Join(own, "run")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(ollama, filepath.Join(bin, "ollama")); err != nil {
		t.Fatal(err)
	}
	p.vars = []string{"HOME=" + filepath.Join(own, "home"), "XDG_RUNTIME_DIR=" + filepath.Join(own, "run"),
		"PATH=" + bin + ":" + os.Getenv("PATH"), "OLLAMA_MODELS=" + filepath.Join(dir, "models"),
		"OLLAMA_NOPRUNE=1", "OLLAMA_NO_CLOUD=1", "OLLAMA_KEEP_ALIVE=30m"}
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	engineAddress, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err = net.SplitHostPort(engineAddress)
	if err != nil {
		t.Fatal(err)
	}
	p.url = "http://" + address
	p.process, err = start("carpool that runs ollama", filepath.Join(own, "carpool.log"), p.vars, binary, "serve",
		"--listen", address, "--engine", "http://"+engineAddress, "--config", p.config, "--state", p.state)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, log := range []string{"carpool.log", "engine-ollama.log"} {
				t.Log((&process{name: log, log: filepath.Join(p.state, log)}).tail())
			}
		}
	})
	if err := poll(t.Context(), 20*time.Second, func() error { _, err := p.health(t.Context()); return err }); err != nil {
		t.Fatal(err)
	}
	return p, port
}

// launched is the engine that this Carpool runs.
func (p *pool) launched(t *testing.T) launch.State {
	t.Helper()
	var s app.Snapshot
	if err := p.snapshot(t.Context(), &s); err != nil || len(s.Launch) != 1 {
		t.Fatalf("%+v, %v", s.Launch, err)
	}
	return s.Launch[0]
}

// runners are the processes of the engine that this Carpool runs: all that have
// its HOME, but for Carpool itself.
func (p *pool) runners(t *testing.T) (pids []int) {
	t.Helper()
	home := p.vars[0]
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		environ, err := os.ReadFile(file)
		if err != nil || !strings.Contains("\x00"+string(environ), "\x00"+home+"\x00") {
			continue
		}
		program, err := os.Readlink(filepath.Join(filepath.Dir(file), "exe"))
		if err != nil || filepath.Base(program) != "ollama" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// running reports whether a process runs; one that has ended may stay listed.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
