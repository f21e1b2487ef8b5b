package ui

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"carpool/app"
	appfit "carpool/app/fit"
	"carpool/app/trial"
)

// tuned is a busy Carpool whose engine has been used with up to five at once.
func tuned(s app.Snapshot) (app.Snapshot, []app.CurvePoint, []app.AppUse) {
	s.Advice = []app.Advice{
		{Kind: "queue", Title: "Queue is deep: 12 on average", Text: "Raise the size: 3.1 GB are free, and two more slots take 2.1 GB.", Button: "Apply 6", Key: "adaptive.max", Value: "6"},
		{Kind: "slots", Title: "Ollama runs 4 at once", Text: "Six would fit the GPU's memory, and gain about 22 %.", Button: "Show how", Engine: "ollama"},
		{Kind: "small", Title: "Batches are small: 1.4 of 8", Text: "At 6 requests a minute there is nothing to share. No setting will help."},
	}
	s.Fits = []app.ModelFit{{Engine: "ollama", Model: "qwen3:8b", Judged: true, Fits: true, Free: 14e9,
		Need: appfit.Need{Known: true, Total: 9e9, Overhead: appfit.Overhead, KVPerSlot: 0.6e9, Slots: 4}}}
	first := func(v float64) *float64 { return &v }
	curve := []app.CurvePoint{
		{Running: 1, Seconds: 300, TokensPS: 58, FirstP95: first(0.42)},
		{Running: 2, Seconds: 200, TokensPS: 104, FirstP95: first(0.46)},
		{Running: 3, Seconds: 120, TokensPS: 142, FirstP95: first(0.55)},
		{Running: 4, Seconds: 900, TokensPS: 176, FirstP95: first(0.67)},
		{Running: 5, Seconds: 2, TokensPS: 900},
	}
	return s, curve, []app.AppUse{{App: "batch-notes.py"}, {App: "Open WebUI"}, {App: "odd, name"}, {App: "n8n"}}
}

func openTune(t *testing.T, s app.Snapshot, theme string, width, height float32) (*Window, *fakeCarpool, fyne.Window) {
	t.Helper()
	s, curve, uses := tuned(s)
	w, fake, fw := open(t, s, theme, width, height)
	fake.curve, fake.uses = curve, uses
	live(t, w)
	w.Open(pageTune)
	fake.eventually(t, "the curve is read", func() bool { return len(w.tune.seen) > 0 })
	return w, fake, fw
}

func TestTune_Looks(t *testing.T) {
	for _, tt := range []struct {
		theme         string
		width, height float32
	}{{"dark", 1280, 800}, {"light", 1280, 800}, {"dark", 900, 600}, {"light", 900, 600}} {
		t.Run(fmt.Sprintf("%s-%.0f", tt.theme, tt.width), func(t *testing.T) {
			_, _, fw := openTune(t, busy(), tt.theme, tt.width, tt.height)
			test.AssertImageMatches(t, fmt.Sprintf("tune-%s-%.0fx%.0f.png", tt.theme, tt.width, tt.height), fw.Canvas().Capture())
		})
	}
}

func TestTune_LooksEmpty(t *testing.T) {
	w, _, fw := open(t, idle(), "dark", 1280, 800)
	w.Open(pageTune)
	test.AssertImageMatches(t, "tune-idle-dark-1280x800.png", fw.Canvas().Capture())
}

func TestTune_SlidersFollowTheMode(t *testing.T) {
	w, fake, _ := openTune(t, busy(), "dark", 1280, 800)
	keys := func() string {
		var all []string
		for _, l := range w.tune.tune.shown() {
			all = append(all, l.key)
		}
		return strings.Join(all, " ")
	}
	if got, want := keys(), "adaptive.max batching.max_batch_wait_ms adaptive.latency_target_ms gpu.reserve_mib"; got != want {
		t.Errorf("adaptive: %s, want %s", got, want)
	}
	w.tune.tune.modes.choose(2)
	if got, want := keys(), "adaptive.max batching.max_batch_wait_ms batching.max_parallel_batches"; got != want {
		t.Errorf("static: %s, want %s", got, want)
	}
	fake.eventually(t, "static is set", func() bool { return slices.Contains(fake.did(), "batching.mode=static") })
	l := w.tune.tune.levers[4]
	test.TapAt(l.slider, fyne.NewPos(l.slider.Size().Width, 12))
	fake.eventually(t, "batches at once are set", func() bool { return slices.Contains(fake.did(), "batching.max_parallel_batches=16") })
}

