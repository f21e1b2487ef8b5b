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
	"carpool/app/config"
	"carpool/assets"
)

// searched opens the page at a search.
func searched(t *testing.T, query string) (*settingsPage, *fakeCarpool) {
	t.Helper()
	w, fake, _ := open(t, settled(), "dark", 1280, 800)
	live(t, w)
	w.Open(pageSettings)
	w.settings.search.SetText(query)
	return w.settings, fake
}

// row is the one of a setting that is shown.
func (p *settingsPage) row(t *testing.T, key string) *settingRow {
	t.Helper()
	for _, r := range p.shown {
		if r.setting.Key == key {
			return r
		}
	}
	t.Fatalf("%s is not shown", key)
	return nil
}

func (f *fakeCarpool) wants(t *testing.T, set string) {
	t.Helper()
	f.eventually(t, set, func() bool { return slices.Contains(f.did(), set) })
}

// enter types a text and the Enter key.
func enter(f *field, text string) {
	f.SetText(text)
	f.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
}

func TestSettings_AllHaveANameAndAGroup(t *testing.T) {
	known := map[string]bool{}
	for _, s := range config.Settings() {
		known[s.Key] = true
		if settingNames[s.Key] == "" {
			t.Errorf("%s has no name", s.Key)
		}
		if groupOf(s.Key) < 0 {
			t.Errorf("%s is in no group", s.Key)
		}
	}
	for key := range settingNames {
		if !known[key] {
			t.Errorf("%s is named, and is no setting", key)
		}
	}
}

func TestSettings_EachGroupShowsItsOwn(t *testing.T) {
	p, _ := searched(t, "")
	total := 0
	for i, g := range settingGroups {
		p.groups.choose(i)
		if p.card.title.value != g.name || len(p.shown) == 0 {
			t.Errorf("%q shows %q with %d settings", g.name, p.card.title.value, len(p.shown))
		}
		total += len(p.shown)
	}
	if want := len(config.Settings()); total != want {
		t.Errorf("the groups show %d settings of %d", total, want)
	}
}

func TestSettings_SearchFindsByKeyNameAndHelp(t *testing.T) {
	p, _ := searched(t, "")
	for query, key := range map[string]string{"latency_target": "adaptive.latency_target_ms", "Slowest STREAM": "adaptive.latency_target_ms",
		"kilowatt": "energy.price", "max_batch_wait": "batching.max_batch_wait_ms"} {
		p.search.SetText(query)
		p.row(t, key)
		if len(p.shown) != 1 || p.groups.chosen != -1 {
			t.Errorf("%q finds %d settings, with group %d", query, len(p.shown), p.groups.chosen)
		}
	}
	p.search.SetText("e")
	if len(p.shown) != mostMatches {
		t.Errorf("a search shows %d settings", len(p.shown))
	}
	p.search.SetText("no such thing")
	if len(p.shown) != 0 || !strings.Contains(p.intro.text.value, "Nothing") {
		t.Errorf("nothing found says %q", p.intro.text.value)
	}
	p.groups.choose(5)
	if p.search.Text != "" || p.card.title.value != "Queue" {
		t.Errorf("a group shows %q after a search", p.card.title.value)
	}
}

func TestSettings_ControlsSetAtOnce(t *testing.T) {
	p, fake := searched(t, "shortest_first")
	test.Tap(p.row(t, "queue.shortest_first").onOff)
	fake.wants(t, "queue.shortest_first=true")

	p.search.SetText("yield.mode")
	p.row(t, "yield.mode").few.choose(2)
	fake.wants(t, "yield.mode=unload")

	p.search.SetText("window.language")
	p.row(t, "window.language").many.SetSelected("Deutsch")
	fake.wants(t, "window.language=de")

	p.search.SetText("queue.guard_s")
	enter(p.row(t, "queue.guard_s").typing, "90")
	fake.wants(t, "queue.guard_s=90")

	p.search.SetText("pinned")
	f := p.row(t, "models.pinned").typing
	f.FocusGained()
	f.SetText("qwen3:8b, gemma3:4b")
	f.FocusLost()
	fake.wants(t, "models.pinned=qwen3:8b, gemma3:4b")
}

