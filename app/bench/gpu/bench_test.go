package gpubench_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	gpubench "carpool/app/bench/gpu"
	"carpool/backends/backendstest"
	"carpool/gpu"
	"carpool/gpu/gputest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const gib = uint64(1 << 30)

// reading is of a GPU whose counter is at so many joules.
func reading(joules float64, used uint64) gpu.Reading {
	watts := 200.0
	r := gputest.Busy(used, 24*gib, 1)
	r.UUID, r.Power, r.Energy = "GPU-1", &watts, &joules
	return r
}

func options(t *testing.T, r gpu.Reader) gpubench.Options {
	o := gpubench.Default()
	o.Engine, o.Reader = backendstest.New(t).URL, r
	o.Sizes, o.Rounds, o.Tokens, o.Every, o.SMI, o.Samples = []int{4}, 2, 25, time.Hour, "", 2
	return o
}

// fakeSMI is a program that answers as nvidia-smi does.
func fakeSMI(t *testing.T, line string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "nvidia-smi")
	script := "#!/bin/sh\n[ \"$*\" = \"--query-gpu=uuid,name,memory.used,memory.total,power.draw --format=csv,noheader,nounits\" ] || exit 9\n" +
		"echo 'GPU-0, Other GPU, 1, 2, 3'\necho '" + line + "'\n"
	if err := os.WriteFile(name, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestMeasure(t *testing.T) {
	t.Run("TellsWhatTheEngineAndTheGPUDid", func(t *testing.T) {
		// One reading to find the GPU, one before the run, one after it.
		o := options(t, gputest.NewReader(reading(0, gib), reading(1000, 3*gib), reading(1500, 2*gib)))
		r, err := gpubench.Measure(t.Context(), o)
		if err != nil || len(r.Sizes) != 1 {
			t.Fatalf("got %+v, %v", r, err)
		}
		s := r.Sizes[0]
		if s.Size != 4 || s.Requests != 8 || s.Tokens != 200 || s.Speedup != 1 || s.FirstP50 <= 0 || s.FirstP95 < s.FirstP50 {
			t.Errorf("got %+v", s)
		}
		if want := 200 / s.Duration.Seconds(); math.Abs(s.TokensPS-want) > 1e-9 {
			t.Errorf("%v tokens/s, want %v", s.TokensPS, want)
		}
		if s.Joules == nil || math.Abs(*s.Joules-500) > 1e-6 || math.Abs(*s.JoulesPer1000-2500) > 1e-6 || *s.MemoryPeak != 3*gib {
			t.Errorf("joules %v, per 1,000 %v, memory %v", s.Joules, s.JoulesPer1000, s.MemoryPeak)
		}
		if r.Check != nil || r.GPU != "Test GPU" || !strings.HasPrefix(r.Engine, "Ollama") {
			t.Errorf("got %+v", r)
		}
		var page bytes.Buffer
		if err := r.Markdown(&page); err != nil {
			t.Fatal(err)
		}
		row := fmt.Sprintf("| 4 | 3.2× | 1.0× | %.1f |", s.TokensPS)
		if !strings.Contains(page.String(), row) || !strings.Contains(page.String(), "| 3072 | 2500.0 |") {
			t.Errorf("no %q in\n%s", row, &page)
		}
	})
	t.Run("TakesPowerTimesTimeWithoutACounter", func(t *testing.T) {
		plain := reading(0, gib)
		plain.Energy = nil
		o := options(t, gputest.NewReader(plain))
		o.Every = 10 * time.Millisecond
		begun := time.Now()
		r, err := gpubench.Measure(t.Context(), o)
		most := 200 * time.Since(begun).Seconds()
		if err != nil {
			t.Fatal(err)
		}
		s := r.Sizes[0]
		if s.Joules == nil || *s.Joules < 200*s.Duration.Seconds() || *s.Joules > most {
			t.Errorf("joules %v in %v, at most %v", s.Joules, s.Duration, most)
		}
	})
	t.Run("HasNoMoreAtOnceThanTheSize", func(t *testing.T) {
		o := options(t, gputest.NewReader(reading(0, gib)))
		engine := backendstest.New(t)
		engine.Always(backendstest.Script{Every: time.Millisecond})
		o.Engine, o.Sizes = engine.URL, []int{3, 1}
		r, err := gpubench.Measure(t.Context(), o)
		if err != nil || len(r.Sizes) != 2 || r.Sizes[0].Size != 1 || engine.Peak() > 3 {
			t.Fatalf("got %+v, peak %d, %v", r, engine.Peak(), err)
		}
		if want := r.Sizes[1].TokensPS / r.Sizes[0].TokensPS; r.Sizes[1].Speedup != want {
			t.Errorf("speedup %v, want %v", r.Sizes[1].Speedup, want)
		}
	})
	t.Run("KeepsWhatWasMeasuredBeforeAFailure", func(t *testing.T) {
		o := options(t, gputest.NewReader(reading(0, gib)))
		engine := backendstest.New(t)
		o.Engine, o.Sizes = engine.URL, []int{1, 2}
		var done []int
		o.Done = func(s gpubench.Size) {
			done = append(done, s.Size)
			engine.Always(backendstest.Script{Status: 500, Error: "out of memory"})
		}
		r, err := gpubench.Measure(t.Context(), o)
		if err == nil || len(r.Sizes) != 1 || len(done) != 1 || r.Sizes[0].TokensPS <= 0 {
			t.Fatalf("got %+v, done %v, %v", r, done, err)
		}
		var page bytes.Buffer
		if err := r.Markdown(&page); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(page.String(), "It ended early:** size 2: ") || !strings.Contains(page.String(), "| 1 | 1.0× | 1.0× |") {
			t.Errorf("wrote\n%s", &page)
		}
	})
	t.Run("FailsWhereTheEngineDoes", func(t *testing.T) {
		o := options(t, gputest.NewReader(reading(0, gib)))
		engine := backendstest.New(t)
		engine.Always(backendstest.Script{Status: 500, Error: "out of memory"})
		o.Engine = engine.URL
		if _, err := gpubench.Measure(t.Context(), o); err == nil || !strings.Contains(err.Error(), "out of memory") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("RefusesAnEngineThatIsNotOnTheGPU", func(t *testing.T) {
		o := options(t, gputest.NewReader(reading(0, gib)))
		o.Engine = "demo"
		if _, err := gpubench.Measure(t.Context(), o); err == nil || !strings.Contains(err.Error(), "does not run on this machine's GPU") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("SaysThatThereIsNoGPUAndAsksNobody", func(t *testing.T) {
		reader := gputest.NewReader()
		o := options(t, reader)
		engine := backendstest.New(t)
		o.Engine = engine.URL
		r, err := gpubench.Measure(t.Context(), o)
		if !errors.Is(err, gpubench.ErrNoGPU) || r.Missing != "no NVIDIA GPU" || reader.Closes() != 1 || engine.Hits() != 0 {
			t.Fatalf("got %+v, %v, %d hits", r, err, engine.Hits())
		}
		var page bytes.Buffer
		if err := r.Markdown(&page); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Nothing has been measured yet", r.At.Format(time.DateOnly), "no NVIDIA GPU", "| 8 | 5.8× | - |", "| 32 | - | - |"} {
			if !strings.Contains(page.String(), want) {
				t.Errorf("no %q in\n%s", want, &page)
			}
		}
	})
}

func TestComparison(t *testing.T) {
	for name, tt := range map[string]struct {
		line   string
		differ string // what does; "" = nothing
	}{
		"Equal":        {"GPU-1, Test GPU, 1024, 24576, 200.00", ""},
		"NearEnough":   {"GPU-1, Test GPU, 1040, 24576, 209.00", ""},
		"OtherMemory":  {"GPU-1, Test GPU, 1041, 24576, 200.00", "memory used, MiB"},
		"OtherPower":   {"GPU-1, Test GPU, 1024, 24576, 212.00", "power, W, mean of 2"},
		"PowerNotTold": {"GPU-1, Test GPU, 1024, 24576, [N/A]", "power, W, mean of 2"},
		"OtherName":    {"GPU-1, Best GPU, 1024, 24576, 200.00", "name"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, gputest.NewReader(reading(0, gib)))
			o.SMI = fakeSMI(t, tt.line)
			r, err := gpubench.Measure(t.Context(), o)
			if err != nil || r.Check == nil || len(r.Check.Rows) != 5 {
				t.Fatalf("got %+v, %v", r.Check, err)
			}
			differ := ""
			for _, row := range r.Check.Rows {
				if !row.Equal {
					differ += row.What
				}
			}
			if differ != tt.differ || r.Check.Equal() != (tt.differ == "") {
				t.Errorf("differ %q: %+v", differ, r.Check.Rows)
			}
		})
	}
	t.Run("FailsWithoutTheGPU", func(t *testing.T) {
		o := options(t, gputest.NewReader(reading(0, gib)))
		o.SMI = fakeSMI(t, "GPU-2, Test GPU, 1024, 24576, 200.00")
		if _, err := gpubench.Measure(t.Context(), o); err == nil || !strings.Contains(err.Error(), "does not list the GPU GPU-1") {
			t.Errorf("got %v", err)
		}
	})
}
