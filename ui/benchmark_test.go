package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"carpool/app"
	"carpool/app/trial"
)

// trialOf is a benchmark of five sizes.
func trialOf(id int64, model string) app.Trial {
	j := func(v float64) *float64 { return &v }
	ms := time.Millisecond
	return app.Trial{ID: id, At: now.Add(-time.Duration(id) * time.Hour), Engine: "ollama", Label: "Ollama 0.17.4", Model: model, Rounds: 3, Tokens: 128,
		Rows: []app.TrialRow{
			{Size: 0, Requests: 12, TokensPS: 56.1, Speedup: 1, FirstP50: 3100 * ms, FirstP95: 6400 * ms, JoulesPer1000: j(3710)},
			{Size: 1, Requests: 3, TokensPS: 58.3, Speedup: 1.04, FirstP50: 210 * ms, FirstP95: 260 * ms, JoulesPer1000: j(3640)},
			{Size: 2, Requests: 6, TokensPS: 103.5, Speedup: 1.84, FirstP50: 240 * ms, FirstP95: 310 * ms, JoulesPer1000: j(2050)},
			{Size: 4, Requests: 12, TokensPS: 176.2, Speedup: 3.14, FirstP50: 300 * ms, FirstP95: 520 * ms, JoulesPer1000: j(1302)},
			{Size: 8, Requests: 24, TokensPS: 178.9, Speedup: 3.19, FirstP50: 900 * ms, FirstP95: 1900 * ms, JoulesPer1000: j(1290)},
		}}
}

func openBenchmark(t *testing.T, s app.Snapshot, theme string, width, height float32, kept ...app.Trial) (*Window, *fakeCarpool, fyne.Window) {
	t.Helper()
	w, fake, fw := open(t, s, theme, width, height)
	fake.trials = kept
	live(t, w)
	w.Open(pageBenchmark)
	fake.eventually(t, "the kept ones are read", func() bool { return len(w.benchmark.trials) == len(kept) && !w.benchmark.reading })
	return w, fake, fw
}

func TestBenchmark_Looks(t *testing.T) {
	running := busy()
	running.Trial = app.TrialState{Running: true, Size: 4, Done: 0.55, Left: 41 * time.Second, Trial: trialOf(0, "qwen3:8b")}
	running.Trial.Trial.Rows = running.Trial.Trial.Rows[:3]
	for name, tt := range map[string]struct {
		s             app.Snapshot
		theme         string
		width, height float32
		kept          []app.Trial
	}{
		"done-dark-1280x800":     {busy(), "dark", 1280, 800, []app.Trial{trialOf(1, "qwen3:8b"), trialOf(30, "gemma3:4b")}},
		"done-light-900x600":     {busy(), "light", 900, 600, []app.Trial{trialOf(1, "qwen3:8b")}},
		"running-light-1280x800": {running, "light", 1280, 800, []app.Trial{trialOf(30, "gemma3:4b")}},
		"none-dark-1280x800":     {idle(), "dark", 1280, 800, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, fw := openBenchmark(t, tt.s, tt.theme, tt.width, tt.height, tt.kept...)
			test.AssertImageMatches(t, "benchmark-"+name+".png", fw.Canvas().Capture())
		})
	}
}

func TestBenchmark_StartsWhatIsChosen(t *testing.T) {
	w, fake, _ := openBenchmark(t, busy(), "dark", 1280, 800)
	p := w.benchmark.plan
	if got := p.wanted().Sizes; !slices.Equal(got, []int{1, 2, 4}) {
		t.Errorf("on an engine of 4 slots %v are chosen at first", got)
	}
	test.Tap(p.sizes[3]) // 8
	test.Tap(p.sizes[0])
	p.length.choose(0)
	test.Tap(p.start)
	want := fmt.Sprintf("trial %+v", app.TrialWanted{Engine: "ollama", Model: "qwen3:8b", Sizes: []int{2, 4, 8}, Rounds: 1, Tokens: 48})
	fake.eventually(t, want, func() bool { return slices.Contains(fake.did(), want) })
}

func TestBenchmark_OneSizeAlwaysStays(t *testing.T) {
	w, _, _ := openBenchmark(t, busy(), "dark", 1280, 800)
	p := w.benchmark.plan
	for _, b := range p.sizes[:3] {
		test.Tap(b)
	}
	if got := p.wanted().Sizes; !slices.Equal(got, []int{4}) {
		t.Errorf("%v are chosen", got)
	}
}

