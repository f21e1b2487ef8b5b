package tuner_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"carpool/app/config"
	"carpool/app/gpus"
	"carpool/app/tuner"
	"carpool/backends"
	"carpool/batching"
	"carpool/gpu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var llama = batching.Key{Engine: "ollama", Model: "llama"}

// scheduler is a scripted one: its loads are set, its limits are read.
type scheduler struct {
	mu      sync.Mutex
	loads   map[batching.Key]batching.Load
	limits  map[batching.Key]batching.Limits
	engines map[string]batching.EngineState
	sets    int
}

func (s *scheduler) Loads() []batching.Load {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.loads))
}

func (s *scheduler) SetLimits(k batching.Key, l batching.Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits[k] = l
	s.sets++
}

func (s *scheduler) Forget(k batching.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.limits, k)
}

func (s *scheduler) SetEngine(name string, e batching.EngineState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engines[name] = e
}

func (s *scheduler) limit(k batching.Key) batching.Limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits[k]
}

// rig is a tuner at work inside a bubble of virtual time.
type rig struct {
	*tuner.Tuner
	t         *testing.T
	scheduler *scheduler

	mu      sync.Mutex
	engine  backends.Info
	reading gpus.State
	decided []tuner.Decision
}

// during runs f with a tuner for c.
func during(t *testing.T, c config.Config, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, scheduler: &scheduler{loads: map[batching.Key]batching.Load{}, limits: map[batching.Key]batching.Limits{}, engines: map[string]batching.EngineState{}},
			engine: backends.Info{Name: "ollama", Kind: backends.KindOllama, Label: "Ollama", Health: backends.Up, URL: "http://127.0.0.1:11434",
				Preallocated: true, ParallelHint: "set OLLAMA_NUM_PARALLEL"}}
		r.Tuner = tuner.New(c, tuner.Options{
			Engines: func() []backends.Info { r.mu.Lock(); defer r.mu.Unlock(); return []backends.Info{r.engine} },
			GPU:     func(string) gpus.State { r.mu.Lock(); defer r.mu.Unlock(); return r.reading },
			Decided: func(d tuner.Decision) { r.mu.Lock(); defer r.mu.Unlock(); r.decided = append(r.decided, d) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx, r.scheduler) }()
		f(r)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func (r *rig) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *rig) decisions() []tuner.Decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.decided)
}

