package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

const (
	buttonHeight = 28
	linkHeight   = 22
	linkPad      = 6 // at the left and right of a link's text
)

// look is how much a button stands out.
type look int

const (
	raised look = iota
	strong      // the one thing to do
	link        // in a line of text
)

// button is a small button in the colours of the cards.
type button struct {
	widget.BaseWidget
	label  *text
	look   look
	off    bool // it shows what is being done, and does nothing
	tapped func()
	gained func() // the focus; nil = not told

	focused, hovered bool
}

var (
	_ fyne.Focusable    = (*button)(nil)
	_ fyne.Tappable     = (*button)(nil)
	_ desktop.Hoverable = (*button)(nil)
)

func newButton(label string, tapped func()) *button {
	b := &button{label: newBold(label, textBody, colorText), tapped: tapped}
	b.label.align = fyne.TextAlignCenter
	b.ExtendBaseWidget(b)
	return b
}

func newStrongButton(label string, tapped func()) *button {
	b := newButton(label, tapped)
	b.look, b.label.color = strong, colorOnAccent
	return b
}

func newLink(label string, tapped func()) *button {
	b := newButton(label, tapped)
	b.look, b.label.color, b.label.bold = link, colorAccentText, false
	return b
}

// set changes the text; off takes away what a tap does.
func (b *button) set(label string, off bool) {
	if b.label.value == label && b.off == off {
		return
	}
	b.off = off
	b.label.set(label)
	b.Refresh()
}

func (b *button) width() float32 {
	if b.look == link {
		return b.label.width() + 2*linkPad
	}
	return b.label.width() + 2*12
}

func (b *button) tap() {
	if !b.off {
		b.tapped()
	}
}

// Tapped implements fyne.Tappable.
func (b *button) Tapped(*fyne.PointEvent) { b.tap() }

// TypedKey implements fyne.Focusable.
func (b *button) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		b.tap()
		return
	}
	passOn(b, e)
}

// TypedRune implements fyne.Focusable.
func (b *button) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (b *button) FocusGained() {
	b.focused = true
	b.Refresh()
	if b.gained != nil {
		b.gained()
	}
}

// FocusLost implements fyne.Focusable.
func (b *button) FocusLost() { b.focused = false; b.Refresh() }

// MouseIn implements desktop.Hoverable.
func (b *button) MouseIn(*desktop.MouseEvent) { b.hovered = true; b.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (b *button) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (b *button) MouseOut() { b.hovered = false; b.Refresh() }

// CreateRenderer implements fyne.Widget.
func (b *button) CreateRenderer() fyne.WidgetRenderer {
	b.ExtendBaseWidget(b)
	ground := canvas.NewRectangle(nil)
	ground.CornerRadius = cornerButton
	r := &renderer{widget: b, objects: []fyne.CanvasObject{ground, b.label}}
	r.min = func() fyne.Size {
		if b.look == link {
			return fyne.NewSize(b.width(), linkHeight)
		}
		return fyne.NewSize(b.width(), buttonHeight)
	}
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		put(b.label, 0, 0, size.Width, size.Height)
	}
	r.paint = func() {
		plain, hovered, letters := b.colors()
		ground.FillColor, ground.StrokeWidth = theme.Color(plain), 0
		ground.Hidden = b.look == link && !b.focused && (b.off || !b.hovered)
		if b.hovered && !b.off {
			ground.FillColor = theme.Color(hovered)
		}
		if b.focused {
			ground.StrokeColor, ground.StrokeWidth = theme.Color(colorAccent), 2
		}
		b.label.setColored(b.label.value, letters)
	}
	return r.start()
}

// colors are those of the ground, without and with the pointer on it, and of the
// text.
func (b *button) colors() (plain, hovered, letters fyne.ThemeColorName) {
	switch {
	case b.off && b.look == link:
		return colorSurface, colorSurface, colorMuted
	case b.off:
		return colorRaised, colorRaised, colorMuted
	case b.look == strong:
		return colorAccentText, colorAccent, colorOnAccent
	case b.look == link:
		return colorSurface, colorRaised, colorAccentText
	}
	return colorRaised, colorLine, colorText
}
