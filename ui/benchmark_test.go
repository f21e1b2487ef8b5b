package ui

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"carpool/app"
	"carpool/backends"
)

// benchmarked is a benchmark of the scene's engine.
func benchmarked() app.Trial {
	joules := func(v float64) *float64 { return &v }
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	return app.Trial{
		ID: 3, At: now.Add(-2 * time.Hour), Engine: "ollama", Label: "Ollama 0.17.4", Model: "qwen3:8b", GPU: "NVIDIA GeForce RTX 4090",
		Rounds: 3, Tokens: 128, Others: 2,
		Rows: []app.TrialRow{
			{Size: 0, Requests: 12, TokensPS: 61.2, Speedup: 1, FirstP50: ms(3200), FirstP95: ms(6400), JoulesPer1000: joules(3150)},
			{Size: 1, Requests: 3, TokensPS: 60.8, Speedup: 0.99, FirstP50: ms(180), FirstP95: ms(210), JoulesPer1000: joules(3170)},
			{Size: 2, Requests: 6, TokensPS: 108.4, Speedup: 1.77, FirstP50: ms(210), FirstP95: ms(290), JoulesPer1000: joules(1890)},
			{Size: 4, Requests: 12, TokensPS: 176.1, Speedup: 2.88, FirstP50: ms(300), FirstP95: ms(480), JoulesPer1000: joules(1240)},
			{Size: 8, Requests: 24, TokensPS: 238.9, Speedup: 3.9, FirstP50: ms(520), FirstP95: ms(940), JoulesPer1000: joules(980)},
			{Size: 16, Requests: 48, TokensPS: 243.5, Speedup: 3.98, FirstP50: ms(1400), FirstP95: ms(2900), JoulesPer1000: joules(960)},
		},
	}
}

// earlier are benchmarks of the history, newest first.
func earlier() []app.Trial {
	second := benchmarked()
	second.ID, second.Model, second.At, second.Others = 2, "gemma3:4b", now.Add(-26*time.Hour), 0
	second.Rows = slices.Clone(second.Rows[:4])
	second.Cancelled = true
	third := benchmarked()
	third.ID, third.Label, third.Model, third.Simulated, third.At = 1, "Demo engine (simulated)", "carpool-demo", true, now.Add(-50*time.Hour)
	third.Rows = slices.Clone(third.Rows)
	for i := range third.Rows {
		third.Rows[i].JoulesPer1000 = nil
	}
	return []app.Trial{benchmarked(), second, third}
}

// measuring is a benchmark that has come to a size.
func measuring() app.Snapshot {
	s := busy()
	t := benchmarked()
	t.ID, t.At, t.Others, t.Rows = 0, now, 0, t.Rows[:4]
	s.Trial = app.TrialState{Running: true, Trial: t, Size: 8, Done: .44, Left: 130 * time.Second}
	return s
}

func openBenchmark(t *testing.T, s app.Snapshot, trials []app.Trial, theme string, width, height float32) (*Window, *fakeCarpool, fyne.Window) {
	t.Helper()
	w, fake, fw := open(t, s, theme, width, height)
	fake.trials = trials
	live(t, w)
	w.Open(pageBenchmark)
	fake.eventually(t, "the history was read", func() bool { return w.benchmark.read })
	return w, fake, fw
}

func TestBenchmark_Looks(t *testing.T) {
	for _, tt := range []struct {
		name          string
		scene         app.Snapshot
		trials        []app.Trial
		theme         string
		width, height float32
	}{
		{"benchmark-dark-1280x800", busy(), earlier(), "dark", 1280, 800},
		{"benchmark-light-1280x800", busy(), earlier(), "light", 1280, 800},
		{"benchmark-dark-900x600", busy(), earlier(), "dark", 900, 600},
		{"benchmark-light-900x600", busy(), earlier(), "light", 900, 600},
		{"benchmark-running-dark-1280x800", measuring(), earlier(), "dark", 1280, 800},
		{"benchmark-running-light-900x600", measuring(), nil, "light", 900, 600},
		{"benchmark-simulated-light-1280x800", simulated(), earlier()[2:], "light", 1280, 800},
		{"benchmark-none-dark-1280x800", inTrouble(), nil, "dark", 1280, 800},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, fw := openBenchmark(t, tt.scene, tt.trials, tt.theme, tt.width, tt.height)
			test.AssertImageMatches(t, tt.name+".png", fw.Canvas().Capture())
		})
	}
}

