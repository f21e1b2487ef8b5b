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
	"carpool/app/gateway"
	"carpool/backends"
)

// told is what the cards say, a line each.
func told(sheets []engineSheet) string {
	var b strings.Builder
	for _, s := range sheets {
		b.WriteString(s.title + " | " + s.place)
		if s.preferred {
			b.WriteString(" | preferred")
		}
		b.WriteString("\n")
		for _, l := range slices.Concat(s.facts, s.models, s.reloads, s.reloadAdvice) {
			for _, part := range []string{l.name, l.text, l.detail, l.action.text} {
				if part != "" {
					b.WriteString(part + " | ")
				}
			}
			if l.loaded {
				b.WriteString("loaded")
			}
			if l.tone == colorOrange || l.tone == colorVermilion {
				b.WriteString("warns")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestEngineSheets(t *testing.T) {
	with := func(s app.Snapshot, change func(*app.Snapshot)) app.Snapshot {
		change(&s)
		return s
	}
	started := func(status, reason string) app.Snapshot {
		return with(installed(), func(s *app.Snapshot) {
			s.Launch = []app.EngineState{{Name: "ollama", Kind: "ollama", Label: "Ollama", URL: "http://127.0.0.1:11434", Reason: reason, Since: now.Add(-time.Minute)}}
			for _, known := range []app.EngineState{{Status: "starting"}, {Status: "restarting"}, {Status: "failed"}, {Status: "stopped"}} {
				if string(known.Status) == status {
					s.Launch[0].Status = known.Status
				}
			}
		})
	}
	slots := func(by string) app.Snapshot {
		return with(busy(), func(s *app.Snapshot) { s.Tuning[0].SlotsBy = by })
	}
	for _, tt := range []struct {
		name     string
		snapshot app.Snapshot
		want     []string // each within a line
		not      string
	}{
		{"OneIsNotPreferredToAnything", idle(), []string{"Ollama | 127.0.0.1:11434 · 0.17.4\n", "Slots | Not known yet", "More slots… | ", "qwen3:8b | 5.6 GiB of GPU | loaded", "nomic-embed-text | 274 MB on disk | "}, "preferred"},
		{"SlotsThatTheEngineTells", slots("told"), []string{"Slots | 4 at once, as it says | "}, ""},
		{"SlotsFoundByTheQueueInside", slots("engine wait"), []string{"4 at once, found: more of them wait inside it | "}, ""},
		{"SlotsFoundByFirstTokens", slots("first tokens"), []string{"4 at once, found by when first tokens come | "}, ""},
		{"SeveralAreToldApart", several(), []string{
			"Ollama | 127.0.0.1:11434 · 0.17.4 | preferred\n", "Run by | Carpool, for 60 min · 0 restarts | Stop | ", "GPU | shares the group desk",
			"LM Studio | 127.0.0.1:1234 · 0.4 or newer\n", "1 at once, as it says | More slots… | ", "google/gemma-3-12b | 8.1 GB on disk | loaded",
			"OpenAI-compatible engine (cluster) | gpu.lan:8000 · 0.21.0\n", "Rests: failed 5 times in a row and is tried again in 8 s. | Why… | warns",
			"llama.cpp (box) | 192.168.178.23:8080\n", "Not reached: does not answer: start llama-server, or set engines.list. | Why… | warns"}, ""},
		{"WhenAnEngineAnsweredLast", with(several(), func(s *app.Snapshot) { s.Engines[3].Seen = now.Add(-3 * time.Minute) }), []string{"engines.list. Last answered 3 min ago."}, ""},
		{"WhatWasNeverReachedHasNoMakeInItsProblem", with(installed(), func(s *app.Snapshot) {
			s.Engines[0].Problem = "the engine at http://127.0.0.1:11434 does not answer: start it, or set engine.url"
		}), []string{"Not reached: does not answer: start it, or set engine.url."}, "the engine at"},
		{"TheDemoEngineHasNoGuide", simulated(), []string{"Demo engine (simulated) | \n", "Simulated: ", "Slots | 4 at once, as it says | \n"}, "More slots…"},
		{"ProgramsThatCouldBeStarted", installed(), []string{"start it, or set engine.url. | Start | warns\n", "LM Studio | installed\nState | Does not run. | Start | "}, "Ollama | installed"},
		{"NoModelYet", with(idle(), func(s *app.Snapshot) { s.Engines[0].Models = nil }), []string{"No model yet"}, ""},
		{"Starting", started("starting", ""), []string{"Run by | Carpool, starting | Stop | "}, ""},
		{"StartedAgain", started("restarting", "it ended with exit status 1"), []string{"Carpool, restarting: it ended with exit status 1. | Stop | warns"}, ""},
		{"GivenUpOn", started("failed", "it ended"), []string{"Carpool, failed: it ended. | Stop | warns"}, ""},
		{"TheLastErrorsOfItsLog", with(started("failed", "it ended"), func(s *app.Snapshot) { s.Launch[0].Errors = []string{"bind: in use", "exit"} }), []string{"Its log | bind: in use | \nexit | "}, ""},
		{"StoppedIsForgotten", started("stopped", ""), []string{"Not reached: "}, "Run by"},
		{"StartedButNotFoundYet", with(started("starting", ""), func(s *app.Snapshot) { s.Engines = nil }), []string{"Ollama | 127.0.0.1:11434\nRun by | Carpool, starting | Stop | "}, ""},
		{"WhyModelsWereLoadedAgain", reloaded(), []string{"12:00 | Loaded again because Continue asks for num_ctx 8192, and Open WebUI had it loaded with 4096. Took 4 s.", "was loaded again 3 times", "carpool set models.num_ctx=qwen3:8b=8192"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := told(engineSheets(tt.snapshot, nil))
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			if tt.not != "" && strings.Contains(got, tt.not) {
				t.Errorf("%q in\n%s", tt.not, got)
			}
		})
	}
}

// reloaded is several with an engine that loads a model again and again.
func reloaded() app.Snapshot {
	s := several()
	key := s.Tuning[0].Key
	for i := range 3 {
		s.Reloads.Last = append(s.Reloads.Last, gateway.Reload{Key: key, At: time.Date(2026, 11, 23, 12, -7*i, 0, 0, time.Local), Took: 4 * time.Second,
			Text: "loaded again because Continue asks for num_ctx 8192, and Open WebUI had it loaded with 4096"})
	}
	s.Reloads.Advice = []gateway.ReloadAdvice{{Key: key, Parameter: "num_ctx", Times: 3,
		Text:    "qwen3:8b was loaded again 3 times in an hour because Continue and Open WebUI ask for different num_ctx",
		Command: "carpool set models.num_ctx=qwen3:8b=8192"}}
	s.Fits = []app.ModelFit{{Engine: "ollama", Model: "qwen3:8b", Loaded: true, Judged: true, Fits: true,
		Words: "takes 5.6 GiB with 4 slots of 4k, 12.0 GiB are free"}}
	return s
}

func TestEngineSheets_SayWhatModelsTake(t *testing.T) {
	fitting := func(model string, loaded, judged, fits bool) app.ModelFit {
		return app.ModelFit{Engine: "ollama", Model: model, Loaded: loaded, Judged: judged, Fits: fits, Words: "takes some"}
	}
	elsewhere := fitting("qwen3:8b", true, true, false)
	elsewhere.Engine = "lmstudio"
	advised := fitting("gemma3:4b", true, true, false)
	advised.Advice = "2 slots of 32k would fit"
	for _, tt := range []struct {
		name string
		fit  app.ModelFit
		want string
	}{
		{"BelowItsName", fitting("qwen3:8b", true, true, true), "loaded\nqwen3:8b | Takes some. | \n"},
		{"AndWarnWhereItSpills", advised, "gemma3:4b | Takes some; 2 slots of 32k would fit. | warns\n"},
		{"WhatIsNotKnownIsNoWarning", fitting("qwen3:8b", true, false, false), "Takes some. | \n"},
		{"ButNotOfAnotherEngine", elsewhere, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := busy()
			s.Fits = []app.ModelFit{tt.fit}
			got := told(engineSheets(s, nil))
			if !strings.Contains(got, tt.want) || strings.Count(got, "akes some") != min(1, len(tt.want)) {
				t.Errorf("want %q in\n%s", tt.want, got)
			}
		})
	}
}

func TestMoved(t *testing.T) {
	engines := several().Engines
	for _, tt := range []struct {
		name  string
		order []string
		who   string
		by    int
		want  string
	}{
		{"AllAreNamed", nil, "lmstudio", -1, "lmstudio,ollama,cluster,box"},
		{"Down", nil, "ollama", 1, "lmstudio,ollama,cluster,box"},
		{"FromTheOrderOfTheSettings", []string{"box", "cluster"}, "cluster", -1, "cluster,box,ollama,lmstudio"},
		{"WhatIsNotThereStaysBehind", []string{"away", "box", "vllm"}, "ollama", -1, "ollama,box,lmstudio,cluster,away,vllm"},
		{"TheFirstStays", []string{"box"}, "box", -1, "box"},
		{"TheLastStays", nil, "box", 1, ""},
		{"KindsCount", []string{"llamacpp"}, "box", 1, "ollama,box,lmstudio,cluster,llamacpp"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(moved(engines, tt.order, tt.who, tt.by), ","); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// crowded is an engine with 200 models.
func crowded() app.Snapshot {
	s := idle()
	models := make([]backends.Model, 200)
	for i := range models {
		models[i] = backends.Model{Name: fmt.Sprintf("model-%03d:7b", i), Size: 4e9, Parameter: "7.2B", Quant: "Q4_K_M", Context: 32768, Loaded: i == 150}
	}
	s.Engines[0].Models = models
	return s
}

func TestEnginesPage_FindsOneOfManyModels(t *testing.T) {
	w, _, fw := open(t, crowded(), "dark", 1280, 800)
	w.Open(pageEngines)
	c := w.engines.made["ollama"]
	if got := c.lines[3].name; got != "model-150:7b" {
		t.Errorf("the first model is %q, not the loaded one", got)
	}
	before := len(c.lines)
	if last := c.lines[before-1].text; last != "and 192 more: type a part of a name above" {
		t.Errorf("it ends with %q", last)
	}
	fw.Canvas().Focus(c.search)
	test.Type(c.search, "-19")
	if len(c.lines) >= before+2 || !slices.ContainsFunc(c.lines, func(l engineLine) bool { return l.name == "model-197:7b" }) {
		t.Errorf("does not find it among %d lines", len(c.lines))
	}
	test.Type(c.search, "x")
	if last := c.lines[len(c.lines)-1].text; last != "No model has that in its name." {
		t.Errorf("it ends with %q", last)
	}
	if fw.Canvas().Focused() != c.search {
		t.Error("the focus is gone")
	}
}

func TestEnginesPage_MovesAnEngineUp(t *testing.T) {
	w, fake, fw := open(t, several(), "dark", 1280, 800)
	w.Open(pageEngines)
	live(t, w)
	test.Tap(w.engines.made["cluster"].up)
	fake.eventually(t, "set", func() bool {
		return slices.Equal(fake.did(), []string{"engines.order=ollama,cluster,lmstudio,box"})
	})
	fw.Canvas().Focus(w.engines.made["cluster"].up)
	fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	fake.eventually(t, "set by key, before a snapshot knows of the first", func() bool {
		return slices.Contains(fake.did(), "engines.order=cluster,ollama,lmstudio,box")
	})
	if w.engines.cards[0].sheet.name != "cluster" || fw.Canvas().Focused() != w.engines.made["cluster"].up {
		t.Error("the card does not move with its focus")
	}
	test.Tap(w.engines.cards[0].up) // does nothing
	if len(fake.did()) != 2 {
		t.Errorf("did %v", fake.did())
	}
}

func TestEnginesPage_CopiesWhatEndsReloads(t *testing.T) {
	w, _, _ := open(t, reloaded(), "dark", 1280, 800)
	w.Open(pageEngines)
	c := w.engines.made["ollama"]
	for _, command := range c.commands {
		test.Tap(command.copy)
		if got := fyne.CurrentApp().Clipboard().Content(); got != "carpool set models.num_ctx=qwen3:8b=8192" {
			t.Errorf("the clipboard has %q", got)
		}
	}
	if len(c.commands) != 1 {
		t.Fatalf("%d commands", len(c.commands))
	}
	w.engines.copying.settle(time.Now().Add(copied))
	for _, command := range c.commands {
		if command.copy.label.value != "Copy" {
			t.Error("it says so for ever")
		}
	}
}

func TestEnginesPage_CopiesTheAddress(t *testing.T) {
	w, _, fw := open(t, idle(), "dark", 900, 600)
	w.Open(pageEngines)
	fw.Canvas().Focus(w.engines.copy)
	fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := fyne.CurrentApp().Clipboard().Content(); got != "http://127.0.0.1:11435" || w.engines.copy.label.value != "Copied" {
		t.Errorf("the clipboard has %q, the button says %q", got, w.engines.copy.label.value)
	}
	w.copiedAt = w.copiedAt.Add(-copied)
	w.show(themed(idle()))
	if w.engines.copy.label.value != "Copy" {
		t.Error("it says so for ever")
	}
}

func TestEnginesPage_TabReachesEveryControlAndShowsIt(t *testing.T) {
	w, _, fw := open(t, reloaded(), "dark", 900, 600)
	w.Open(pageEngines)
	reached := map[fyne.Focusable]bool{}
	for range 40 {
		fw.Canvas().FocusNext()
		at, ok := fw.Canvas().Focused().(*button)
		if !ok || reached[at] {
			continue
		}
		reached[at] = true
		y := fyne.CurrentApp().Driver().AbsolutePositionForObject(at).Y
		if y < 0 || y+at.Size().Height > 600 {
			t.Errorf("%q is out of sight at %v", at.label.value, y)
		}
	}
	for _, c := range w.engines.cards {
		for _, b := range []*button{c.up, c.down} {
			if !reached[b] {
				t.Errorf("no tab reaches %q of %s", b.label.value, c.sheet.name)
			}
		}
		for _, r := range c.rows {
			if r.line.action.deed != nothing && !reached[r.button] {
				t.Errorf("no tab reaches %q of %s", r.button.label.value, c.sheet.name)
			}
		}
	}
}

// engineless is a Carpool that knows of no engine.
func engineless() app.Snapshot {
	s := idle()
	s.Engines = nil
	return s
}

// The pictures in testdata are the page as it should look: open them.
func TestEnginesPage_Looks(t *testing.T) {
	for _, tt := range []struct {
		scene    string
		snapshot app.Snapshot
	}{{"several", reloaded()}, {"crowded", crowded()}, {"none", engineless()}, {"installed", installed()}} {
		for _, look := range []struct {
			theme         string
			width, height float32
		}{{"dark", 1280, 800}, {"light", 900, 600}, {"light", 1280, 800}, {"dark", 900, 600}} {
			if tt.scene != "several" && (look.theme == "light") == (look.width == 1280) {
				continue
			}
			name := fmt.Sprintf("engines-%s-%s-%.0fx%.0f", tt.scene, look.theme, look.width, look.height)
			t.Run(name, func(t *testing.T) {
				w, _, fw := open(t, tt.snapshot, look.theme, look.width, look.height)
				w.Open(pageEngines)
				test.AssertImageMatches(t, name+".png", fw.Canvas().Capture())
			})
		}
	}
}
