package yield

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"carpool/app/gpus"
	"carpool/gpu"
)

const gib = 1 << 30

// rules are the defaults, for an Ollama on this machine.
func rules() Settings {
	return Settings{Memory: 2 * gib, Utilization: 0.3, Fullscreen: true, After: 5 * time.Second, Back: 20 * time.Second,
		Reserve: gib / 2, Size: 1, Engines: []string{"ollama"}}
}

// card is a GPU of 24 GiB with Ollama on it, of which others hold and take so much;
// below 0 = not told.
func card(memory, use float64, programs ...gpus.Program) gpus.State {
	total, free := uint64(24*gib), uint64(0)
	s := gpus.State{Reading: gpu.Reading{Available: true, UUID: "GPU-1", MemoryTotal: &total}, Engines: []string{"ollama"}, Programs: programs}
	if memory >= 0 {
		m := uint64(memory * gib)
		free = total - m - 4*gib // 4 GiB are ours
		s.Others.Memory, s.MemoryFree = &m, &free
	}
	if use >= 0 {
		s.Others.Utilization = &use
	}
	return s
}

func program(name string, memory, use float64) gpus.Program {
	m := uint64(memory * gib)
	p := gpus.Program{Process: gpu.Process{Name: name, Memory: &m}}
	if use >= 0 {
		p.Utilization = &use
	}
	return p
}

// unseen is a reading of a driver that does not answer.
var unseen = gpus.State{Reading: gpu.Reading{UUID: "GPU-1", Reason: "GPU lost"}}

// bench drives a decider second by second.
type bench struct {
	Decider
	now   time.Time
	rules Settings
}

func newBench() *bench {
	return &bench{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), rules: rules()}
}

// see shows the same for some seconds, and returns the last decision.
func (b *bench) see(seconds int, states ...gpus.State) State { return b.screen(seconds, "", states...) }

func (b *bench) screen(seconds int, fullscreen string, states ...gpus.State) (s State) {
	for range seconds {
		b.now = b.now.Add(time.Second)
		s = b.Decide(b.now, b.rules, states, fullscreen)
	}
	return s
}

// after is how many seconds of the same it takes until it is on, or off; -1 = over
// ten minutes.
func (b *bench) after(on bool, states ...gpus.State) int {
	for n := range 600 {
		if b.see(1, states...).On == on {
			return n + 1
		}
	}
	return -1
}