func TestTune_UndoTakesBackOneChangeAfterTheOther(t *testing.T) {
	w, fake, _ := openTune(t, busy(), "dark", 1280, 800)
	before, _ := w.last.Config.Get("adaptive.max")
	if !w.tune.tune.undo.off {
		t.Error("there is something to undo before anything was done")
	}
	follow := func() { // as the next snapshot would
		s := w.last
		s.Config = fake.snapshot.Config
		s.At = s.At.Add(1e15)
		w.show(s)
	}
	slider := w.tune.tune.size.slider
	test.TapAt(slider, fyne.NewPos(0, 12))
	fake.eventually(t, "one at once", func() bool { return slices.Contains(fake.did(), "adaptive.max=1") })
	follow()
	test.TapAt(w.tune.tune.wait.slider, fyne.NewPos(0, 12))
	fake.eventually(t, "no wait", func() bool { return slices.Contains(fake.did(), "batching.max_batch_wait_ms=0") })
	follow()
	test.Tap(w.tune.tune.undo)
	fake.eventually(t, "the wait is back", func() bool { return slices.Contains(fake.did(), "batching.max_batch_wait_ms=50") })
	test.Tap(w.tune.tune.undo)
	fake.eventually(t, "the size is back", func() bool { return slices.Contains(fake.did(), "adaptive.max="+before) })
	if !w.tune.tune.undo.off {
		t.Error("there is more to undo")
	}
}

func TestTune_DefaultsSetWhatDiffers(t *testing.T) {
	s := busy()
	s.Config, _ = s.Config.With("batching.max_batch_wait_ms", "200")
	w, fake, _ := openTune(t, s, "dark", 1280, 800)
	test.Tap(w.tune.tune.defaults)
	fake.eventually(t, "the wait is the default's", func() bool {
		return slices.Equal(fake.did(), []string{"batching.max_batch_wait_ms=50"})
	})
}

func TestTune_AdviceIsFollowedOrDismissed(t *testing.T) {
	w, fake, _ := openTune(t, busy(), "dark", 1280, 800)
	fake.checks = checked()
	test.Tap(w.tune.advice[0].follow)
	fake.eventually(t, "the advice is followed", func() bool { return slices.Contains(fake.did(), "adaptive.max=6") })
	if w.tune.adviceShown != 3 {
		t.Fatalf("%d cards", w.tune.adviceShown)
	}
	test.Tap(w.tune.advice[2].fine)
	if w.tune.adviceShown != 2 || !w.tune.adviceCards[2].Hidden {
		t.Errorf("%d cards after one was dismissed", w.tune.adviceShown)
	}
	test.Tap(w.tune.advice[1].follow)
	fake.eventually(t, "the guide opens", func() bool { return w.guide != nil })
}

func TestTune_SharesChangeOneAppOnly(t *testing.T) {
	s := busy()
	s.Config, _ = s.Config.With("apps.weights", "n8n=2, Other=0.5")
	w, fake, _ := openTune(t, s, "dark", 1280, 800)
	if got := w.tune.apps; !slices.Equal(got, []string{"batch-notes.py", "Open WebUI", "n8n"}) {
		t.Fatalf("sliders for %q: settings cannot name the rest", got)
	}
	d := w.tune.shares.dials[0]
	if v := w.tune.shares.dials[2].value.value; v != "2" {
		t.Errorf("n8n has weight %s", v)
	}
	test.TapAt(d.slider, fyne.NewPos(d.slider.Size().Width, 12))
	fake.eventually(t, "its weight is set", func() bool {
		return slices.Contains(fake.did(), "apps.weights=n8n=2, Other=0.5, batch-notes.py=10")
	})
}

