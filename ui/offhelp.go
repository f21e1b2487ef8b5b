package ui

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

const offHelpWidth = 380

// turnBatching is what a click on the toggle does. The first one that turns batching
// off is told what off means.
func (w *Window) turnBatching(on bool) {
	w.setter.put(keyEnabled, strconv.FormatBool(on), 0)
	if on {
		w.offIsOver()
	}
	if !on && w.last.Config.Window.ExplainOff && w.canvas != nil && w.canvas.Overlays().Top() == nil {
		w.explainOff()
	}
}

// offHelp says what off means, and lets choose between the two ways.
type offHelp struct {
	title, serial, straight *text
	ways                    *segments
	close                   *button
}

// The values of batching.off_mode, in the order of the choice.
var offModes = []string{"serial", "passthrough"}

func (w *Window) explainOff() {
	h := &offHelp{title: newBold(tr("Batching is off"), textHeading, colorText),
		serial:   newParagraph(tr("One at a time: each request has the engine to itself, the others wait in their order; this is how much batching gains."), colorMuted),
		straight: newParagraph(tr("Straight through: Carpool steps aside, and the engine decides what it does with all of them."), colorMuted)}
	h.ways = newSegments(choiceNames(offModes), func(i int) { w.setter.put(keyOffMode, offModes[i], 0) })
	h.ways.set(0)
	if w.last.Config.Batching.OffMode == offModes[1] {
		h.ways.set(1)
	}
	shut := func() {
		w.offIsOver()
		w.setter.put(keyExplainOff, "false", 0)
	}
	h.close = newButton(tr("Understood"), shut)
	w.hideOffHelp = showBeside(w.canvas, container.New(h, h.title, h.serial, h.straight, h.ways, h.close), w.batching, shut)
	w.canvas.Focus(h.ways)
}

// offIsOver takes the help away, if it is shown.
func (w *Window) offIsOver() {
	if w.hideOffHelp != nil {
		w.hideOffHelp()
		w.hideOffHelp = nil
	}
}

// MinSize implements fyne.Layout.
func (h *offHelp) MinSize([]fyne.CanvasObject) fyne.Size {
	inside := float32(offHelpWidth - 2*gap)
	return fyne.NewSize(offHelpWidth, 4*gap+lineHeight(textHeading)+2*gapSmall+h.serial.heightFor(inside)+h.straight.heightFor(inside)+
		h.ways.MinSize().Height+buttonHeight)
}

// Layout implements fyne.Layout.
func (h *offHelp) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	inside := size.Width - 2*gap
	y := float32(gap)
	row := func(o fyne.CanvasObject, height, below float32) {
		put(o, gap, y, inside, height)
		y += height + below
	}
	row(h.title, lineHeight(textHeading), gapSmall)
	row(h.serial, h.serial.heightFor(inside), gapSmall)
	row(h.straight, h.straight.heightFor(inside), gap)
	row(h.ways, h.ways.MinSize().Height, gap)
	put(h.close, size.Width-gap-h.close.width(), size.Height-gap-buttonHeight, h.close.width(), buttonHeight)
}