func TestBenchmark_IsCancelled(t *testing.T) {
	s := busy()
	s.Trial = app.TrialState{Running: true, Size: 2, Done: 0.3}
	w, fake, _ := openBenchmark(t, s, "dark", 1280, 800)
	test.Tap(w.benchmark.plan.start)
	if got := fake.did(); !slices.Equal(got, []string{"cancel trial"}) {
		t.Errorf("it did %q", got)
	}
}

func TestBenchmark_SaysWhyItDidNotStart(t *testing.T) {
	w, fake, _ := openBenchmark(t, busy(), "dark", 1280, 800)
	fake.fail = errOutOfRange
	test.Tap(w.benchmark.plan.start)
	fake.eventually(t, "the strip tells", func() bool { return w.frame.strip.lead.value == "Not started." })
}

func TestBenchmark_UsesAndCopiesTheResult(t *testing.T) {
	w, fake, _ := openBenchmark(t, busy(), "dark", 1280, 800, trialOf(1, "qwen3:8b"))
	if got := w.benchmark.result.use.label.value; got != "Use 4" {
		t.Fatalf("the button says %q", got)
	}
	test.Tap(w.benchmark.result.use)
	fake.eventually(t, "the size is set", func() bool { return slices.Contains(fake.did(), "adaptive.max=4") })
	test.Tap(w.benchmark.result.copy)
	if got := fyne.CurrentApp().Clipboard().Content(); !strings.Contains(got, "| **4** | 176.2 | 3.14× |") {
		t.Errorf("the clipboard has %s", got)
	}
}

func TestBenchmark_ShowsAKeptOneAgainUntilTheNextEnds(t *testing.T) {
	w, _, _ := openBenchmark(t, busy(), "dark", 1280, 800, trialOf(1, "qwen3:8b"), trialOf(30, "gemma3:4b"))
	title := func() string { return w.benchmark.resultCard.title.value }
	w.benchmark.kept.choose(1)
	if got := title(); got != "gemma3:4b on Ollama 0.17.4" {
		t.Errorf("the result is of %q", got)
	}
	s := w.last
	s.Trial = app.TrialState{Running: true, Trial: trialOf(0, "llama3.2")}
	w.show(s)
	if got := title(); got != "llama3.2 on Ollama 0.17.4" {
		t.Errorf("while one runs the result is of %q", got)
	}
	s.Trial.Running = false
	w.show(s)
	if got := title(); got != "llama3.2 on Ollama 0.17.4" {
		t.Errorf("after its end the result is of %q", got)
	}
}

func TestTrialVerdict(t *testing.T) {
	whole := trialOf(1, "qwen3:8b")
	alone := whole
	alone.Rows = []trial.Row{{Size: 0, TokensPS: 50, Speedup: 1}, {Size: 1, TokensPS: 50, Speedup: 1}, {Size: 4, TokensPS: 50.1, Speedup: 1}}
	late := whole
	late.Rows = []trial.Row{{Size: 4, TokensPS: 50, FirstP95: time.Minute}}
	simulated := alone
	simulated.Simulated, simulated.Others = true, 2
	for want, tt := range map[string]struct {
		t       app.Trial
		running bool
	}{
		"Best is 4 at once: 3.1× as much as with batching off, and 19 of 20 first tokens come within 0.52 s.":                                                         {whole, false},
		"More at once gain nothing here: leave it at one.":                                                                                                            {alone, false},
		"No size can be named: too little was measured, or first tokens came too late.":                                                                               {late, false},
		"Measuring goes on; the size to use is named at the end.":                                                                                                     {whole, true},
		"More at once gain nothing here: leave it at one. The engine is simulated, so these figures say nothing of your GPU. 2 requests of other apps ran meanwhile.": {simulated, false},
		"": {app.Trial{}, true},
	} {
		if got := trialVerdict(tt.t, tt.running); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTrialTargets_AreModelsThatWrite(t *testing.T) {
	s := app.Snapshot{Engines: []app.EngineInfo{{Name: "ollama", Label: "Ollama", Health: "up", Models: []app.EngineModel{
		{Name: "nomic-embed-text", Embedding: true, Loaded: true}, {Name: "gemma3:4b"}, {Name: "qwen3:8b", Loaded: true}}}}}
	want := []trialTarget{{"ollama", "qwen3:8b", "qwen3:8b · Ollama"}, {"ollama", "gemma3:4b", "gemma3:4b · Ollama"}}
	if got := trialTargets(s); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
