package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

const barHeight = 8

// bar shows how much of something is done.
type bar struct {
	widget.BaseWidget
	part float32 // 0 to 1
}

func newBar() *bar {
	b := &bar{}
	b.ExtendBaseWidget(b)
	return b
}

func (b *bar) set(part float32) {
	part = min(max(part, 0), 1)
	if part != b.part {
		b.part = part
		b.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (b *bar) CreateRenderer() fyne.WidgetRenderer {
	b.ExtendBaseWidget(b)
	track, fill := canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	track.CornerRadius, fill.CornerRadius = barHeight/2, barHeight/2
	r := &renderer{widget: b, objects: []fyne.CanvasObject{track, fill}}
	r.min = func() fyne.Size { return fyne.NewSize(2*barHeight, barHeight) }
	r.layout = func(size fyne.Size) {
		y := (size.Height - barHeight) / 2
		put(track, 0, y, size.Width, barHeight)
		put(fill, 0, y, max(barHeight, size.Width*b.part), barHeight)
		fill.Hidden = b.part == 0
	}
	r.paint = func() {
		track.FillColor, fill.FillColor = theme.Color(colorRaised), theme.Color(colorAccent)
	}
	return r.start()
}