// What the tab key reaches below the fold is scrolled to, whatever kind it is.
func TestSettings_FocusIsInSight(t *testing.T) {
	w, _, fw := open(t, settled(), "dark", 900, 240)
	live(t, w)
	w.Open(pageSettings)
	p := w.settings
	for _, g := range []string{groupWindow, groupHistory, groupAbout} {
		p.groups.choose(slices.IndexFunc(settingGroups, func(s settingGroup) bool { return s.name == g }))
		fw.Canvas().Unfocus()
		for range 60 {
			fw.Canvas().FocusNext()
			at, ok := fw.Canvas().Focused().(fyne.CanvasObject)
			if !ok {
				continue
			}
			driver := fyne.CurrentApp().Driver()
			inside := driver.AbsolutePositionForObject(at).Subtract(driver.AbsolutePositionForObject(p.scroll))
			if inside.X < 0 || at == w.batching {
				continue // of the rail, the index or the header
			}
			if inside.Y < 0 || inside.Y+at.Size().Height > p.scroll.Size().Height {
				t.Errorf("%s: a %T with the focus is at %.0f of %.0f", g, at, inside.Y, p.scroll.Size().Height)
			}
		}
	}
}

func TestSettings_CardIsWhole(t *testing.T) {
	p, _ := searched(t, "")
	driver := fyne.CurrentApp().Driver()
	left := driver.AbsolutePositionForObject(p.card).X - driver.AbsolutePositionForObject(p.scroll).X
	if right := p.scroll.Size().Width - left - p.card.Size().Width; left < 2 || right < 2 {
		t.Errorf("the card has %.0f at its left and %.0f at its right within what is cut off", left, right)
	}
}

func TestSettings_BadInputIsToldAndKept(t *testing.T) {
	p, fake := searched(t, "queue.guard_s")
	r := p.row(t, "queue.guard_s")
	enter(r.typing, "4000")
	fake.eventually(t, "the reason is told", func() bool { return strings.Contains(r.note.value, "4000 is out of range (5–3600 s)") })
	s := settled()
	s.Config.Queue.GuardS, s.Config.Window.Theme, s.At = 90, "dark", time.Now().Add(time.Minute)
	p.w.show(s)
	if r.typing.Text != "4000" || p.w.frame.strip.Visible() {
		t.Errorf("the field has %q, the strip shows: %v", r.typing.Text, p.w.frame.strip.Visible())
	}
	enter(r.typing, "soon")
	fake.eventually(t, "the next reason is told", func() bool { return strings.Contains(r.note.value, "soon") })
	enter(r.typing, "90")
	if r.failed != "" {
		t.Errorf("what is in force is not taken: %q", r.failed)
	}
}

func TestSettings_DefaultComesBack(t *testing.T) {
	p, fake := searched(t, "queue.guard_s")
	r := p.row(t, "queue.guard_s")
	if r.reset.Visible() {
		t.Error("a default can be set to its default")
	}
	s := settled()
	s.Config.Queue.GuardS, s.Config.Window.Theme, s.At = 90, "dark", time.Now().Add(time.Minute)
	p.w.show(s)
	if !r.reset.Visible() || r.typing.Text != "90" {
		t.Fatalf("the field has %q", r.typing.Text)
	}
	test.Tap(r.reset)
	fake.wants(t, "queue.guard_s=60")
	if r.typing.Text != "60" {
		t.Errorf("the field has %q", r.typing.Text)
	}
}

func TestSettings_WhatIsTypedIsNotOverwritten(t *testing.T) {
	p, _ := searched(t, "queue.guard_s")
	r := p.row(t, "queue.guard_s")
	r.typing.FocusGained()
	r.typing.SetText("12")
	s := settled()
	s.Config.Queue.GuardS, s.Config.Window.Theme = 90, "dark"
	p.w.show(s)
	if r.typing.Text != "12" {
		t.Errorf("the field has %q", r.typing.Text)
	}
}

func TestSettings_SecretsAreMasked(t *testing.T) {
	w, fake, _ := open(t, settled(), "dark", 1280, 800)
	s := settled()
	s.Config.Apps.Keys, s.Config.Window.Theme = []string{"***=editor"}, "dark"
	w.show(s)
	live(t, w)
	w.Open(pageSettings)
	w.settings.search.SetText("apps.keys")
	r := w.settings.row(t, "apps.keys")
	if r.typing.Text != "" || r.typing.PlaceHolder != "***=editor" {
		t.Errorf("the field has %q, hint %q", r.typing.Text, r.typing.PlaceHolder)
	}
	r.typing.FocusGained()
	r.typing.FocusLost()
	if w.busy("apps.keys") {
		t.Error("nothing was typed, and is set")
	}
	enter(r.typing, "sk-1=editor, sk-2=notes")
	fake.wants(t, "apps.keys=sk-1=editor, sk-2=notes")
}

