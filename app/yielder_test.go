package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carpool/app/config"
	"carpool/app/gateway"
	"carpool/app/gpus"
	"carpool/app/tuner"
	"carpool/app/yield"
	"carpool/backends"
	"carpool/batching"
	"carpool/gpu"
)

// lane is what a yielder and an unloader look at and move, as a test sets it.
type lane struct {
	*yielder
	unloader *unloader

	mu      sync.Mutex
	config  config.Config
	others  uint64 // bytes
	filler  string
	onGPU   []string // names of engines
	engines []backends.Info
	loads   []batching.Load
	refusal error
	log     []string
}

// newLane has an Ollama with two loaded models on a GPU of 24 GiB, and a box elsewhere.
func newLane() *lane {
	seen := time.Now()
	l := &lane{config: config.Default(), onGPU: []string{"ollama"}, engines: []backends.Info{
		{Name: "box", URL: "https://box.lan", Health: backends.Up, Seen: seen, Models: []backends.Model{{Name: "big", Loaded: true}}},
		{Name: "ollama", Kind: backends.KindOllama, URL: "http://127.0.0.1:11434", Health: backends.Up, Seen: seen,
			Models: []backends.Model{{Name: "tiny", Loaded: true}, {Name: "large", Loaded: true}, {Name: "cold"}}},
	}}
	note := func(format string, args ...any) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.log = append(l.log, fmt.Sprintf(format, args...))
	}
	engines := func() []backends.Info { return get(l, func() []backends.Info { return slices.Clone(l.engines) }) }
	l.yielder = newYielder(yieldParts{
		config: func() config.Config { return get(l, func() config.Config { return l.config }) },
		gpus: func() []gpus.State {
			total, others := uint64(24<<30), get(l, func() uint64 { return l.others })
			onGPU := get(l, func() []string { return l.onGPU })
			return []gpus.State{{Reading: gpu.Reading{Available: true, MemoryTotal: &total}, Engines: onGPU, Others: gpus.Part{Memory: &others}}}
		},
		screen:  func() string { return get(l, func() string { return l.filler }) },
		engines: engines,
		hold: func(all map[string]batching.Hold) {
			if len(all) == 0 {
				note("let go")
			}
			for e, h := range all {
				note("hold %s, all %v: %s", e, h.All, h.Reason)
			}
		},
		cap: func(c tuner.Cap) { note("cap %v at %d: %s", c.Engines, c.Size, c.Reason) },
		setAway: func(a gateway.Away) {
			note("away %v, interrupt %v", a.Engines, a.Interrupt)
		},
		changed: func(was, is yield.State) { note("on %v, manual %v, %s", is.On, is.Manual, is.Reason) },
	})
	l.unloader = newUnloader(unloadParts{
		state:   l.State,
		idle:    func() bool { return get(l, func() bool { return l.config.Yield.Mode == "unload" }) },
		engines: engines,
		loads:   func() []batching.Load { return get(l, func() []batching.Load { return slices.Clone(l.loads) }) },
		pause:   l.pause,
		unload: func(_ context.Context, engine, model string) error {
			note("unload %s of %s", model, engine)
			return get(l, func() error { return l.refusal })
		},
		done: func(k batching.Key, err error) { note("done %s: %v", k.Model, err) },
	})
	return l
}

func get[T any](l *lane, f func() T) T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return f()
}

func (l *lane) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// lines are what was done since the last call.
func (l *lane) lines() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Join(l.log, "\n")
	l.log = nil
	return all
}

func (l *lane) wants(t *testing.T, want ...string) {
	t.Helper()
	if got := l.lines(); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// inLane runs a test in virtual time, half a second off the ticks.
func inLane(t *testing.T, test func(t *testing.T, l *lane)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLane()
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { l.run(ctx) })
		running.Go(func() { l.unloader.run(ctx) })
		time.Sleep(500 * time.Millisecond)
		test(t, l)
		cancel()
		running.Wait()
	})
}

// taken has another program hold 9 GiB until it is noticed.
func (l *lane) taken() {
	l.set(func() { l.others = 9 << 30 })
	time.Sleep(6 * time.Second)
}

const holding = "another program holds 9.0 GiB of the GPU's memory"

