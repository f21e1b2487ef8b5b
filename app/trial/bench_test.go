package trial_test

import (
	"context"
	"math"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"carpool/app/trial"
	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engines are one engine.
type engines struct{ target backends.Target }

func (e engines) Resolve(context.Context, string, ...string) (backends.Target, error) {
	return e.target, nil
}
func (e engines) Look(context.Context, string, ...string) (backends.Target, error) {
	return e.target, nil
}
func (e engines) Preferred() (backends.Target, error) { return e.target, nil }
func (e engines) Target(name string) (backends.Target, error) {
	if name != e.target.Name {
		return backends.Target{}, backends.ErrNoEngine
	}
	return e.target, nil
}
func (e engines) Snapshot() []backends.Info { return []backends.Info{e.target.Info} }
func (e engines) Trouble(string, error)     {}
func (e engines) Served(string)             {}
func (e engines) Failed(string) bool        { return false }

// before is a benchmark's options before an engine.
func before(e *backendstest.Engine) trial.Options {
	base, _ := url.Parse(e.URL)
	return trial.Options{Engines: engines{backends.Target{
		Info: backends.Info{Name: "ollama", Kind: backends.KindOllama, Label: "Ollama", Version: "0.17.4", Health: backends.Up,
			APIs:   []backends.API{backends.OpenAIAPI},
			Models: []backends.Model{{Name: "embed", Embedding: true, Loaded: true}, {Name: "other"}, {Name: "tiny", Loaded: true}}},
		Base: base, Transport: e.Transport(),
	}}, Wanted: trial.Wanted{Rounds: 2, Tokens: 11}}
}

// bubble runs test in virtual time before an engine that writes a token each 100 ms
// for each request, so that as many at once gain as many times.
func bubble(t *testing.T, test func(t *testing.T, e *backendstest.Engine, o trial.Options)) {
	synctest.Test(t, func(t *testing.T) {
		e := backendstest.NewInMemory(t)
		e.Always(backendstest.Script{Delay: 100 * time.Millisecond, Every: 100 * time.Millisecond})
		test(t, e, before(e))
	})
}

func begin(t *testing.T, o trial.Options) *trial.Bench {
	t.Helper()
	b, err := trial.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// draw tells so many joules for each request.
type draw struct {
	each     float64
	released atomic.Int64
}

func (d *draw) Released(time.Time, batching.Request) batching.Stream {
	d.released.Add(1)
	return d
}
func (d *draw) Tokens(time.Time, int)                              {}
func (d *draw) Ended(time.Time, batching.Outcome, batching.Report) {}
func (d *draw) Joules(context.Context) *float64 {
	j := d.each * float64(d.released.Swap(0))
	return &j
}

func TestBench(t *testing.T) {
	t.Run("MeasuresWhatBatchingGains", func(t *testing.T) {
		bubble(t, func(t *testing.T, e *backendstest.Engine, o trial.Options) {
			o.Wanted.Sizes, o.GPU, o.Draw = []int{8, 1, 4, 4}, func(string) string { return "Test GPU" }, &draw{each: 22}
			o.Others = func() int { return 3 }
			got := begin(t, o).Run(t.Context())
			if len(got.Rows) != 4 || got.Problem != "" || got.Cancelled || got.Others != 3 {
				t.Fatalf("%+v", got)
			}
			if got.Engine != "ollama" || got.Label != "Ollama 0.17.4" || got.Model != "tiny" || got.GPU != "Test GPU" {
				t.Errorf("%+v", got)
			}
			// Each answer takes 1.1 s, and serial chats stand in line.
			for i, want := range []struct {
				size, requests, rounds int
				speedup, first         float64
			}{{0, 8, 8, 1, 3.4}, {1, 2, 2, 1, .1}, {4, 8, 2, 4, .1}, {8, 16, 2, 8, .1}} {
				r := got.Rows[i]
				if r.Size != want.size || r.Requests != want.requests || r.OutputTokens != 11*want.requests {
					t.Errorf("%+v", r)
				}
				if took := time.Duration(want.rounds) * 1100 * time.Millisecond; r.Duration != took || r.TokensPS != float64(r.OutputTokens)/took.Seconds() {
					t.Errorf("%d took %v, %v tokens/s", r.Size, r.Duration, r.TokensPS)
				}
				if math.Abs(r.Speedup-want.speedup) > 1e-9 || r.FirstP95.Seconds() != want.first {
					t.Errorf("%d: %v times, first token %v", r.Size, r.Speedup, r.FirstP95)
				}
				if r.JoulesPer1000 == nil || math.Abs(*r.JoulesPer1000-2000) > 1e-9 {
					t.Errorf("%d: joules %v", r.Size, r.JoulesPer1000)
				}
			}
			if e.Peak() != 8 {
				t.Errorf("%d at once", e.Peak())
			}
		})
	})
	t.Run("TellsHowFarItIs", func(t *testing.T) {
		bubble(t, func(t *testing.T, _ *backendstest.Engine, o trial.Options) {
			o.Wanted.Sizes = []int{1, 2, 4}
			b := begin(t, o)
			ended := make(chan trial.Trial)
			begun := time.Now()
			go func() { ended <- b.Run(t.Context()) }()
			// 1.1 s to warm up, then 8, 2, 2 and 2 answers of 1.1 s one after the other.
			const all = 16500 * time.Millisecond
			last := trial.State{}
			for _, at := range []struct {
				after time.Duration
				size  int
			}{{time.Second, 0}, {5 * time.Second, 0}, {10500 * time.Millisecond, 1}, {13 * time.Second, 2}, {15 * time.Second, 4}} {
				time.Sleep(time.Until(begun.Add(at.after)))
				synctest.Wait()
				s := b.State(time.Now())
				if !s.Running || s.Size != at.size || s.Done < last.Done || s.Done >= 1 {
					t.Errorf("after %v: %+v, before it %+v", at.after, s, last)
				}
				if at.after > time.Second {
					if left := all - at.after; s.Left < left/2 || s.Left > 2*left {
						t.Errorf("after %v: %v left, not %v", at.after, s.Left, left)
					}
				} else if s.Done != 0 || s.Left != 0 {
					t.Errorf("while it warms up: %+v", s)
				}
				last = s
			}
			if got := <-ended; time.Since(begun) != all || len(got.Rows) != 4 {
				t.Errorf("took %v, %+v", time.Since(begun), got)
			}
			if s := b.State(time.Now()); s.Running || s.Done != 1 || s.Left != 0 || s.Problem != "" {
				t.Errorf("at the end %+v", s)
			}
		})
	})
	t.Run("EndsAtOnceWhenItIsCancelled", func(t *testing.T) {
		bubble(t, func(t *testing.T, e *backendstest.Engine, o trial.Options) {
			o.Wanted.Sizes = []int{2, 4}
			b := begin(t, o)
			ctx, cancel := context.WithCancelCause(t.Context())
			ended := make(chan trial.Trial)
			go func() { ended <- b.Run(ctx) }()
			time.Sleep(13 * time.Second) // in the middle of 4 at once
			synctest.Wait()
			if e.Running() != 4 {
				t.Fatalf("%d are in the engine: %+v", e.Running(), b.State(time.Now()))
			}
			at := time.Now()
			cancel(trial.ErrCancelled)
			got := <-ended
			synctest.Wait()
			if took := time.Since(at); took > time.Second || e.Running() != 0 {
				t.Errorf("took %v, %d are in the engine", took, e.Running())
			}
			if !got.Cancelled || got.Problem != "" || len(got.Rows) != 2 {
				t.Errorf("%+v", got)
			}
			if s := b.State(time.Now()); s.Running || s.Problem != "cancelled" || s.Done >= 1 {
				t.Errorf("%+v", s)
			}
		})
	})
	t.Run("KeepsWhatWasMeasuredBeforeTheEngineFailed", func(t *testing.T) {
		bubble(t, func(t *testing.T, e *backendstest.Engine, o trial.Options) {
			o.Wanted.Sizes = []int{1, 2}
			e.Choose(func(backendstest.Request) backendstest.Script {
				if e.Peak() > 1 {
					return backendstest.Script{Status: 500, Error: "out of memory"}
				}
				return backendstest.Script{Every: time.Millisecond}
			})
			b := begin(t, o)
			got := b.Run(t.Context())
			if len(got.Rows) != 2 || got.Cancelled || !strings.Contains(got.Problem, "out of memory") {
				t.Errorf("%+v", got)
			}
			if s := b.State(time.Now()); s.Running || s.Problem != got.Problem {
				t.Errorf("%+v", s)
			}
		})
	})
	t.Run("TakesNoMoreAtOnceThanTheEngineHasSlotsFor", func(t *testing.T) {
		bubble(t, func(t *testing.T, e *backendstest.Engine, o trial.Options) {
			o.Slots = func(engine, model string) int {
				if engine != "ollama" || model != "tiny" {
					t.Errorf("asked for the slots of %s, %s", engine, model)
				}
				return 3
			}
			got := begin(t, o).Run(t.Context())
			if len(got.Rows) != 4 || got.Rows[3].Size != 3 || e.Peak() != 3 {
				t.Errorf("%+v", got.Rows)
			}
		})
	})
	t.Run("RefusesWhatCannotBeMeasured", func(t *testing.T) {
		bubble(t, func(t *testing.T, e *backendstest.Engine, _ trial.Options) {
			for want, wanted := range map[string]trial.Wanted{
				"sizes can be 1 to 64":    {Sizes: []int{1, 65}},
				"rounds can be 1 to 100":  {Rounds: 101},
				"tokens can be 1 to 4096": {Tokens: -1},
				"engine x: no engine":     {Engine: "x"},
			} {
				o := before(e)
				o.Wanted = wanted
				if _, err := trial.New(o); err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("%+v: %v", wanted, err)
				}
			}
		})
	})
}

// TestDemo measures the demo engine, which is not there on any GPU.
func TestDemo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		demo := backends.NewDemo(backends.DemoOptions{})
		defer demo.Close()
		base, _ := url.Parse("http://demo")
		o := trial.Options{Wanted: trial.Wanted{Sizes: []int{1, 4}}, Engines: engines{backends.Target{
			Info: backends.Info{Name: "demo", Kind: backends.KindDemo, Label: "Demo engine (simulated)", Health: backends.Up, Simulated: true,
				APIs: []backends.API{backends.OpenAIAPI}, Models: []backends.Model{{Name: backends.DemoModel + ":latest", Loaded: true}}},
			Base: base, Transport: demo.Transport()}}}
		got := begin(t, o).Run(t.Context())
		if got.Problem != "" || len(got.Rows) != 3 || !got.Simulated || got.Rows[2].Speedup < 2 || got.Rows[2].JoulesPer1000 != nil {
			t.Errorf("%+v", got)
		}
	})
}
