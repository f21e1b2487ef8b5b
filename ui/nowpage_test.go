package ui

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"carpool/batching"
)

func TestNow_CancelsARequestThatRuns(t *testing.T) {
	w, fake, _ := open(t, busy(), "dark", 1280, 800)
	live(t, w)
	test.Tap(w.now.onGPU.made[1].signs.all[0])
	fake.eventually(t, "cancelled", func() bool { return slices.Equal(fake.did(), []string{"cancel 12"}) && len(w.doing) == 0 })
}

func TestNow_MovesARequestToTheFrontAndCancelsOneByKeys(t *testing.T) {
	w, fake, fw := open(t, busy(), "dark", 1280, 800)
	live(t, w)
	third := w.now.waiting.made[2].signs
	if first := w.now.waiting.made[0].signs.all[0]; first.Visible() {
		t.Error("the first can be moved to the front")
	}
	for range 20 {
		if fw.Canvas().FocusNext(); fw.Canvas().Focused() == third.all[0] {
			break
		}
	}
	press := func(name fyne.KeyName) { fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: name}) }
	press(fyne.KeySpace)
	fake.eventually(t, "moved", func() bool { return slices.Equal(fake.did(), []string{"front 23"}) && len(w.doing) == 0 })
	if got := w.now.queueAside.says.value; got != "Move batch-notes.py to the front" {
		t.Errorf("with the focus on it, it says %q", got)
	}
	fw.Canvas().FocusNext()
	press(fyne.KeyReturn)
	fake.eventually(t, "cancelled", func() bool { return slices.Equal(fake.did(), []string{"front 23", "cancel 23"}) })
}

func TestNow_SaysWhyARequestWasNotCancelled(t *testing.T) {
	w, fake, _ := open(t, busy(), "dark", 1280, 800)
	fake.fail = errors.New("the request has ended")
	live(t, w)
	test.Tap(w.now.waiting.made[1].signs.all[1])
	fake.eventually(t, "the reason is shown", func() bool {
		return w.frame.strip.lead.value == "Not cancelled." && w.frame.strip.body.value == "The request has ended."
	})
}

func TestNow_AClickMeansWhatWasUnderThePointer(t *testing.T) {
	w, fake, _ := open(t, busy(), "dark", 1280, 800)
	live(t, w)
	cancel := w.now.waiting.made[0].signs.all[1]
	cancel.MouseIn(&desktop.MouseEvent{})
	s := themed(busy())
	s.Queues[0].Waiting = s.Queues[0].Waiting[1:]
	for i := range s.Queues[0].Waiting {
		s.Queues[0].Waiting[i].Position--
	}
	s.Queues[0].Depth--
	w.show(s) // the queue moves on under the pointer
	test.Tap(cancel)
	fake.eventually(t, "cancelled is the one that was pointed at", func() bool { return slices.Equal(fake.did(), []string{"cancel 21"}) })
	test.Tap(cancel)
	fake.eventually(t, "a second click means what is there now", func() bool { return slices.Contains(fake.did(), "cancel 22") })
}

func TestNow_ShowsAllOfALongQueue(t *testing.T) {
	s := busy()
	for i := range 20 {
		s.Queues[0].Waiting = append(s.Queues[0].Waiting, batching.Waiting{Ticket: uint64(100 + i), App: "batch-notes.py", Position: 4 + i, Why: "after others"})
	}
	s.Queues[0].Depth = 23
	w, _, _ := open(t, s, "dark", 900, 600)
	if n := w.now.waiting.shown; n != maxRows {
		t.Fatalf("%d lines", n)
	}
	before := w.now.scroll.Content.MinSize().Height
	test.Tap(w.now.queueAside.button)
	if n, after := w.now.waiting.shown, w.now.scroll.Content.MinSize().Height; n != 23 || after < before+15*rowHeight {
		t.Errorf("%d lines, and the page is %v high after %v", n, after, before)
	}
	last := w.now.waiting.made[22].signs.all[1]
	w.canvas.Focus(last)
	if w.now.scroll.Offset.Y == 0 {
		t.Error("a button that has the focus is not scrolled to")
	}
	test.Tap(w.now.queueAside.button)
	if n := w.now.waiting.shown; n != maxRows {
		t.Errorf("%d lines once fewer are wanted", n)
	}
}

// pointAt moves the pointer to the middle of o.
func pointAt(fw fyne.Window, o fyne.CanvasObject) {
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(o)
	test.MoveMouse(fw.Canvas(), at.AddXY(o.Size().Width/2, o.Size().Height/2))
}

func TestNow_LooksUnderThePointer(t *testing.T) {
	w, _, fw := open(t, busy(), "dark", 1280, 800)
	pointAt(fw, w.now.waiting.made[2].signs.all[0])
	w.canvas.Focus(w.now.onGPU.made[0].signs.all[0])
	test.AssertImageMatches(t, "pointed-dark-1280x800.png", fw.Canvas().Capture())
}

func TestNow_LooksWithTheCommonCrosshair(t *testing.T) {
	w, _, fw := open(t, busy(), "light", 1280, 800)
	pointAt(fw, w.now.charts.memory)
	test.AssertImageMatches(t, "crosshair-light-1280x800.png", fw.Canvas().Capture())
}

func TestNow_TotalsSpeakOfBatchesWhereThereAreSome(t *testing.T) {
	s := busy()
	s.Batching.AvgBatchSize = 1.02
	if got := totalsOf(s); strings.Contains(got, "batch") || !strings.Contains(got, "1,204 requests; 3.4 ran at once") {
		t.Errorf("of chats: %q", got)
	}
	s.Batching.AvgBatchSize = 1.6
	if got := totalsOf(s); !strings.Contains(got, "a batch had 1.6") {
		t.Errorf("of embeddings: %q", got)
	}
}