func TestYielder(t *testing.T) {
	t.Run("ShrinksAndComesBackByItself", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.wants(t)
			l.taken()
			l.wants(t, "hold ollama, all false: makes way for another program", "cap [ollama] at 1: makes way: "+holding, "on true, manual false, "+holding)
			if s := l.State(); !s.On || s.Size != 1 || !slices.Equal(s.Engines, []string{"ollama"}) {
				t.Errorf("%+v", s)
			}
			time.Sleep(time.Hour)
			l.wants(t)
			l.set(func() { l.others = 0 })
			time.Sleep(20 * time.Second)
			l.wants(t)
			time.Sleep(time.Second)
			l.wants(t, "let go", "cap [] at 0: ", "on false, manual false, ")
		})
	})
	t.Run("DoesNothingWhereItIsOff", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.set(func() { l.config.Yield.Mode = "off" })
			l.taken()
			l.wants(t)
			l.set(func() { l.config.Yield.Mode = "shrink" })
			time.Sleep(6 * time.Second)
			_ = l.lines()
			l.set(func() { l.config.Yield.Mode = "off" })
			time.Sleep(time.Second)
			l.wants(t, "let go", "cap [] at 0: ", "on false, manual false, ")
		})
	})
	t.Run("DoesNothingForAnEngineThatWasNeverThere", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.set(func() {
				l.filler, l.onGPU = "a game", nil
				l.engines = []backends.Info{
					{Name: "demo", Kind: backends.KindDemo, Simulated: true, Health: backends.Up},
					{Name: "ollama", Kind: backends.KindOllama, URL: "http://127.0.0.1:11434", Health: backends.Down},
				}
			})
			l.taken()
			l.wants(t)
			l.set(func() { l.engines[1].Health, l.engines[1].Seen = backends.Up, time.Now() })
			time.Sleep(time.Second)
			if got := l.lines(); !strings.Contains(got, "hold ollama, all false") {
				t.Error("it has come, and is not held: " + got)
			}
		})
	})
	t.Run("FollowsTheSettings", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.set(func() { l.config.Yield.Size, l.config.Yield.AfterS = 3, 2 })
			l.set(func() { l.others = 9 << 30 })
			time.Sleep(3 * time.Second)
			l.wants(t, "hold ollama, all false: makes way for another program", "cap [ollama] at 3: makes way: "+holding, "on true, manual false, "+holding)
			l.set(func() { l.config.Yield.Size = 2 })
			time.Sleep(time.Second)
			l.wants(t, "cap [ollama] at 2: makes way: "+holding)
		})
	})
	t.Run("MakesWayForWhatFillsTheScreen", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.set(func() { l.filler = "a game" })
			time.Sleep(6 * time.Second)
			if got := l.lines(); !strings.Contains(got, "on true, manual false, a game fills the screen") {
				t.Error(got)
			}
		})
	})
	t.Run("GivesTheGPUAwayForATime", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			until := time.Now().Add(time.Hour)
			reason := "GPU given away until " + until.Local().Format("15:04")
			l.order(time.Now(), YieldOrder{For: time.Hour})
			l.wants(t, "hold ollama, all true: "+reason, "away [ollama], interrupt false", "on true, manual true, "+reason)
			if s := l.State(); !s.Until.Equal(until) || s.Size != 0 {
				t.Errorf("%+v", s)
			}
			// The user's order goes before what other programs do, and before the settings.
			l.set(func() { l.config.Yield.Mode = "off" })
			l.taken()
			if got := l.lines(); strings.Contains(got, "cap") || strings.Contains(got, "hold") {
				t.Error(got)
			}
			l.order(time.Now(), YieldOrder{For: time.Until(until), Stop: true})
			l.wants(t, "away [ollama], interrupt true")
			time.Sleep(time.Until(until.Add(-500 * time.Millisecond)))
			l.wants(t)
			time.Sleep(2 * time.Second)
			l.wants(t, "away [], interrupt false", "let go", "on false, manual false, ")
		})
	})
	t.Run("EndsByTheClockOnTheWall", func(t *testing.T) {
		l := newLane() // in real time: virtual time has no second clock
		now := time.Now()
		l.order(now, YieldOrder{For: time.Hour})
		_ = l.lines()
		// The computer slept for two hours, in which the monotonic clock stood still.
		woken := now.Round(0).Add(2 * time.Hour)
		if until := l.State().Until; until.String() != until.Round(0).String() {
			t.Errorf("%v goes by the clock that stands still", until)
		}
		l.stepping.Lock()
		l.step(woken)
		l.stepping.Unlock()
		l.wants(t, "away [], interrupt false", "let go", "on false, manual false, ")
	})
	t.Run("GivesTheGPUAwayUntilItIsTakenBack", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.order(time.Now(), YieldOrder{})
			since := l.State().Since
			l.taken()
			time.Sleep(time.Hour)
			if s := l.State(); !s.Manual || !s.Until.IsZero() || !s.Since.Equal(since) || s.Reason != "GPU given away" {
				t.Errorf("%+v", s)
			}
			_ = l.lines()
			l.yielder.end(time.Now())
			// Another program has it meanwhile, which is known at once.
			l.wants(t, "away [], interrupt false", "hold ollama, all false: makes way for another program",
				"cap [ollama] at 1: makes way: "+holding, "on true, manual false, "+holding)
		})
	})
	t.Run("HoldsAnEngineWhileAnyPauseOfItIsLeft", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			one, two := l.pause("ollama", "one"), l.pause("ollama", "two")
			l.wants(t, "hold ollama, all true: one")
			one()
			one()
			l.wants(t, "hold ollama, all true: two")
			two()
			l.wants(t, "let go")
		})
	})
	t.Run("HoldsAnEngineThatComesUpLater", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.order(time.Now(), YieldOrder{})
			_ = l.lines()
			l.set(func() {
				l.engines = append(l.engines, backends.Info{Name: "lmstudio", URL: "http://127.0.0.1:1234", Health: backends.Up})
			})
			time.Sleep(time.Second)
			if got := l.lines(); !strings.Contains(got, "hold lmstudio, all true") || !strings.Contains(got, "away [lmstudio ollama]") {
				t.Error(got)
			}
		})
	})
}