func TestSettings_RestartIsTold(t *testing.T) {
	p, _ := searched(t, "gateway.listen")
	if note := p.row(t, "gateway.listen").note.value; !strings.Contains(note, "takes effect at the next start") {
		t.Errorf("says %q", note)
	}
}

func TestSettings_HistoryIsCompactedAndWiped(t *testing.T) {
	w, fake, fw := open(t, settled(), "dark", 1280, 800)
	fake.size = app.HistorySize{Bytes: 412 << 20, Requests: 1204000, Samples: 2600000, Oldest: now}
	live(t, w)
	w.Open(pageSettings)
	w.settings.groups.choose(3)
	care := w.settings.history
	fake.eventually(t, "the size is shown", func() bool {
		return care.size.value == "412 MiB on disk: 1,204,000 requests and 2,600,000 seconds since 2026-11-23."
	})
	test.Tap(care.compact)
	fake.eventually(t, "what was freed is told", func() bool { return care.outcome.value == "1.0 MiB given back to the disk." })
	test.Tap(care.wipe)
	test.Tap(fw.Canvas().Focused().(*button)) // Keep it
	if did := fake.did(); slices.Contains(did, "wipe") {
		t.Fatal("wiped without a yes")
	}
	test.Tap(care.wipe)
	fw.Canvas().FocusPrevious()
	test.Tap(fw.Canvas().Focused().(*button))
	fake.eventually(t, "it is empty", func() bool { return care.outcome.value == "The history is empty." })
}

func TestSettings_TabReachesEachControl(t *testing.T) {
	w, _, fw := open(t, settled(), "dark", 900, 600)
	w.Open(pageSettings)
	w.settings.groups.choose(4)
	fw.Canvas().Focus(w.settings.search)
	fw.Canvas().FocusNext()
	if fw.Canvas().Focused() != w.settings.groups {
		t.Fatalf("tab reaches %T", fw.Canvas().Focused())
	}
	for _, r := range w.settings.shown {
		fw.Canvas().FocusNext()
		if fw.Canvas().Focused() == r.reset {
			fw.Canvas().FocusNext()
		}
		if control, ok := r.control().(fyne.Focusable); !ok || fw.Canvas().Focused() != control {
			t.Fatalf("tab reaches %T, not the control of %s", fw.Canvas().Focused(), r.setting.Key)
		}
		top := r.Position().Y + cardHeader - w.settings.scroll.Offset.Y
		if top < 0 || top+r.Size().Height > w.settings.scroll.Size().Height {
			t.Fatalf("%s has the focus and cannot be seen", r.setting.Key)
		}
		if r.changed() {
			fw.Canvas().FocusNext()
		}
	}
}

func TestSettings_Looks(t *testing.T) {
	for _, tt := range []struct {
		name, theme   string
		width, height float32
		group         int
		query         string
	}{
		{"settings-dark-1280x800.png", "dark", 1280, 800, 0, ""},
		{"settings-light-900x600.png", "light", 900, 600, 0, ""},
		{"settings-access-dark-900x600.png", "dark", 900, 600, 2, ""},
		{"settings-history-light-1280x800.png", "light", 1280, 800, 3, ""},
		{"settings-batching-dark-1280x800.png", "dark", 1280, 800, 4, ""},
		{"settings-about-dark-1280x800.png", "dark", 1280, 800, 12, ""},
		{"settings-search-light-1280x800.png", "light", 1280, 800, 0, "memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, fake, fw := open(t, settled(), tt.theme, tt.width, tt.height)
			live(t, w)
			w.Open(pageSettings)
			w.settings.groups.choose(tt.group)
			w.settings.search.SetText(tt.query)
			if tt.group == 3 {
				fake.eventually(t, "the size is known", func() bool { return w.settings.history.size.value != tr("Looking at the file…") })
			}
			test.AssertImageMatches(t, tt.name, fw.Canvas().Capture())
		})
	}
}