// No snapshot comes between these: each change builds on the one before.
func TestTune_QuickChangesLoseNothing(t *testing.T) {
	s := busy()
	s.Config, _ = s.Config.With("apps.weights", "n8n=2")
	w, fake, _ := openTune(t, s, "dark", 1280, 800)
	set := func(want string) {
		t.Helper()
		fake.eventually(t, want, func() bool { return slices.Contains(fake.did(), want) })
	}
	press := func(d *dial, key fyne.KeyName) { d.slider.TypedKey(&fyne.KeyEvent{Name: key}) }
	press(w.tune.shares.dials[0], fyne.KeyRight)
	set("apps.weights=n8n=2, batch-notes.py=1.5")
	press(w.tune.shares.dials[1], fyne.KeyLeft)
	set("apps.weights=n8n=2, batch-notes.py=1.5, Open WebUI=0.75")
	size := w.tune.tune.size.dial
	press(size, fyne.KeyLeft)
	set("adaptive.max=31")
	press(size, fyne.KeyLeft)
	set("adaptive.max=30")
	fake.sets = nil
	for _, want := range []string{"adaptive.max=31", "adaptive.max=32", "apps.weights=n8n=2, batch-notes.py=1.5", "apps.weights=n8n=2"} {
		test.Tap(w.tune.tune.undo)
		set(want)
	}
}

func TestTune_NextModelShowsAnotherCurve(t *testing.T) {
	s := busy()
	other := s.Tuning[0]
	other.Model, other.Limit = "gemma3:4b", 2
	s.Tuning = append(s.Tuning, other)
	w, fake, _ := openTune(t, s, "dark", 1280, 800)
	test.Tap(w.tune.legend.next)
	fake.eventually(t, "its curve is read", func() bool { return w.tune.of == [2]string{"ollama", "gemma3:4b"} })
	if got := w.tune.curveCard.title.value; !strings.Contains(got, "gemma3:4b") {
		t.Errorf("the card is of %q", got)
	}
}

