package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

const buttonHeight = 28

// button is a small button in the colours of the cards.
type button struct {
	widget.BaseWidget
	label  *text
	tapped func()

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

func (b *button) width() float32 { return b.label.width() + 2*12 }

// Tapped implements fyne.Tappable.
func (b *button) Tapped(*fyne.PointEvent) { b.tapped() }

// TypedKey implements fyne.Focusable.
func (b *button) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		b.tapped()
	}
}

// TypedRune implements fyne.Focusable.
func (b *button) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (b *button) FocusGained() { b.focused = true; b.Refresh() }

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
	r.min = func() fyne.Size { return fyne.NewSize(b.width(), buttonHeight) }
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		put(b.label, 0, 0, size.Width, size.Height)
	}
	r.paint = func() {
		ground.FillColor, ground.StrokeWidth = theme.Color(colorRaised), 0
		if b.hovered {
			ground.FillColor = theme.Color(colorLine)
		}
		if b.focused {
			ground.StrokeColor, ground.StrokeWidth = theme.Color(colorAccent), 2
		}
	}
	return r.start()
}