// run releases a request and says what waits and runs.
func (r *rig) run(k batching.Key, waiting, inFlight int) batching.Stream {
	r.scheduler.mu.Lock()
	r.scheduler.loads[k] = batching.Load{Key: k, Waiting: waiting, InFlight: inFlight}
	r.scheduler.mu.Unlock()
	return r.Released(time.Now(), batching.Request{Key: k, PromptTokens: 100, Streams: true})
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestTuner(t *testing.T) {
	t.Run("TakesWhatATokenTakesFromTheModelsMetadata", func(t *testing.T) {
		total, used := uint64(24<<30), uint64(8<<30)
		known := backends.ModelMemory{Known: true, Width: 32 * 8 * 256, KVBytesPerElement: 2} // 128 KiB
		windowed := known
		windowed.WindowWidth = known.Width
		for _, c := range []struct {
			name         string
			memory       backends.ModelMemory
			preallocated bool
			want         float64
		}{
			{"Known", known, false, .125},
			{"KnownWithinAWindow", windowed, false, .25},
			{"NotKnown", backends.ModelMemory{}, false, .5}, // as is assumed of any
			{"Preallocated", known, true, 0},
		} {
			t.Run(c.name, func(t *testing.T) {
				during(t, config.Default(), func(r *rig) {
					r.change(func() {
						r.engine.Preallocated = c.preallocated
						r.engine.Models = []backends.Model{{Name: "llama", Memory: c.memory}}
						r.reading = gpus.State{Reading: gpu.Reading{At: time.Now(), Available: true, MemoryUsed: &used, MemoryTotal: &total}}
					})
					after(100 * time.Millisecond)
					r.run(llama, 0, 1)
					after(2 * time.Second)
					if s := r.States()[0]; s.MiBPerToken != c.want {
						t.Errorf("%v MiB per token, want %v", s.MiBPerToken, c.want)
					}
				})
			})
		}
	})
	t.Run("GivesANewModelTheStartAtTheNextTick", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			after(3 * time.Second)
			r.run(llama, 0, 1)
			after(100 * time.Millisecond)
			if l := r.scheduler.limit(llama); l.Size != 4 || l.Mode != batching.Fixed || l.Reason == "" {
				t.Errorf("%+v", l)
			}
		})
	})
	t.Run("TakesTheSlotsThatTheEngineTells", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			after(100 * time.Millisecond)
			r.change(func() { r.engine.Slots = 2 })
			r.run(llama, 0, 1)
			after(100 * time.Millisecond)
			if l := r.scheduler.limit(llama); l.Size != 2 {
				t.Errorf("%+v", l)
			}
			if st := r.States(); len(st) != 1 || st[0].Slots != 2 || st[0].SlotsBy != "told" || st[0].Limit != 2 {
				t.Errorf("%+v", st)
			}
			d := r.decisions()
			if len(d) == 0 || d[len(d)-1].Limit != 2 || d[len(d)-1].Slots != 2 || d[len(d)-1].Key != llama || d[len(d)-1].Reason == "" {
				t.Errorf("decided %+v", d)
			}
		})
	})
	t.Run("TakesAModelsOwnSlotsBeforeTheEngines", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			r.change(func() {
				r.engine.Slots = 4
				r.engine.Models = []backends.Model{{Name: "llama", Slots: 1}}
			})
			r.run(llama, 0, 1)
			after(1100 * time.Millisecond)
			if l := r.scheduler.limit(llama); l.Size != 1 {
				t.Errorf("%+v", l)
			}
		})
	})
	t.Run("SetsNothingWhileNothingChanges", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			r.run(llama, 0, 1)
			after(time.Second)
			before := r.scheduler.sets
			after(10 * time.Second)
			if r.scheduler.sets != before {
				t.Errorf("%d more limits set", r.scheduler.sets-before)
			}
		})
	})
	t.Run("PutsSettingsInForceAtOnce", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			r.run(llama, 0, 1)
			after(time.Second)
			c := config.Default()
			c.Batching.Mode, c.Batching.MaxBatchSize = "fixed", 3
			r.Configure(c)
			if l := r.scheduler.limit(llama); l.Size != 3 || !strings.Contains(l.Reason, "fixed at 3") {
				t.Errorf("fixed: %+v", l)
			}
			c.Batching.Mode, c.Batching.MaxParallelBatches = "static", 2
			r.Configure(c)
			if l := r.scheduler.limit(llama); l.Mode != batching.Static || l.Size != 3 || l.Wait != 50*time.Millisecond {
				t.Errorf("static: %+v", l)
			}
			if got := r.Limits(); got.Mode != batching.Static {
				t.Errorf("shows %+v", got)
			}
		})
	})
	t.Run("TellsTheSchedulerWhatIsLoaded", func(t *testing.T) {
		for _, kind := range []backends.Kind{backends.KindOllama, backends.KindLlamaCPP} {
			during(t, config.Default(), func(r *rig) {
				r.change(func() {
					r.engine.Kind, r.engine.Models = kind, []backends.Model{{Name: "a", Loaded: true}, {Name: "b"}}
				})
				after(1100 * time.Millisecond)
				r.scheduler.mu.Lock()
				defer r.scheduler.mu.Unlock()
				if got := r.scheduler.engines["ollama"].Loaded; !slices.Equal(got, []string{"a"}) {
					t.Errorf("%s: loaded %v", kind, got)
				}
			})
		}
	})
	t.Run("BeginsAnewWhenTheEngineHasRestarted", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			r.run(llama, 0, 1)
			after(1100 * time.Millisecond)
			r.change(func() { r.engine.Epoch++ })
			after(1100 * time.Millisecond)
			d := r.decisions()
			if len(d) == 0 || !strings.Contains(d[len(d)-1].Reason, "restarted") {
				t.Errorf("decided %+v", d)
			}
		})
	})
	t.Run("AdvisesOnlyWhereTheSlotsAreWhatRequestsWaitFor", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			r.change(func() { r.engine.Slots = 1 })
			r.run(llama, 0, 1)
			after(1100 * time.Millisecond)
			if got := r.States()[0].Advice; got != "" {
				t.Errorf("advice %q while nothing waits", got)
			}
			r.run(llama, 5, 1)
			after(200 * time.Millisecond)
			if got := r.States()[0].Advice; !strings.HasPrefix(got, "Ollama runs one request at a time (OLLAMA_NUM_PARALLEL is not set)") {
				t.Errorf("advice %q", got)
			}
		})
	})
	t.Run("KeepsABoundedNumberOfModels", func(t *testing.T) {
		during(t, config.Default(), func(r *rig) {
			for i := range 1000 {
				k := batching.Key{Engine: "ollama", Model: strings.Repeat("x", i)}
				r.Released(time.Now(), batching.Request{Key: k}).Ended(time.Now(), batching.Served, batching.Untold())
				time.Sleep(10 * time.Millisecond)
			}
			after(time.Second)
			r.scheduler.mu.Lock()
			defer r.scheduler.mu.Unlock()
			if n := len(r.scheduler.limits); n > 256 {
				t.Errorf("the scheduler keeps limits for %d", n)
			}
			states := r.States()
			if len(states) != 256 || len(states[0].Model) != 999 || len(states[255].Model) != 744 {
				t.Errorf("%d kept, of %d to %d letters", len(states), len(states[0].Model), len(states[len(states)-1].Model))
			}
		})
	})
}

func TestTunerReadsTheGPUOnlyForEnginesOnIt(t *testing.T) {
	used, total := uint64(7900)<<20, uint64(8000)<<20
	for _, tt := range []struct {
		name   string
		change func(e *backends.Info)
		budget bool
	}{
		{"Local", func(*backends.Info) {}, true},
		{"Elsewhere", func(e *backends.Info) { e.URL = "http://192.168.1.9:11434" }, false},
		{"Simulated", func(e *backends.Info) { e.URL, e.Simulated = "", true }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			during(t, config.Default(), func(r *rig) {
				r.change(func() {
					r.engine.Preallocated = false
					tt.change(&r.engine)
					r.reading.Reading = gpu.Reading{At: time.Now(), Available: true, MemoryUsed: &used, MemoryTotal: &total}
				})
				r.run(llama, 0, 1)
				for range 20 {
					after(time.Second)
					r.change(func() { r.reading.At = time.Now() })
				}
				if got := r.scheduler.limit(llama).Tokens > 0; got != tt.budget {
					t.Errorf("bounded by memory: %v, want %v", got, tt.budget)
				}
			})
		})
	}
}