func TestCurve_TakesWhatWasSeenElseTheNewestBenchmark(t *testing.T) {
	_, seen, _ := tuned(busy())
	b := app.Trial{Engine: "ollama", Model: "qwen3:8b", At: now, Rows: []trial.Row{{Size: 0, TokensPS: 50}, {Size: 1, TokensPS: 55}, {Size: 8, TokensPS: 300}}}
	older, others := b, b
	older.Rows = []trial.Row{{Size: 1, TokensPS: 1}, {Size: 2, TokensPS: 2}, {Size: 4, TokensPS: 4}}
	others.Model = "gemma3:4b"
	sizes := func(c curve) (all []int) {
		for _, p := range c.points {
			all = append(all, p.running)
		}
		return all
	}
	for name, tt := range map[string]struct {
		seen   []app.CurvePoint
		trials []app.Trial
		want   []int
	}{
		"seen; two seconds are too few":      {seen, []app.Trial{b}, []int{1, 2, 3, 4}},
		"the newest benchmark of this model": {seen[:1], []app.Trial{others, b, older}, []int{1, 8}},
		"one point, and no benchmark":        {seen[:1], []app.Trial{others}, []int{1}},
		"nothing":                            {nil, nil, nil},
	} {
		if got := sizes(newCurve(tt.seen, tt.trials, "ollama", "qwen3:8b")); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestCurve_SaysHowItComesAbout(t *testing.T) {
	s := idle()
	if got := curveNote(s); !strings.HasPrefix(got, "Use it for a minute") {
		t.Errorf("it says %q", got)
	}
	s.Config.History.Enabled = false
	if got := curveNote(s); !strings.HasPrefix(got, "The history is off") {
		t.Errorf("without a history it says %q", got)
	}
}

func TestCurve_DrawsWhatNobodyMeasuredAsSuch(t *testing.T) {
	_, seen, _ := tuned(busy())
	tokens, first := newCurve(seen, nil, "", "").data(4, 64)
	if tokens.XMax != 8 || tokens.X[len(tokens.X)-1] != 8 {
		t.Errorf("the axis ends at %v, the points at %v", tokens.XMax, tokens.X)
	}
	s := tokens.Series[0]
	for i, x := range tokens.X {
		if guessed := x > 4; s.Hollow[i] != guessed || math.IsNaN(first.Series[0].Values[i]) != guessed {
			t.Errorf("%v at once: hollow %v, first token %v", x, s.Hollow[i], first.Series[0].Values[i])
		}
	}
	if tokens.Shade[0].From != 4.5 || *tokens.Now != 4 {
		t.Errorf("shade %+v, now %v", tokens.Shade, *tokens.Now)
	}
	if tokens, _ = newCurve(seen, nil, "", "").data(6, 64); tokens.Now != nil {
		t.Error("a size that was never measured is marked as now")
	}
	if tokens, _ = newCurve(seen, nil, "", "").data(4, 4); tokens.XMax != 8 {
		t.Errorf("a low ceiling leaves an axis to %v", tokens.XMax)
	}
}

func TestWhatIf(t *testing.T) {
	s, _, _ := tuned(busy())
	judged := s.Fits[0]
	unknown := judged
	unknown.Judged, unknown.Words = false, "the context is not told"
	full := judged
	full.Free = 9e9
	large := judged
	large.Free = 90e9
	blind := s
	blind.GPU.Available, blind.GPU.Reason = false, "no NVIDIA GPU"
	for want, tt := range map[string]struct {
		s    app.Snapshot
		fits []app.ModelFit
	}{
		"8 at once fit, with 2.6 GB to spare. 16 would need 2.2 GB more than is free.":  {s, []app.ModelFit{judged}},
		"8 would need 2.4 GB more than is free.":                                        {s, []app.ModelFit{full}},
		"64 at once fit, with 45 GB to spare.":                                          {s, []app.ModelFit{large}},
		"The context is not told.":                                                      {s, []app.ModelFit{unknown}},
		"What more at once would take of the GPU's memory is not known for this model.": {s, nil},
		"What more at once would take of the GPU's memory is not known: no NVIDIA GPU.": {blind, []app.ModelFit{judged}},
	} {
		tt.s.Fits = tt.fits
		if got := whatIf(tt.s, "ollama", "qwen3:8b"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTune_TabReachesEveryControl(t *testing.T) {
	w, _, fw := open(t, idle(), "dark", 900, 600)
	w.Open(pageTune)
	want := []fyne.Focusable{w.batching, w.tune.tune.modes, w.tune.tune.size.slider, w.tune.tune.wait.slider, w.tune.tune.undo, w.tune.tune.defaults}
	for i, control := range want {
		fw.Canvas().FocusNext()
		if fw.Canvas().Focused() != control {
			t.Fatalf("tab %d reaches %T, want %T", i+1, fw.Canvas().Focused(), control)
		}
	}
}

func TestTune_ChangesThatNoSnapshotHasYetCount(t *testing.T) {
	w, fake, _ := openTune(t, busy(), "dark", 1280, 800)
	w.tune.share("n8n", "2", true)
	w.tune.share("Open WebUI", "0.5", true)
	fake.eventually(t, "both weights are set", func() bool {
		weights := fake.now().Config.Apps.Weights
		return slices.Contains(weights, "n8n=2") && slices.Contains(weights, "Open WebUI=0.5")
	})
	w.tune.back()
	fake.eventually(t, "the first one stays", func() bool {
		weights := fake.now().Config.Apps.Weights
		return slices.Contains(weights, "n8n=2") && !slices.Contains(weights, "Open WebUI=0.5")
	})
}

func TestTune_KeepsWhatTheUserDidInAnotherLanguage(t *testing.T) {
	defer Speak("en")
	w, _, _ := openTune(t, busy(), "dark", 1280, 800)
	test.Tap(w.tune.advice[2].fine)
	w.tune.change(keyWait, "0", true)
	w.speak("de")
	w.tune.show(w.last)
	if w.tune.adviceShown != 2 || w.tune.tune.undo.off {
		t.Errorf("%d cards of advice, and nothing to undo: %v", w.tune.adviceShown, w.tune.tune.undo.off)
	}
}