// settled is a Carpool that someone has set up.
func settled() app.Snapshot {
	s := idle()
	s.ConfigAt, s.LogFile = "/home/ada/.config/carpool/carpool.toml", "/home/ada/.local/state/carpool/carpool.log"
	s.History.Path = "/home/ada/.local/state/carpool/history.db"
	return s
}

func TestSettings_LooksInEachLanguage(t *testing.T) {
	t.Cleanup(func() { Speak("en") })
	for i, language := range assets.Languages() {
		for _, tt := range []struct {
			theme         string
			width, height float32
			group         int
		}{{"dark", 1280, 800, 4}, {"light", 900, 600, i}} {
			name := fmt.Sprintf("settings-%s-%s-%.0fx%.0f.png", language, tt.theme, tt.width, tt.height)
			t.Run(name, func(t *testing.T) {
				s := settled()
				s.Config.Window.Language = language
				w, _, fw := open(t, s, tt.theme, tt.width, tt.height)
				w.Open(pageSettings)
				w.settings.groups.choose(tt.group)
				test.AssertImageMatches(t, name, fw.Canvas().Capture())
			})
		}
	}
}

func TestSettings_LanguageIsSwitchedAtOnce(t *testing.T) {
	w, fake, fw := open(t, settled(), "dark", 1280, 800)
	live(t, w)
	w.Open(pageSettings)
	w.settings.groups.choose(0)
	w.settings.row(t, "window.language").many.SetSelected("Deutsch")
	fake.wants(t, "window.language=de")
	fake.watch <- fake.now()
	fake.eventually(t, "the window speaks German", func() bool { return w.frame.header.sentence.value == "Optionen" })
	if w.frame.open != pageSettings || w.settings.row(t, "window.language").many.Selected != "Deutsch" {
		t.Errorf("page %q is open", w.frame.open)
	}
	if markup := test.RenderToMarkup(fw.Canvas()); !strings.Contains(markup, "Einstellungsdatei") && !strings.Contains(markup, "Sprache des Fensters") {
		t.Error("the page is not German")
	}
	test.Tap(w.batching)
	fake.wants(t, "batching.enabled=false") // the new toggle is alive
	w.settings.search.SetText("Speicher")
	if len(w.settings.shown) == 0 {
		t.Error("a search in German finds nothing")
	}
}

func TestSettingRow_ShowsWhatWasTakenAsItIsInForce(t *testing.T) {
	for name, tt := range map[string]struct{ key, before, typed, inForce, shown string }{
		"a secret is not left in the open":   {"apps.keys", "***=notes", "sk-1=notes", "***=notes", ""},
		"as the settings write it":           {"apps.supersede", "", "zed,cline", "zed, cline", "zed, cline"},
		"what the command line overrides":    {"engine.url", "http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:1", "http://127.0.0.1:1"},
		"what Carpool writes in another way": {"batching.max_batch_wait_ms", "50", "050", "50", "50"},
	} {
		t.Run(name, func(t *testing.T) {
			test.NewTempApp(t)
			setting, ok := config.Lookup(tt.key)
			if !ok {
				t.Fatal("there is no such setting")
			}
			var sent []string
			r := newSettingRow(setting, func(_, value string) { sent = append(sent, value) })
			r.set(tt.before)
			r.typing.FocusGained()
			enter(r.typing, tt.typed)
			r.tell("")
			r.set(tt.inForce)
			if r.typing.Text != tt.shown {
				t.Errorf("it shows %q, want %q", r.typing.Text, tt.shown)
			}
			r.typing.FocusLost()
			if !slices.Equal(sent, []string{tt.typed}) {
				t.Errorf("it set %q", sent)
			}
		})
	}
}

func TestSettingRow_KeepsWhatIsTypedMeanwhile(t *testing.T) {
	test.NewTempApp(t)
	setting, _ := config.Lookup("batching.max_batch_wait_ms")
	r := newSettingRow(setting, func(string, string) {})
	r.set("50")
	r.typing.FocusGained()
	enter(r.typing, "75")
	r.typing.SetText("750")
	r.tell("")
	r.set("75")
	if r.typing.Text != "750" {
		t.Errorf("it shows %q", r.typing.Text)
	}
}
