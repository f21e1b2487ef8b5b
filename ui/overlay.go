package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// showOver shows content over the whole window until hide is called. The tab key
// stays inside, and the escape key calls escaped.
func showOver(c fyne.Canvas, content fyne.CanvasObject, escaped func()) (hide func()) {
	popup := widget.NewModalPopUp(content, c)
	before := c.OnTypedKey()
	c.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if e.Name == fyne.KeyEscape {
			escaped()
		}
	})
	popup.Show()
	return func() {
		popup.Hide()
		c.SetOnTypedKey(before)
	}
}

// showBeside is showOver for content that stands below an object and belongs to it;
// a click beside it escapes too.
func showBeside(c fyne.Canvas, content, anchor fyne.CanvasObject, escaped func()) (hide func()) {
	v := &veil{content: content, anchor: anchor, tapped: escaped}
	v.ExtendBaseWidget(v)
	before := c.OnTypedKey()
	c.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if e.Name == fyne.KeyEscape {
			escaped()
		}
	})
	c.Overlays().Add(v)
	v.Resize(c.Size())
	return func() {
		c.Overlays().Remove(v)
		c.SetOnTypedKey(before)
	}
}

// veil covers the window but for content, which stands below anchor, flush right
// with it.
type veil struct {
	widget.BaseWidget
	content, anchor fyne.CanvasObject
	tapped          func()
}

// Tapped implements fyne.Tappable.
func (v *veil) Tapped(*fyne.PointEvent) { v.tapped() }

// CreateRenderer implements fyne.Widget.
func (v *veil) CreateRenderer() fyne.WidgetRenderer {
	v.ExtendBaseWidget(v)
	shade, ground := canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	ground.CornerRadius, ground.StrokeWidth = cornerCard, 1
	r := &renderer{widget: v, objects: []fyne.CanvasObject{shade, ground, v.content}}
	r.min = func() fyne.Size { return v.content.MinSize() }
	r.layout = func(size fyne.Size) {
		put(shade, 0, 0, size.Width, size.Height)
		least := v.content.MinSize()
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(v.anchor)
		x := max(gapSmall, at.X+v.anchor.Size().Width-least.Width)
		y := at.Y + v.anchor.Size().Height + gapSmall
		put(ground, x, y, least.Width, least.Height)
		put(v.content, x, y, least.Width, least.Height)
	}
	r.paint = func() {
		shade.FillColor = theme.Color(theme.ColorNameShadow)
		ground.FillColor, ground.StrokeColor = theme.Color(colorSurface), theme.Color(colorLine)
	}
	return r.start()
}

// passOn gives a key that a control has no use for to its window.
func passOn(control fyne.CanvasObject, e *fyne.KeyEvent) {
	c := fyne.CurrentApp().Driver().CanvasForObject(control)
	if c == nil {
		return
	}
	if typed := c.OnTypedKey(); typed != nil {
		typed(e)
	}
}
