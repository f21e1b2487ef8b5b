package ui

import (
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"carpool/app"
)

// first is a scene at the first start.
func first(s app.Snapshot) app.Snapshot {
	s.Config.Window.Welcome, s.Config.Window.ExplainOff, s.Config.Window.Theme = true, true, "dark"
	return s
}

func TestWelcome_GreetsOnce(t *testing.T) {
	w, fake, fw := open(t, first(idle()), "dark", 1280, 800)
	live(t, w)
	if w.welcome == nil || w.welcome.found.value != "Found: Ollama 0.17.4" {
		t.Fatalf("welcome is %+v", w.welcome)
	}
	if fw.Canvas().Focused() != w.welcome.start {
		t.Error("Enter does not start")
	}
	fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	fake.wants(t, "window.welcome=false")
	w.show(first(idle()))
	if w.welcome != nil {
		t.Error("greets again")
	}
}

func TestWelcome_CopiesTheAddress(t *testing.T) {
	w, _, _ := open(t, first(idle()), "dark", 1280, 800)
	for c, want := range map[*command]string{w.welcome.ollama: "http://127.0.0.1:11435", w.welcome.openAI: "http://127.0.0.1:11435/v1"} {
		test.Tap(c.copy)
		if got := fyne.CurrentApp().Clipboard().Content(); got != want || c.copy.label.value != "Copied" {
			t.Errorf("the clipboard has %q, want %q", got, want)
		}
	}
}

func TestWelcome_FollowsWhatIsFound(t *testing.T) {
	w, fake, _ := open(t, first(installed()), "dark", 1280, 800)
	live(t, w)
	g := w.welcome
	if g.offer.label.value != "Start Ollama" || g.found.value != "No engine found yet" {
		t.Fatalf("says %q, offers %q", g.found.value, g.offer.label.value)
	}
	test.Tap(g.offer)
	fake.wants(t, "start ollama")
	s := first(installed())
	s.Launchable = nil
	w.show(s)
	test.Tap(g.offer)
	fake.wants(t, "engine.demo=always")
	w.show(first(several()))
	if !slices.Contains([]string{"Found: Ollama 0.17.4, LM Studio 0.4 or newer, OpenAI-compatible engine (cluster) 0.21.0"}, g.found.value) || g.offer.Visible() {
		t.Errorf("says %q, offers %q", g.found.value, g.offer.label.value)
	}
}

func TestWelcome_ShowsHowToConnect(t *testing.T) {
	w, _, fw := open(t, first(idle()), "dark", 1280, 800)
	test.Tap(w.welcome.apps)
	if w.frame.open != pageApps || fw.Canvas().Overlays().Top() != nil {
		t.Errorf("page %q is open", w.frame.open)
	}
}

func TestWelcome_EscapeCloses(t *testing.T) {
	w, fake, fw := open(t, first(idle()), "dark", 1280, 800)
	live(t, w)
	fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	fake.wants(t, "window.welcome=false")
	if fw.Canvas().Overlays().Top() != nil {
		t.Error("it is still there")
	}
}

func TestOff_IsExplainedOnce(t *testing.T) {
	s := first(idle())
	s.Config.Window.Welcome = false
	w, fake, fw := open(t, s, "dark", 1280, 800)
	live(t, w)
	test.Tap(w.batching)
	fake.wants(t, "batching.enabled=false") // whatever is chosen
	ways, ok := fw.Canvas().Focused().(*segments)
	if !ok {
		t.Fatalf("the focus is on %T", fw.Canvas().Focused())
	}
	ways.TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
	fake.wants(t, "batching.off_mode=passthrough")
	fw.Canvas().FocusNext()
	test.Tap(fw.Canvas().Focused().(*button))
	fake.wants(t, "window.explain_off=false")
	if fw.Canvas().Overlays().Top() != nil {
		t.Error("it is still there")
	}
	s.Config.Window.ExplainOff = false
	w.show(s)
	w.batching.set(true)
	test.Tap(w.batching)
	if fw.Canvas().Overlays().Top() != nil {
		t.Error("it is explained again")
	}
}

// Where batching is on again, by a key, the tray or the command line, the help says
// nothing that is not so.
func TestOff_HelpGoesWithIt(t *testing.T) {
	s := first(idle())
	s.Config.Window.Welcome = false
	for name, turnOn := range map[string]func(*Window){
		"by key": func(w *Window) { w.ToggleBatching() },
		"elsewhere": func(w *Window) {
			on := s
			on.At = time.Now().Add(time.Minute)
			w.show(on)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, fake, fw := open(t, s, "dark", 1280, 800)
			live(t, w)
			test.Tap(w.batching)
			fake.wants(t, "batching.enabled=false")
			if fw.Canvas().Overlays().Top() == nil {
				t.Fatal("off is not explained")
			}
			turnOn(w)
			if fw.Canvas().Overlays().Top() != nil {
				t.Error("\"Batching is off\" stands there while it is on")
			}
			if slices.Contains(fake.did(), "window.explain_off=false") {
				t.Error("it counts as read")
			}
		})
	}
}

func TestWelcome_Looks(t *testing.T) {
	for _, tt := range []struct {
		name, theme   string
		width, height float32
		scene         app.Snapshot
		off           bool
	}{
		{"welcome-dark-1280x800.png", "dark", 1280, 800, idle(), false},
		{"welcome-installed-light-900x600.png", "light", 900, 600, installed(), false},
		{"welcome-demo-light-1280x800.png", "light", 1280, 800, simulated(), false},
		{"off-dark-1280x800.png", "dark", 1280, 800, busy(), true},
		{"off-light-900x600.png", "light", 900, 600, busy(), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := first(tt.scene)
			s.Config.Window.Welcome = !tt.off
			w, _, fw := open(t, s, tt.theme, tt.width, tt.height)
			w.Open(pageSettings)
			if tt.off {
				test.Tap(w.batching)
			}
			test.AssertImageMatches(t, tt.name, fw.Canvas().Capture())
		})
	}
}
