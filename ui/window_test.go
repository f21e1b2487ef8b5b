package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
)

func TestWindow_ToggleSetsBatching(t *testing.T) {
	w, fake, _ := open(t, idle(), "dark", 1280, 800)
	live(t, w)
	test.Tap(w.batching)
	fake.eventually(t, "batching is off", func() bool { return slices.Equal(fake.did(), []string{"batching.enabled=false"}) })
	test.Tap(w.batching)
	fake.eventually(t, "batching is on again", func() bool {
		return slices.Equal(fake.did(), []string{"batching.enabled=false", "batching.enabled=true"})
	})
}

// shortcuts is a canvas that hears its keys; the test driver's does not.
type shortcuts struct {
	fyne.Canvas
	fyne.ShortcutHandler
}

func (s *shortcuts) AddShortcut(key fyne.Shortcut, f func(fyne.Shortcut)) {
	s.ShortcutHandler.AddShortcut(key, f)
}

func (s *shortcuts) RemoveShortcut(key fyne.Shortcut) { s.ShortcutHandler.RemoveShortcut(key) }

func TestWindow_KeysDoWhatTheMouseDoes(t *testing.T) {
	w, fake, fw := open(t, idle(), "dark", 1280, 800)
	live(t, w)
	keys := &shortcuts{Canvas: fw.Canvas()}
	w.Bind(keys, fake.Quit)
	press := func(s fyne.Shortcut) { keys.TypedShortcut(s) }
	press(&desktop.CustomShortcut{KeyName: fyne.KeyB, Modifier: fyne.KeyModifierControl})
	fake.eventually(t, "Ctrl+B turns batching off", func() bool { return slices.Equal(fake.did(), []string{"batching.enabled=false"}) })
	press(&fyne.ShortcutCopy{})
	if got := fyne.CurrentApp().Clipboard().Content(); got != "http://127.0.0.1:11435" {
		t.Errorf("the clipboard has %q", got)
	}
	press(&desktop.CustomShortcut{KeyName: fyne.KeyQ, Modifier: fyne.KeyModifierControl})
	if !fake.quit {
		t.Error("Ctrl+Q does not quit")
	}
}

func TestWindow_TabReachesEveryControl(t *testing.T) {
	w, _, fw := open(t, busy(), "dark", 900, 600)
	want := []fyne.Focusable{w.batching}
	for _, lane := range w.now.onGPU.made {
		want = append(want, lane.signs.all[0])
	}
	want = append(want, w.now.gpuAside.button)
	for i, waiting := range w.now.waiting.made {
		if i > 0 {
			want = append(want, waiting.signs.all[0])
		}
		want = append(want, waiting.signs.all[1])
	}
	c := w.now.charts
	want = append(want, c.tokens, c.requests, c.first, c.memory, w.frame.rail.items[0])
	for i, control := range want {
		fw.Canvas().FocusNext()
		if fw.Canvas().Focused() != control {
			t.Fatalf("tab %d reaches %T, want %T", i+1, fw.Canvas().Focused(), control)
		}
	}
}

func TestWindow_SliderSetsTheSizeThatTheModeUses(t *testing.T) {
	for _, key := range []string{"batching.max_batch_size", "adaptive.max"} {
		t.Run(key, func(t *testing.T) {
			s := idle()
			s.SizeKey = key
			w, fake, _ := open(t, s, "dark", 1280, 800)
			w.Open(pageTune)
			live(t, w)
			slider := w.tune.tune.size.slider
			test.TapAt(slider, fyne.NewPos(slider.Size().Width, 12))
			fake.eventually(t, "the most is set", func() bool { return slices.Equal(fake.did(), []string{key + "=64"}) })
			slider.TypedKey(&fyne.KeyEvent{Name: fyne.KeyLeft})
			fake.eventually(t, "one less by key", func() bool { return slices.Contains(fake.did(), key+"=63") })
			if got := w.tune.tune.size.value.value; got != "63" {
				t.Errorf("the figure says %q", got)
			}
		})
	}
}

func TestWindow_SliderSetsTheWait(t *testing.T) {
	w, fake, _ := open(t, idle(), "dark", 1280, 800)
	w.Open(pageTune)
	live(t, w)
	slider := w.tune.tune.wait.slider
	test.TapAt(slider, fyne.NewPos(0, 12))
	fake.eventually(t, "no wait", func() bool { return slices.Equal(fake.did(), []string{"batching.max_batch_wait_ms=0"}) })
	test.TapAt(slider, fyne.NewPos(slider.Size().Width, 12))
	fake.eventually(t, "the longest wait", func() bool { return slices.Contains(fake.did(), "batching.max_batch_wait_ms=5000") })
}

func TestWindow_ADragSetsWhileItGoesOn(t *testing.T) {
	w, fake, _ := open(t, idle(), "dark", 1280, 800)
	w.Open(pageTune)
	live(t, w)
	slider := w.tune.tune.size.slider
	for x := float32(40); x < 140; x += 10 {
		slider.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x, 12)}})
	}
	fake.eventually(t, "set before the end of the drag", func() bool { return len(fake.did()) > 0 })
	slider.DragEnd()
	fake.eventually(t, "what is shown is set", func() bool {
		did := fake.did()
		return strings.HasSuffix(did[len(did)-1], "="+w.tune.tune.size.value.value)
	})
}

func TestWindow_ModeIsChosen(t *testing.T) {
	w, fake, _ := open(t, idle(), "dark", 1280, 800)
	w.Open(pageTune)
	live(t, w)
	modes := w.tune.tune.modes
	test.TapAt(modes, fyne.NewPos(modes.Size().Width-10, 10))
	fake.eventually(t, "static", func() bool { return slices.Equal(fake.did(), []string{"batching.mode=static"}) })
	modes.TypedKey(&fyne.KeyEvent{Name: fyne.KeyLeft})
	fake.eventually(t, "fixed by key", func() bool { return slices.Contains(fake.did(), "batching.mode=fixed") })
}

