package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// renderer is the renderer of all of this package's widgets: a list of objects
// and what to do with them. paint gives the objects colours and texts; it is
// called at the start and at each refresh, before layout.
type renderer struct {
	widget  fyne.Widget
	objects []fyne.CanvasObject
	min     func() fyne.Size
	layout  func(fyne.Size)
	paint   func()
}

// start is the end of CreateRenderer. Fyne drops the renderers of what was not drawn
// for a minute, such as the pages that are not open, and asks for others when they
// are; it does not lay those out, as their size is the one that they had.
func (r *renderer) start() *renderer {
	r.paint()
	if size := r.widget.Size(); size.Width > 0 && size.Height > 0 {
		r.layout(size)
	}
	return r
}

func (r *renderer) Destroy() {}

func (r *renderer) Objects() []fyne.CanvasObject { return r.objects }

func (r *renderer) MinSize() fyne.Size { return r.min() }

func (r *renderer) Layout(size fyne.Size) { r.layout(size) }

func (r *renderer) Refresh() {
	r.paint()
	r.layout(r.widget.Size())
	canvas.Refresh(r.widget)
}

// put places o.
func put(o fyne.CanvasObject, x, y, w, h float32) {
	o.Resize(fyne.NewSize(max(0, w), max(0, h)))
	o.Move(fyne.NewPos(x, y))
}