func TestBenchmark_StartsWhatIsChosenAndCancelsIt(t *testing.T) {
	s := idle()
	w, fake, fw := openBenchmark(t, s, nil, "dark", 1280, 800)
	p := w.benchmark.setup
	if got := p.wanted(); got.Engine != "ollama" || got.Model != "qwen3:8b" || got.Rounds != 3 || got.Tokens != 128 ||
		!slices.Equal(got.Sizes, []int{1, 2, 4, 8, 16, 32}) {
		t.Fatalf("unasked it would measure %+v", got)
	}
	p.models.SetSelected("gemma3:4b")
	test.TapAt(p.sizes, fyne.NewPos(p.sizes.Size().Width-4, 10)) // not 32
	test.TapAt(p.length, fyne.NewPos(10, 10))
	test.Tap(p.start)
	fake.eventually(t, "it starts", func() bool {
		return slices.Contains(fake.did(), "trial {Engine:ollama Model:gemma3:4b Sizes:[1 2 4 8 16] Rounds:1 Tokens:64}")
	})
	s.Trial = app.TrialState{Running: true, Trial: app.Trial{Model: "gemma3:4b", At: now}, Done: .1}
	w.show(themed(s))
	if p.start.Visible() || !p.cancel.Visible() || p.says.value != "batching off" {
		t.Errorf("while it runs the page says %q", p.says.value)
	}
	fw.Canvas().Focus(p.cancel)
	fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if !slices.Contains(fake.did(), "cancel trial") || p.cancel.label.value != "Ending…" {
		t.Errorf("the button says %q, and done is %q", p.cancel.label.value, fake.did())
	}
	s.Trial.Running = false
	w.show(themed(s))
	if !p.start.Visible() || p.cancel.Visible() {
		t.Error("no other one can be started")
	}
}

func TestBenchmark_KeysPickSizes(t *testing.T) {
	w, _, fw := openBenchmark(t, idle(), nil, "dark", 900, 600)
	p := w.benchmark.setup
	fw.Canvas().Focus(p.sizes)
	key := func(name fyne.KeyName) { fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: name}) }
	for range trialSizes {
		key(fyne.KeySpace)
		key(fyne.KeyRight)
	}
	if len(p.picked()) != 0 || !p.start.off {
		t.Errorf("with %v picked it can be started: %v", p.picked(), !p.start.off)
	}
	key(fyne.KeyLeft)
	key(fyne.KeySpace)
	if got := p.picked(); !slices.Equal(got, []int{16}) || p.start.off {
		t.Errorf("picked %v", got)
	}
}

func TestBenchmark_OffersWhatTheEngineCanRunAtOnce(t *testing.T) {
	s := several()
	s.Tuning[0].Slots = 4
	s.Engines[0].Models[0].Embedding = true
	w, _, _ := openBenchmark(t, s, nil, "dark", 1280, 800)
	p := w.benchmark.setup
	if got := p.picked(); !slices.Equal(got, []int{1, 2, 4}) {
		t.Errorf("of an engine with 4 slots: %v", got)
	}
	if got := p.models.Options; !slices.Equal(got, []string{"qwen3:8b", "gemma3:4b"}) {
		t.Errorf("models that write: %q", got)
	}
	if got := p.engines.Options; !slices.Equal(got, []string{"Ollama", "LM Studio", "OpenAI-compatible engine (cluster)"}) {
		t.Errorf("engines %q", got)
	}
	p.engines.SetSelected("LM Studio")
	if got := p.wanted(); got.Engine != "lmstudio" || got.Model != "google/gemma-3-12b" || !slices.Equal(got.Sizes, []int{1}) {
		t.Errorf("then %+v", got)
	}
	p.sizes.flip(2)
	if got := p.sizeHelp.value; got != "the engine runs 1; the rest waits inside it" {
		t.Errorf("of 4 it says %q", got)
	}
	w.show(themed(s))
	if got := p.picked(); !slices.Equal(got, []int{1, 4}) {
		t.Errorf("a snapshot changes what the user picked to %v", got)
	}
}

