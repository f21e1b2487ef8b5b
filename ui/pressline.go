package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// pressLine is what lines share that a click, the space bar or the return key presses.
type pressLine struct {
	widget.BaseWidget
	line   fyne.CanvasObject // itself
	press  func()
	reveal func(fyne.CanvasObject) // is called when it gets the focus

	focused, hovered bool
}

var (
	_ fyne.Focusable    = (*pressLine)(nil)
	_ fyne.Tappable     = (*pressLine)(nil)
	_ desktop.Hoverable = (*pressLine)(nil)
)

// becomes makes it the part of a line.
func (l *pressLine) becomes(line fyne.Widget) {
	l.line = line
	l.ExtendBaseWidget(line)
}

// Tapped implements fyne.Tappable.
func (l *pressLine) Tapped(*fyne.PointEvent) { l.press() }

// TypedKey implements fyne.Focusable.
func (l *pressLine) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		l.press()
		return
	}
	passOn(l.line, e)
}

// TypedRune implements fyne.Focusable.
func (l *pressLine) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (l *pressLine) FocusGained() { l.focused = true; l.Refresh(); l.reveal(l.line) }

// FocusLost implements fyne.Focusable.
func (l *pressLine) FocusLost() { l.focused = false; l.Refresh() }

// MouseIn implements desktop.Hoverable.
func (l *pressLine) MouseIn(*desktop.MouseEvent) { l.hovered = true; l.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (l *pressLine) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (l *pressLine) MouseOut() { l.hovered = false; l.Refresh() }
