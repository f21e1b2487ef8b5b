package ui

import (
	"errors"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"carpool/app"
)

// themed is a scene in the theme that open was given.
func themed(s app.Snapshot) app.Snapshot {
	s.Config.Window.Theme = "dark"
	return s
}

// button is that of a fact on the card of an engine, whose page it opens.
func (w *Window) button(t *testing.T, engine, fact string) *button {
	t.Helper()
	w.Open(pageEngines)
	c := w.engines.made[engine]
	if c == nil {
		t.Fatalf("there is no card for %q", engine)
	}
	r := c.rows[fact]
	if r == nil || r.line.action.deed == nothing {
		t.Fatalf("the card of %q has no button for %q", engine, fact)
	}
	return r.button
}

func TestOrders_StartsAnEngineWithoutHoldingTheWindow(t *testing.T) {
	w, fake, _ := open(t, installed(), "dark", 1280, 800)
	fake.hold = make(chan struct{})
	live(t, w)
	start := w.frame.strip.button
	test.Tap(start)
	if start.label.value != "Starting…" || !start.off {
		t.Errorf("the button says %q while the engine starts", start.label.value)
	}
	test.Tap(start) // starts nothing more
	close(fake.hold)
	fake.eventually(t, "the start has ended", func() bool { return start.label.value == "Start Ollama" })
	if did := fake.did(); !slices.Equal(did, []string{"start ollama"}) {
		t.Errorf("did %v", did)
	}
	w.show(themed(several()))
	if w.frame.strip.Visible() {
		t.Errorf("an engine runs, and the strip says %q", w.frame.strip.lead.value)
	}
}

func TestOrders_SaysWhyAnEngineWasNotStarted(t *testing.T) {
	w, fake, _ := open(t, installed(), "dark", 1280, 800)
	fake.fail = errors.New("start LM Studio: it ended with exit status 1")
	live(t, w)
	test.Tap(w.button(t, "installed lmstudio", "state"))
	strip := w.frame.strip
	fake.eventually(t, "the reason is shown", func() bool {
		return strip.lead.value == "Not started." && strip.body.value == "It ended with exit status 1."
	})
	if strip.button.label.value != "Start Ollama" {
		t.Error("and no other engine is offered")
	}
	s := themed(installed())
	s.Launch = []app.EngineState{{Name: "lmstudio", Kind: "lmstudio", Status: "restarting"}}
	s.Problems = append(s.Problems, "LM Studio does not run: it ended")
	w.show(s)
	if strip.lead.value != "Needs attention." {
		t.Errorf("Carpool tells of it by itself, and the strip says %q", strip.lead.value)
	}
}

func TestFailure_EndsByItself(t *testing.T) {
	failed := failure{text: "taken", order: order{deed: startEngine, name: "ollama"}, at: now}
	running := installed()
	running.Launch = []app.EngineState{{Kind: "ollama", Status: "running"}}
	for _, tt := range []struct {
		name     string
		failed   failure
		snapshot app.Snapshot
		after    time.Duration
		over     bool
	}{
		{"at first it is shown", failed, installed(), time.Second, false},
		{"not for long", failed, installed(), time.Minute, true},
		{"not once Carpool keeps the engine running", failed, running, time.Second, true},
		{"a setting's stays", failure{text: "out of range", key: keySize}, installed(), time.Hour, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if over := tt.failed.over(tt.snapshot, now.Add(tt.after)); over != tt.over {
				t.Errorf("over is %t", over)
			}
		})
	}
}

func TestOrders_AsksBeforeItStopsAnEngineAtWork(t *testing.T) {
	w, fake, fw := open(t, several(), "dark", 1280, 800)
	live(t, w)
	stop := w.button(t, "ollama", "run")
	test.Tap(stop)
	if fw.Canvas().Overlays().Top() == nil {
		t.Fatal("does not ask although requests run")
	}
	fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if fw.Canvas().Overlays().Top() != nil {
		t.Fatal("the escape key does not mean no")
	}
	s := themed(several())
	s.Queues = nil
	w.show(s)
	test.Tap(stop)
	fake.eventually(t, "stopped", func() bool { return slices.Equal(fake.did(), []string{"stop ollama"}) })
}

func TestOrders_OpensTheGuideOfTheEngine(t *testing.T) {
	w, fake, fw := open(t, several(), "dark", 1280, 800)
	fake.checks = checked()
	live(t, w)
	test.Tap(w.button(t, "lmstudio", "slots"))
	fake.eventually(t, "the guide is open", func() bool { return w.guide != nil })
	if w.guide.title.value != "Let LM Studio run 4 requests at once" || w.guide.ways != nil {
		t.Errorf("the guide is %q", w.guide.title.value)
	}
	fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if w.guide != nil || fw.Canvas().Overlays().Top() != nil {
		t.Error("the escape key does not close it")
	}
	fake.mu.Lock()
	fake.checks = nil
	fake.mu.Unlock()
	test.Tap(w.button(t, "lmstudio", "slots"))
	fake.eventually(t, "the engine is gone", func() bool { return w.frame.strip.body.value == "LM Studio does not run any more." })
}

func TestOrders_AdviceSetsASetting(t *testing.T) {
	s := busy()
	s.Advice = []app.Advice{{Title: "Queue is deep: 12 on average", Text: "Raise the size.", Button: "Apply 6", Key: keySize, Value: "6"}}
	w, fake, _ := open(t, s, "dark", 1280, 800)
	live(t, w)
	test.Tap(w.frame.strip.button)
	fake.eventually(t, "it is set", func() bool { return slices.Equal(fake.did(), []string{keySize + "=6"}) })
}

func TestOrders_AdviceLeadsToTheGuide(t *testing.T) {
	s := several()
	s.Advice = []app.Advice{{Title: "Ollama could run 6 at once", Text: "3.1 GiB are free.", Button: "Show how", Engine: "ollama"}}
	w, fake, _ := open(t, s, "dark", 1280, 800)
	fake.checks = checked()
	live(t, w)
	test.Tap(w.frame.strip.button)
	fake.eventually(t, "the guide is open", func() bool { return w.guide != nil && w.guide.ways != nil })
}

func TestOrders_TellsInFullWhyAnEngineDoesNotServe(t *testing.T) {
	w, _, _ := open(t, several(), "dark", 1280, 800)
	test.Tap(w.button(t, "box", "state"))
	if w.guide == nil || w.guide.says.value != "llama.cpp (box) at http://192.168.178.23:8080 does not answer: start llama-server, or set engines.list." {
		t.Error("it does not tell")
	}
}