func TestBenchmark_SaysWhyItDoesNotStart(t *testing.T) {
	w, fake, _ := openBenchmark(t, idle(), nil, "dark", 1280, 800)
	p := w.benchmark.setup
	fake.fail = errors.New("benchmark: Carpool makes way on ollama (cs2 uses the GPU): measure it when the GPU is free")
	test.Tap(p.start)
	fake.eventually(t, "the reason is shown", func() bool {
		return strings.HasPrefix(p.problem.value, "Benchmark: Carpool makes way") && p.problem.Visible()
	})
	fake.mu.Lock()
	fake.fail = nil
	fake.mu.Unlock()
	test.Tap(p.start)
	fake.eventually(t, "the reason goes", func() bool { return p.problem.value == "" })

	s := themed(idle())
	s.Trial.Problem = "the engine has no model that writes"
	w.show(s)
	if got := p.problem.value; got != "The engine has no model that writes." {
		t.Errorf("of one that measured nothing it says %q", got)
	}
	s.Engines = slices.Clone(s.Engines)
	s.Engines[0].Health, s.Trial.Problem = backends.Down, ""
	w.show(s)
	if !p.start.off || !strings.HasPrefix(p.problem.value, "No engine") {
		t.Errorf("without an engine it says %q", p.problem.value)
	}
}

func TestBenchmark_SetsTheBestSize(t *testing.T) {
	for _, key := range []string{"batching.max_batch_size", "adaptive.max"} {
		t.Run(key, func(t *testing.T) {
			s := idle()
			s.SizeKey, s.Config.Batching.MaxBatchSize, s.Config.Adaptive.Max = key, 4, 4
			w, fake, _ := openBenchmark(t, s, earlier(), "dark", 1280, 800)
			use := w.benchmark.view.use
			if use.label.value != "Use 8 at once" {
				t.Fatalf("the button says %q", use.label.value)
			}
			test.Tap(use)
			fake.eventually(t, "set", func() bool { return slices.Equal(fake.did(), []string{key + "=8"}) })
			w.show(themed(fake.now()))
			if !use.off || use.label.value != "8 at once is in use" {
				t.Errorf("then it says %q", use.label.value)
			}
		})
	}
}

func TestBenchmark_ShowsAKeptOneAgainAndCopiesIt(t *testing.T) {
	w, _, fw := openBenchmark(t, idle(), earlier(), "dark", 1280, 800)
	p := w.benchmark
	fw.Canvas().Focus(p.kept.made[1])
	fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	if got := p.viewCard.title.value; got != "gemma3:4b on Ollama 0.17.4" || p.view.lines.shown != 4 {
		t.Errorf("it shows %q with %d lines", got, p.view.lines.shown)
	}
	if got := p.view.notes.value; got != "It was cancelled before all was measured." {
		t.Errorf("it notes %q", got)
	}
	test.Tap(p.view.copy)
	if got := fyne.CurrentApp().Clipboard().Content(); !strings.HasPrefix(got, "**gemma3:4b, Ollama 0.17.4 on NVIDIA GeForce RTX 4090**") || !strings.Contains(got, "| 2 | 108.4 | 1.77× |") {
		t.Errorf("copied %q", got)
	}
	if p.view.copy.label.value != "Copied" {
		t.Errorf("the button says %q", p.view.copy.label.value)
	}
	test.Tap(p.kept.made[2])
	if !strings.HasPrefix(p.view.notes.value, "Simulated:") {
		t.Errorf("of the demo engine it notes %q", p.view.notes.value)
	}
}

func TestBenchmark_ReadsTheKeptOnesAgainWhenOneEnds(t *testing.T) {
	w, fake, _ := openBenchmark(t, idle(), earlier()[1:], "dark", 1280, 800)
	fake.trials = earlier()
	s := themed(idle())
	s.Trial.Trial = benchmarked()
	w.show(s)
	p := w.benchmark
	fake.eventually(t, "the new one is in the list", func() bool { return p.kept.shown == 3 && p.kept.made[0].id == 3 && p.kept.made[0].chosen })
}