func TestWindow_FollowsChangesFromElsewhereWithoutEcho(t *testing.T) {
	w, fake, _ := open(t, idle(), "dark", 1280, 800)
	w.Open(pageTune)
	live(t, w)
	s := idle()
	s.Config.Batching.Enabled = false
	s.Config.Batching.Mode = "static"
	s.Config.Batching.MaxBatchSize = 200
	s.Config.Batching.MaxBatchWaitMS = 55
	s.Config.Window.Theme = "dark"
	fake.watch <- s
	tune := w.tune.tune
	fake.eventually(t, "the controls follow", func() bool {
		return !w.batching.on && tune.modes.chosen == 2 && tune.size.value.value == "200" &&
			tune.size.slider.Value == tune.size.slider.Max && tune.wait.value.value == "55 ms"
	})
	time.Sleep(2 * settle)
	if did := fake.did(); len(did) != 0 {
		t.Errorf("a change from elsewhere was set again: %v", did)
	}
}

func TestWindow_AnOldSnapshotDoesNotUndoWhatTheUserDid(t *testing.T) {
	w, fake, _ := open(t, idle(), "dark", 1280, 800)
	live(t, w)
	test.Tap(w.batching)
	fake.eventually(t, "set", func() bool { return len(fake.did()) == 1 })
	old := idle() // taken long before the tap
	old.Config.Window.Theme = "dark"
	w.show(old)
	if w.batching.on {
		t.Error("the toggle jumps back")
	}
	fresh := idle()
	fresh.Config.Window.Theme = "dark"
	fresh.At = time.Now().Add(time.Minute)
	w.show(fresh)
	if !w.batching.on {
		t.Error("the toggle does not follow a new snapshot")
	}
}

func TestWindow_SaysWhySomethingWasNotSet(t *testing.T) {
	w, fake, _ := open(t, idle(), "dark", 1280, 800)
	fake.fail = errOutOfRange
	live(t, w)
	test.Tap(w.batching)
	shown := func() string { return w.frame.strip.body.value }
	fake.eventually(t, "the reason is shown", func() bool { return shown() == errOutOfRange.Error() })
	fake.mu.Lock()
	fake.fail = nil
	fake.mu.Unlock()
	test.Tap(w.batching)
	fake.eventually(t, "the reason goes", func() bool { return shown() == "" })
}

func TestWindow_UpdatesFromSnapshots(t *testing.T) {
	w, _, fw := open(t, idle(), "dark", 1280, 800)
	s := busy()
	s.Config.Window.Theme = "dark"
	w.show(s)
	if got := w.frame.header.sentence.value; got != s.Sentence {
		t.Errorf("the sentence is %q", got)
	}
	markup := test.RenderToMarkup(fw.Canvas())
	for _, want := range []string{"Open WebUI", "61 tok/s", "next: 4 places are taken", "in 3 s: after", "Home Assistant", "1,204 requests", "611 / 1,000"} {
		if !strings.Contains(markup, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	w.show(idle())
	if markup := test.RenderToMarkup(fw.Canvas()); strings.Contains(markup, "Open WebUI") {
		t.Error("an ended request is still shown")
	}
}

func TestWindow_FillsAndScrolls(t *testing.T) {
	for _, size := range []fyne.Size{{Width: 900, Height: 600}, {Width: 1280, Height: 800}, {Width: 1920, Height: 1080}, {Width: 2560, Height: 1440}} {
		w, _, _ := open(t, busy(), "dark", size.Width, size.Height)
		content, view := w.now.scroll.Content.MinSize().Height, w.now.scroll.Size().Height
		if size.Height >= 800 && content > view {
			t.Errorf("%v: the page does not fit, %v in %v", size, content, view)
		}
		if content < view {
			t.Errorf("%v: the page leaves %v empty", size, view-content)
		}
	}
}

func TestWindow_AsksBeforeItQuitsOnlyWithWork(t *testing.T) {
	w, _, fw := open(t, idle(), "dark", 1280, 800)
	quits := 0
	quit := func() { quits++ }
	w.AskQuit(fw, quit)
	if quits != 1 {
		t.Fatal("asks although nothing runs")
	}
	s := busy()
	s.Config.Window.Theme = "dark"
	w.show(s)
	w.AskQuit(fw, quit)
	w.AskQuit(fw, quit) // a second click asks no second time
	if quits != 1 {
		t.Fatal("does not ask although requests run")
	}
	test.AssertImageMatches(t, "quit-dark-1280x800.png", fw.Canvas().Capture())
	no := fw.Canvas().Focused().(*button)
	test.Tap(no)
	if quits != 1 || fw.Canvas().Overlays().Top() != nil {
		t.Fatal("no does not mean no")
	}
	w.AskQuit(fw, quit)
	fw.Canvas().FocusPrevious()
	test.Tap(fw.Canvas().Focused().(*button))
	if quits != 2 {
		t.Error("yes does not quit")
	}
}

func TestWindow_HiddenReadsNothing(t *testing.T) {
	w, fake, _ := open(t, busy(), "dark", 1280, 800)
	live(t, w)
	w.Away(true)
	w.Open(pageNow)
	s := fake.now()
	s.Sentence = "5 running"
	w.show(s)
	if got := w.frame.header.sentence.value; got == s.Sentence {
		t.Error("a hidden window was drawn")
	}
	w.Away(false)
	if got := w.frame.header.sentence.value; got != s.Sentence {
		t.Errorf("seen again it says %q", got)
	}
}
