//go:build unix

package launch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestSupervisor(t *testing.T) {
	t.Run("KeepsAnEngineRunningUntilItIsStopped", func(t *testing.T) {
		b := newBench(t, engineRole)
		s, err := b.Start(t.Context(), b.plan)
		if err != nil || s.Status != Running || s.PID == 0 || s.URL != "http://"+b.plan.Address || s.Why == "" {
			t.Fatalf("%+v, %v", s, err)
		}
		if _, err := b.Start(t.Context(), b.plan); !errors.Is(err, ErrStarted) {
			t.Errorf("a second one: %v", err)
		}
		pids := b.noted()
		if len(pids) != 2 || pids[0] != s.PID || !alive(pids[0]) || !alive(pids[1]) {
			t.Fatalf("processes %v of %+v", pids, s)
		}
		if err := b.Stop(t.Context(), "ollama"); err != nil {
			t.Fatal(err)
		}
		if alive(pids[0]) || alive(pids[1]) {
			t.Errorf("left after Stop: engine %t, runner %t", alive(pids[0]), alive(pids[1]))
		}
		if now := b.States(); len(now) != 1 || now[0].Status != Stopped || now[0].PID != 0 {
			t.Errorf("%+v", now)
		}
		if err := b.Stop(t.Context(), "ollama"); !errors.Is(err, ErrNotStarted) {
			t.Errorf("a second Stop: %v", err)
		}
	})
	t.Run("ReadsTheSlotsOffItsLog", func(t *testing.T) {
		b := newBench(t, engineRole)
		if _, err := b.Start(t.Context(), b.plan); err != nil {
			t.Fatal(err)
		}
		if now := b.States()[0]; now.Slots != 4 { // told to be 2, and one model's load says 1
			b.until("4 slots", func(s State) bool { return s.Slots == 4 })
		}
		lines, err := b.Log("ollama")
		if err != nil || len(lines) == 0 || !strings.Contains(lines[0], "OLLAMA_NUM_PARALLEL:4") {
			t.Errorf("log %q, %v", lines, err)
		}
		file := filepath.Join(b.logs, "engine-ollama.log")
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), "OLLAMA_NUM_PARALLEL:4") {
			t.Errorf("file %q, %v", text, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	})
	t.Run("ReplacesOneThatIsToBeReplaced", func(t *testing.T) {
		b := newBench(t, engineRole)
		first, err := b.Start(t.Context(), b.plan)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Restart("ollama", "it had stopped answering"); err != nil {
			t.Fatal(err)
		}
		b.until("its end", func(s State) bool { return s.Status == Restarting && s.Reason == "it had stopped answering" })
		again := b.until("its return", func(s State) bool { return s.Status == Running })
		if again.PID == first.PID || alive(first.PID) || again.Restarts != 1 || again.Reason != "" {
			t.Errorf("%+v after %+v", again, first)
		}
		if err := b.Restart("vllm", ""); !errors.Is(err, ErrNotStarted) {
			t.Errorf("one that does not run: %v", err)
		}
	})
	t.Run("RestartsOneThatCrashed", func(t *testing.T) {
		b := newBench(t, engineRole)
		first, err := b.Start(t.Context(), b.plan)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", b.plan.Address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("crash")); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		fallen := b.until("its end", func(s State) bool { return s.Status == Restarting })
		if want := "it ended with exit status 9: panic: told to crash; it is started again in 250ms"; fallen.Reason != want {
			t.Errorf("reason %q", fallen.Reason)
		}
		again := b.until("its return", func(s State) bool { return s.Status == Running })
		if again.PID == first.PID || again.Restarts != 1 || again.Reason != "" || !slices.Contains(again.Errors, "panic: told to crash") {
			t.Errorf("%+v", again)
		}
		b.gone(b.noted()[1]) // the runner of the first
	})
	t.Run("HasOneThatWasKilledBackWithinSeconds", func(t *testing.T) {
		b := newBench(t, engineRole)
		s, err := b.Start(t.Context(), b.plan)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		fallen := b.until("its end", func(s State) bool { return s.Status == Restarting })
		if want := "it was ended by a signal (killed); it is started again in 250ms"; fallen.Reason != want {
			t.Errorf("reason %q", fallen.Reason)
		}
		again := b.until("its return", func(s State) bool { return s.Status == Running })
		pids := b.noted()
		if len(pids) != 4 || alive(pids[1]) {
			t.Errorf("processes %v: the runner of the first is left", pids)
		}
		if err := listens(t.Context(), b.plan.Address); err != nil || again.PID != pids[2] {
			t.Errorf("%+v, %v", again, err)
		}
	})
	t.Run("SaysWhyOneCannotServeAndGoesOn", func(t *testing.T) {
		b := newBench(t, brokenRole)
		s, err := b.Start(t.Context(), b.plan)
		want := "it ended with exit status 3: the GPU's memory is full (ggml_cuda: cudaMalloc failed: out of memory); it is started again in 250ms"
		if err == nil || err.Error() != want || s.Status != Restarting {
			t.Errorf("%+v, %v", s, err)
		}
		b.until("a second run", func(s State) bool { return s.Restarts == 2 })
		better := b.plan
		better.Env = with(better.Env, roleVariable, engineRole)
		if s, err := b.Start(t.Context(), better); err != nil || s.Status != Running {
			t.Errorf("another plan in its place: %+v, %v", s, err)
		}
	})
	t.Run("SaysThatAProgramCannotBeStarted", func(t *testing.T) {
		b := newBench(t, engineRole)
		b.plan.Path = filepath.Join(b.logs, "nothing")
		if _, err := b.Start(t.Context(), b.plan); err == nil || !strings.Contains(err.Error(), "it cannot be started: ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("AsksAServiceToServeAndToStop", func(t *testing.T) {
		b := newBench(t, lmsRole)
		_, port, _ := net.SplitHostPort(b.plan.Address)
		b.plan.Kind, b.plan.Label = LMStudio, "LM Studio"
		b.plan.Args, b.plan.Stop = []string{"server", "start", "--port", port}, []string{"server", "stop"}
		s, err := b.Start(t.Context(), b.plan)
		if err != nil || s.Status != Running || s.PID != 0 || s.Name != "lmstudio" {
			t.Fatalf("%+v, %v", s, err)
		}
		pids := b.noted()
		if !alive(pids[0]) {
			t.Error("the service has ended with its command")
		}
		if err := b.Stop(t.Context(), "lmstudio"); err != nil {
			t.Fatal(err)
		}
		b.gone(pids[0])
	})
}

// TestKilledCarpoolLeavesNothing kills a program that runs an engine, in a way
// that nothing can catch.
func TestKilledCarpoolLeavesNothing(t *testing.T) {
	b := newBench(t, engineRole)
	carpool := exec.Command(os.Args[0])
	carpool.Env = with(b.plan.Env, roleVariable, carpoolRole)
	out, err := carpool.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := carpool.Start(); err != nil {
		t.Fatal(err)
	}
	if line := <-lines(out); line != "serving" {
		t.Error(line)
	}
	if err := carpool.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = carpool.Wait()
	pids := b.noted()
	if len(pids) != 2 {
		t.Fatalf("processes %v", pids)
	}
	b.gone(pids[0])
	b.gone(pids[1]) // it heeds no request to end
}

// TestPauses runs an engine that ends again and again, in a time of its own.
func TestPauses(t *testing.T) {
	type run struct {
		lasts  time.Duration
		serves bool
	}
	for _, tt := range []struct {
		name   string
		runs   []run
		pauses []time.Duration
		last   Status
	}{
		{"TheFirstIsShortAndEachIsTwiceAsLong", []run{{time.Second, true}, {time.Second, true}, {time.Second, true}, {time.Second, true}},
			[]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}, Restarting},
		{"NoneIsLongerThanHalfAMinute", []run{{}, {}, {}, {}, {}, {}, {}, {}, {}},
			[]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second}, Failed},
		{"AMinuteBeginsAnew", []run{{time.Second, true}, {time.Second, true}, {time.Minute, true}, {time.Second, true}},
			[]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond}, Restarting},
		{"OneThatServedIsNotGivenUpOn", []run{{}, {}, {}, {}, {time.Second, true}},
			[]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}, Restarting},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewSupervisor(Options{})
				var pauses []time.Duration
				var ended time.Time
				next := 0
				s.life = func(e *engine) life {
					return func(ctx context.Context, up func(int)) string {
						if next > 0 {
							pauses = append(pauses, time.Since(ended))
						}
						if next == len(tt.runs) {
							<-ctx.Done()
							return ""
						}
						r := tt.runs[next]
						next++
						if r.serves {
							up(1)
						}
						time.Sleep(r.lasts)
						ended = time.Now()
						return "it ended by itself"
					}
				}
				var all []State
				s.options.Changed = func(st State) { all = append(all, st) }
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { s.Run(ctx); close(done) }()
				if _, err := s.Start(ctx, Plan{Program: Program{Kind: Ollama}}); err != nil && tt.runs[0].serves {
					t.Error(err)
				}
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if fmt.Sprint(pauses) != fmt.Sprint(tt.pauses) {
					t.Errorf("pauses %v, want %v", pauses, tt.pauses)
				}
				if last := all[len(all)-1]; last.Status != tt.last || last.Restarts != len(tt.runs) {
					t.Errorf("last %+v", last)
				}
				cancel()
				<-done
				if now := s.States(); now[0].Status != Stopped {
					t.Errorf("at the end %+v", now)
				}
				if _, err := s.Start(context.Background(), Plan{}); err == nil {
					t.Error("an engine was started after the end")
				}
			})
		})
	}
}