func TestBenchmark_SaysThatTheHistoryFails(t *testing.T) {
	w, fake, _ := open(t, idle(), "dark", 1280, 800)
	fake.fail = errors.New("open history: the disk is full")
	live(t, w)
	w.Open(pageBenchmark)
	fake.eventually(t, "the error is told", func() bool { return w.benchmark.kept.note.value == "Open history: the disk is full." })
}

func TestBenchmark_TabReachesEveryControl(t *testing.T) {
	w, _, fw := openBenchmark(t, idle(), earlier(), "dark", 900, 600)
	p := w.benchmark
	want := []fyne.Focusable{w.batching, p.setup.engines, p.setup.models, p.setup.sizes, p.setup.length, p.setup.start,
		p.view.tokens, p.view.first, p.view.use, p.view.copy, p.kept.made[0]}
	for i, control := range want {
		fw.Canvas().FocusNext()
		if fw.Canvas().Focused() != control {
			t.Fatalf("tab %d reaches %T, want %T", i+1, fw.Canvas().Focused(), control)
		}
	}
	if p.scroll.Offset.Y == 0 {
		t.Error("what has the focus is out of sight")
	}
}

func TestVerdict(t *testing.T) {
	with := func(rows ...app.TrialRow) app.Trial { return app.Trial{Rows: rows} }
	off := app.TrialRow{TokensPS: 60, Speedup: 1}
	for _, tt := range []struct {
		name  string
		trial app.Trial
		want  string
	}{
		{"Nothing", app.Trial{}, ""},
		{"OffAlone", with(off), "Nothing is known yet of more than one at a time."},
		{"NoGain", with(off, app.TrialRow{Size: 1, TokensPS: 60, Speedup: 1}, app.TrialRow{Size: 2, TokensPS: 61, Speedup: 1.02}),
			"More at once gains little here: 1.0× with 1 at once."},
		{"Whole", benchmarked(), "8 at once is best here: 3.9× the tokens per second of batching off; 19 of 20 first tokens come within 940 ms. Each token takes 69 % less energy."},
		{"NoPowerIsRead", earlier()[2], "8 at once is best here: 3.9× the tokens per second of batching off; 19 of 20 first tokens come within 940 ms."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := verdict(tt.trial); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTrialCharts_BatchingOffGoesAllAcross(t *testing.T) {
	test.NewTempApp(t)
	tokens, first := trialCharts(benchmarked())
	if !slices.Equal(tokens.X, []float64{0, 1, 2, 3, 4}) || *tokens.Now != 3 || tokens.FormatX(3) != "8 at once" {
		t.Errorf("over %v, the best at %v", tokens.X, *tokens.Now)
	}
	for _, v := range tokens.Series[1].Values {
		if v != 61.2 {
			t.Errorf("batching off is %v", tokens.Series[1].Values)
		}
	}
	if got := first.Series[0].Values[4]; got != 2.9 {
		t.Errorf("16 at once wait %v s", got)
	}
	alone := benchmarked()
	alone.Rows = alone.Rows[:1]
	tokens, _ = trialCharts(alone)
	if n := len(tokens.X); tokens.X[0] != 0 || tokens.X[n-1] != 2 || len(tokens.Series[1].Values) != n {
		t.Errorf("of batching off alone: %v", tokens.X)
	}
}

func TestTrialStage(t *testing.T) {
	for _, tt := range []struct {
		state app.TrialState
		want  string
	}{
		{app.TrialState{}, "batching off"},
		{app.TrialState{Size: 4, Left: 4 * time.Second}, "4 at once · a few seconds left"},
		{app.TrialState{Size: 4, Left: 44 * time.Second}, "4 at once · about 40 s left"},
		{app.TrialState{Size: 4, Left: 99 * time.Second}, "4 at once · about 100 s left"},
		{app.TrialState{Size: 4, Left: 250 * time.Second}, "4 at once · about 4 min left"},
	} {
		if got := trialStage(tt.state); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