func TestDecider(t *testing.T) {
	t.Run("MakesWay", func(t *testing.T) {
		for name, tt := range map[string]struct {
			rules func(*Settings)
			state gpus.State
			after int // seconds
		}{
			"NotForAFreeGPU":                  {nil, card(0, 0), -1},
			"NotJustBelow":                    {nil, card(1.99, 0.29), -1},
			"ForMemory":                       {nil, card(2, -1), 6},
			"ForMemoryThatIsUsed":             {nil, card(2, 0.06), 6},
			"ForUse":                          {nil, card(0, 0.9), 9}, // its mean is above 0.3 after 3 s more
			"ForUseAlone":                     {nil, card(-1, 0.9), 9},
			"NotForMemoryThatDoesNotCount":    {func(s *Settings) { s.Memory = 0 }, card(9, 0), -1},
			"NotForUseThatDoesNotCount":       {func(s *Settings) { s.Utilization = 0 }, card(0, 1), -1},
			"Later":                           {func(s *Settings) { s.After = time.Minute }, card(9, 0.5), 61},
			"NotWithoutAnEngine":              {func(s *Settings) { s.Engines = nil }, withEngines(card(9, 0.9)), -1},
			"ForAnEngineThatWasNeverSeenOnIt": {nil, withEngines(card(9, 0.9)), 6},
			"NotWhereNothingIsTold":           {nil, unseen, -1},
		} {
			t.Run(name, func(t *testing.T) {
				b := newBench()
				if tt.rules != nil {
					tt.rules(&b.rules)
				}
				if got := b.after(true, tt.state); got != tt.after {
					t.Errorf("after %d s, want %d", got, tt.after)
				}
			})
		}
	})

	t.Run("ComesBack", func(t *testing.T) {
		for name, tt := range map[string]struct {
			rules        func(*Settings)
			before, then gpus.State
			after        int
		}{
			"WhenItIsFree":                   {nil, card(9, -1), card(0, -1), 21},
			"NotJustBelowTheThreshold":       {nil, card(9, -1), card(1.7, -1), -1},
			"BelowFourFifths":                {nil, card(9, -1), card(1.59, -1), 21},
			"NotWhileTimeIsTaken":            {nil, card(9, 0.9), card(0, 0.28), -1},
			"WhenMeanUseHasFallen":           {nil, card(0, 1), card(0, 0), 28},
			"Later":                          {func(s *Settings) { s.Back = time.Minute }, card(9, -1), card(0, -1), 61},
			"WhenTheDriverIsSilent":          {nil, card(9, 0.9), unseen, 31},
			"WhenUseAloneIsNotTold":          {nil, card(0, 0.9), card(0, -1), 51}, // its 30 s, then free for 20 s
			"WhenMemoryIsIdleAndThereIsRoom": {nil, card(9, 1), card(9, 0), 95},    // 15 s until the mean is below 5 %, 60 s idle, 20 s back
			"NotWhenItIsIdleWithoutRoom":     {nil, card(15, 1), card(15, 0), -1},  // 5 of 24 GiB are free
			"NotWhenUseIsNotTold":            {nil, card(9, -1), card(9, -1), -1},
			"NotWhenUseIsAMatterOfSomeParts": {nil, card(9, 0.06), card(9, 0.06), -1},
		} {
			t.Run(name, func(t *testing.T) {
				b := newBench()
				if tt.rules != nil {
					tt.rules(&b.rules)
				}
				if !b.see(30, tt.before).On {
					t.Fatal("it did not make way")
				}
				if got := b.after(false, tt.then); got != tt.after {
					t.Errorf("after %d s, want %d", got, tt.after)
				}
			})
		}
	})

	t.Run("IsNotMovedByASpike", func(t *testing.T) {
		b := newBench()
		for range 20 {
			if b.see(1, card(0, 1)).On || b.see(9, card(0, 0)).On {
				t.Fatal("one busy second in ten made it make way")
			}
		}
		b.see(30, card(9, -1))
		for range 20 {
			if !b.see(19, card(0, -1)).On || !b.see(1, card(9, -1)).On {
				t.Fatal("it came back after 19 s")
			}
		}
	})

	t.Run("KeepsWhatWasWhileNothingIsTold", func(t *testing.T) {
		b := newBench()
		b.see(3, card(9, -1))
		if b.see(29, unseen).On {
			t.Error("it made way for what was not told")
		}
		if b.see(40, card(0, -1)).On {
			t.Error("it makes way for nothing")
		}
		b.see(10, card(9, -1))
		for range 10 {
			if !b.see(29, unseen).On || !b.see(1, card(9, -1)).On {
				t.Fatal("a silence ended it")
			}
		}
		if !b.see(5, card(0, -1)).On || b.after(false, card(0, -1), unseen) != 16 {
			t.Error("what was not told counted as free, or as taken")
		}
	})

	t.Run("LeavesEnginesOfOtherGPUsAlone", func(t *testing.T) {
		b := newBench()
		b.rules.Engines = []string{"lmstudio", "ollama"}
		second := card(0, 0)
		second.UUID, second.Engines = "GPU-2", []string{"lmstudio"}
		s := b.see(10, card(9, 0.9), second)
		if !s.On || !slices.Equal(s.Engines, []string{"ollama"}) {
			t.Errorf("%+v", s)
		}
		// Ollama unloads its model: it is on no GPU now, and would be back on this one.
		s = b.see(600, withEngines(card(9, 0.9)), second)
		if !s.On || !slices.Equal(s.Engines, []string{"ollama"}) {
			t.Errorf("unloaded: %+v", s)
		}
		second.Engines = []string{"lmstudio", "ollama"}
		if s = b.see(1, withEngines(card(9, 0.9)), second); s.On {
			t.Errorf("on the other one: %+v", s)
		}
		second = card(9, 0.9)
		second.UUID, second.Engines = "GPU-2", []string{"lmstudio", "ollama"}
		if s = b.see(10, withEngines(card(9, 0.9)), second); !slices.Equal(s.Engines, []string{"lmstudio", "ollama"}) {
			t.Errorf("that one is taken too: %+v", s)
		}
	})

	t.Run("TakesAnEngineThatWasNeverSeenForOneOfTheFirstGPU", func(t *testing.T) {
		b := newBench()
		second := withEngines(card(9, 0.9))
		second.UUID = "GPU-2"
		if s := b.see(60, withEngines(card(0, 0)), second); s.On {
			t.Errorf("%+v", s)
		}
		if s := b.see(1, second, withEngines(card(0, 0))); !s.On {
			t.Error("the one that Carpool goes by is taken")
		}
	})

	t.Run("MakesWayForWhatFillsTheScreen", func(t *testing.T) {
		b := newBench()
		if b.screen(5, "a game", card(0, 0)).On {
			t.Error("too early")
		}
		s := b.screen(1, "a game", card(0, 0))
		if !s.On || s.For != "a game" || s.Reason != "a game fills the screen" || !slices.Equal(s.Engines, rules().Engines) {
			t.Errorf("%+v", s)
		}
		if got := b.after(false, card(0, 0)); got != 21 {
			t.Errorf("back after %d s", got)
		}
		b.rules.Fullscreen = false
		if b.screen(60, "a game", card(0, 0)).On {
			t.Error("it does not count")
		}
	})

	t.Run("TellsSinceWhen", func(t *testing.T) {
		b := newBench()
		begun := b.see(6, card(9, -1))
		if !begun.Since.Equal(b.now) || begun.Size != 1 {
			t.Errorf("%+v at %v", begun, b.now)
		}
		if s := b.see(100, card(9, 0.9)); !s.Since.Equal(begun.Since) {
			t.Errorf("%+v", s)
		}
		if s := b.see(60, card(0, 0)); s.On || !s.Since.IsZero() || s.Reason != "" || s.Engines != nil {
			t.Errorf("%+v", s)
		}
	})

	t.Run("NamesAnotherCauseOnlyOnceItHasLasted", func(t *testing.T) {
		b := newBench()
		blender, comfy := program("blender", 6, 0.8), program("python3", 3, 0.1)
		if s := b.see(10, card(9, 0.9, blender, comfy)); s.For != "blender" {
			t.Errorf("%+v", s)
		}
		comfy = program("python3", 3, 0.9)
		if s := b.see(5, card(9, 0.9, comfy)); s.For != "blender" {
			t.Errorf("after 5 s: %+v", s)
		}
		if s := b.see(1, card(9, 0.9, comfy)); s.For != "python3" {
			t.Errorf("after 6 s: %+v", s)
		}
		// Its mean goes down for a while when it has ended.
		b = newBench()
		b.rules.Memory, b.rules.After = 0, time.Second
		b.see(60, card(6, 1, blender))
		for range 60 {
			if s := b.see(1, card(0, 0)); s.On && s.For != "blender" {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func withEngines(s gpus.State, names ...string) gpus.State {
	s.Engines = names
	return s
}

func TestCauseNamesTheBiggestProgram(t *testing.T) {
	const use, memory = true, false
	ours := program("ollama", 20, 0.9)
	ours.Engine = "ollama"
	for name, tt := range map[string]struct {
		programs []gpus.Program
		byUse    bool
		want     string
	}{
		"ByUse":                 {[]gpus.Program{program("firefox", 1, 0.1), program("blender", 6, 0.5)}, use, "blender uses 50 % of the GPU"},
		"ByMemory":              {[]gpus.Program{program("firefox", 1, 0.9), program("blender", 8, 0.1)}, memory, "blender holds 8.0 GiB of the GPU's memory"},
		"NoMoreThanItHas":       {[]gpus.Program{program("blender", 6, 0.1)}, memory, "blender holds 6.0 GiB of the GPU's memory"},
		"NotOurs":               {[]gpus.Program{ours, program("blender", 6, 0.5)}, use, "blender uses 60 % of the GPU"},
		"NotACompositor":        {[]gpus.Program{program("/usr/bin/gnome-shell", 1, 0.3), program("firefox", 1, 0.3)}, use, "firefox uses 30 % of the GPU"},
		"NotOneThatIsBigger":    {[]gpus.Program{program("dwm.exe", 5, 0.2), program(`C:\Games\Game.exe`, 4, 0.4)}, memory, "other programs hold 9.0 GiB of the GPU's memory"},
		"ACompositorOfItself":   {[]gpus.Program{program("Xorg", 9, 0.2), program("xterm", 0.01, 0)}, memory, "Xorg holds 9.0 GiB of the GPU's memory"},
		"Several":               {[]gpus.Program{program("a", 3, 0.2), program("b", 3, 0.2), program("c", 3, 0.2)}, memory, "other programs hold 9.0 GiB of the GPU's memory"},
		"OneWithoutAName":       {[]gpus.Program{program("", 9, 0.2)}, memory, "another program holds 9.0 GiB of the GPU's memory"},
		"NobodyIsTold":          {nil, memory, "another program holds 9.0 GiB of the GPU's memory"},
		"OneThatRestsJustNow":   {[]gpus.Program{program("blender", 6, 0)}, use, "blender uses 60 % of the GPU"},
		"OneWhoseUseIsNotTold":  {[]gpus.Program{program("blender", 6, -1)}, use, "blender uses 60 % of the GPU"},
		"WithoutFolderAndExtra": {[]gpus.Program{program(`C:\Program Files\Blender\Blender.EXE`, 9, 0)}, memory, "Blender holds 9.0 GiB of the GPU's memory"},
	} {
		t.Run(name, func(t *testing.T) {
			amount := 9.0 * gib
			if tt.byUse {
				amount = 0.6
			}
			if got := causeOf(card(9, 0.6, tt.programs...), tt.byUse, amount); got.text != tt.want || !strings.HasPrefix(tt.want, got.who+" ") {
				t.Errorf("%+v, want %q", got, tt.want)
			}
		})
	}
}

// TestDeciderNeverFlaps feeds it with whatever comes: it stays on for back_s at
// least, or for the time that a silence of the driver is borne.
func TestDeciderNeverFlaps(t *testing.T) {
	for seed := range uint64(120) {
		random := rand.New(rand.NewPCG(seed, 1))
		b := newBench()
		b.rules.Back = time.Duration(1+random.IntN(90)) * time.Second
		b.rules.After = time.Duration(1+random.IntN(30)) * time.Second
		silences, games := seed%2 == 0, seed%3 == 0
		least := b.rules.Back
		if silences {
			least = min(least, patience)
		}
		amount := func(most float64) float64 {
			if silences && random.IntN(5) == 0 {
				return -1
			}
			return most * random.Float64()
		}
		state, screen := card(0, 0), ""
		var was State
		var changed time.Time
		for range 1500 {
			if random.IntN(1+random.IntN(40)) == 0 {
				state, screen = card(amount(20), amount(1)), ""
				if games && random.IntN(8) == 0 {
					screen = "a game"
				}
				if silences && random.IntN(8) == 0 {
					state = unseen
				}
			}
			b.now = b.now.Add(time.Duration(random.IntN(1500)) * time.Millisecond)
			s := b.Decide(b.now, b.rules, []gpus.State{state}, screen)
			if s.On != was.On {
				if lasted := b.now.Sub(changed); !s.On && lasted < least {
					t.Fatalf("seed %d: off after %v, back is %v", seed, lasted, b.rules.Back)
				} else if s.On && !games && !changed.IsZero() && lasted < min(b.rules.After, b.rules.Back) {
					t.Fatalf("seed %d: on again after %v, after is %v", seed, lasted, b.rules.After)
				}
				changed = b.now
			}
			if s.On != (s.Reason != "") || s.On != (len(s.Engines) > 0) || s.On == s.Since.IsZero() {
				t.Fatalf("seed %d: %+v", seed, s)
			}
			was = s
		}
		if changed.IsZero() {
			t.Fatalf("seed %d: nothing ever happened", seed)
		}
	}
}