func TestUnloader(t *testing.T) {
	t.Run("HasEveryModelLeaveThatTheUserWantsAway", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.set(func() { l.loads = []batching.Load{{Key: batching.Key{Engine: "ollama", Model: "tiny"}, InFlight: 1}} })
			l.order(time.Now(), YieldOrder{})
			_ = l.lines()
			time.Sleep(time.Minute)
			l.wants(t) // something runs there
			l.set(func() {
				l.loads = []batching.Load{{Key: batching.Key{Engine: "ollama", Model: "large"}, Waiting: 3, Held: 3}}
			})
			time.Sleep(time.Second)
			l.wants(t, "unload tiny of ollama", "done tiny: <nil>", "unload large of ollama", "done large: <nil>")
			time.Sleep(time.Hour)
			l.wants(t)
			l.yielder.end(time.Now())
			time.Sleep(time.Second)
			l.order(time.Now(), YieldOrder{})
			time.Sleep(time.Second)
			if got := l.lines(); !strings.Contains(got, "unload tiny") {
				t.Error("the next time they stay: " + got)
			}
		})
	})
	t.Run("LeavesThemWhereItOnlyShrinks", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.taken()
			_ = l.lines()
			time.Sleep(time.Hour)
			l.wants(t)
		})
	})
	t.Run("HasIdleModelsLeave", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			tiny := batching.Key{Engine: "ollama", Model: "tiny"}
			l.set(func() {
				l.config.Yield.Mode = "unload"
				l.loads = []batching.Load{{Key: tiny, InFlight: 1}}
			})
			l.taken()
			_ = l.lines()
			const hold, again = "hold ollama, all true: its model leaves the GPU", "hold ollama, all false: makes way for another program"
			time.Sleep(9 * time.Second)
			l.wants(t)
			time.Sleep(3 * time.Second)
			l.wants(t, hold, "unload large of ollama", "done large: <nil>", again)
			for range 5 { // its requests come and go
				l.set(func() { l.loads = []batching.Load{{Key: tiny, Waiting: 1}} })
				time.Sleep(5 * time.Second)
				l.set(func() { l.loads = nil })
				time.Sleep(8 * time.Second)
			}
			l.wants(t)
			l.set(func() { l.loads = []batching.Load{{Key: tiny, Waiting: 2, Held: 2}} }) // all in the background
			time.Sleep(11 * time.Second)
			l.wants(t, hold, "unload tiny of ollama", "done tiny: <nil>", again)
		})
	})
	t.Run("NeverUnloadsWhatIsAskedForAtTheLastMoment", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.set(func() { l.config.Yield.Mode = "unload" })
			tiny := batching.Load{Key: batching.Key{Engine: "ollama", Model: "tiny"}, InFlight: 1}
			pause := l.unloader.pause
			l.unloader.pause = func(engine, why string) func() {
				l.set(func() { l.loads = []batching.Load{tiny} }) // it was let in just before
				return pause(engine, why)
			}
			l.taken()
			time.Sleep(30 * time.Second)
			if got := l.lines(); strings.Contains(got, "unload tiny") || !strings.Contains(got, "its model leaves the GPU") {
				t.Error(got)
			}
		})
	})
	t.Run("SaysWhichStay", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.set(func() { l.refusal = fmt.Errorf("%w: llama-server keeps it", backends.ErrCannotUnload) })
			l.order(time.Now(), YieldOrder{})
			time.Sleep(time.Hour)
			if got := l.lines(); strings.Count(got, "unload ") != 2 {
				t.Error(got)
			}
			if kept := l.unloader.Kept(); len(kept) != 2 || !strings.Contains(kept[0], "llama-server keeps it") {
				t.Errorf("%q", kept)
			}
			l.yielder.end(time.Now())
			time.Sleep(time.Second)
			if kept := l.unloader.Kept(); len(kept) != 0 {
				t.Errorf("after the end: %q", kept)
			}
		})
	})
	t.Run("TriesAgainWhatFailed", func(t *testing.T) {
		inLane(t, func(t *testing.T, l *lane) {
			l.set(func() { l.refusal = errors.New("status 500") })
			l.order(time.Now(), YieldOrder{})
			time.Sleep(30 * time.Second)
			if got := l.lines(); strings.Count(got, "unload tiny") != 1 {
				t.Error(got)
			}
			l.set(func() { l.refusal = nil })
			time.Sleep(time.Hour)
			if got := l.lines(); strings.Count(got, "unload tiny") != 1 {
				t.Error(got)
			}
		})
	})
}
