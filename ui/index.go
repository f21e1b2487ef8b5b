package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

const indexItem = 30 // the height of a line

// index is a column of names of which one is chosen. It calls changed for what the
// user does, not for set. The arrow keys move the choice.
type index struct {
	widget.BaseWidget
	labels  []*text
	chosen  int // -1 = none
	changed func(i int)

	focused bool
	hovered int // -1 = none
}

var (
	_ fyne.Focusable    = (*index)(nil)
	_ fyne.Tappable     = (*index)(nil)
	_ desktop.Hoverable = (*index)(nil)
)

func newIndex(names []string, changed func(int)) *index {
	x := &index{chosen: -1, hovered: -1, changed: changed}
	for _, name := range names {
		x.labels = append(x.labels, newText(name, textBody, colorMuted))
	}
	x.ExtendBaseWidget(x)
	return x
}

func (x *index) set(i int) {
	if x.chosen != i {
		x.chosen = i
		x.Refresh()
	}
}

// choose is what the user does.
func (x *index) choose(i int) {
	if i == x.chosen || i < 0 || i >= len(x.labels) {
		return
	}
	x.set(i)
	x.changed(i)
}

func (x *index) at(p fyne.Position) int {
	return min(max(0, int(p.Y/indexItem)), len(x.labels)-1)
}

// Tapped implements fyne.Tappable.
func (x *index) Tapped(e *fyne.PointEvent) { x.choose(x.at(e.Position)) }

// TypedKey implements fyne.Focusable.
func (x *index) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyUp:
		x.choose(x.chosen - 1)
	case fyne.KeyDown:
		x.choose(x.chosen + 1)
	default:
		passOn(x, e)
	}
}

// TypedRune implements fyne.Focusable.
func (x *index) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (x *index) FocusGained() { x.focused = true; x.Refresh() }

// FocusLost implements fyne.Focusable.
func (x *index) FocusLost() { x.focused = false; x.Refresh() }

// MouseIn implements desktop.Hoverable.
func (x *index) MouseIn(e *desktop.MouseEvent) { x.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable.
func (x *index) MouseMoved(e *desktop.MouseEvent) {
	if i := x.at(e.Position); i != x.hovered {
		x.hovered = i
		x.Refresh()
	}
}

// MouseOut implements desktop.Hoverable.
func (x *index) MouseOut() { x.hovered = -1; x.Refresh() }

// CreateRenderer implements fyne.Widget.
func (x *index) CreateRenderer() fyne.WidgetRenderer {
	x.ExtendBaseWidget(x)
	mark := canvas.NewRectangle(nil)
	mark.CornerRadius = cornerButton
	r := &renderer{widget: x, objects: []fyne.CanvasObject{mark}}
	for _, label := range x.labels {
		r.objects = append(r.objects, label)
	}
	r.min = func() fyne.Size { return fyne.NewSize(80, indexItem*float32(len(x.labels))) }
	r.layout = func(size fyne.Size) {
		put(mark, 0, indexItem*float32(x.chosen), size.Width, indexItem)
		for i, label := range x.labels {
			put(label, gap, indexItem*float32(i), size.Width-gap-gapTiny, indexItem)
		}
	}
	r.paint = func() {
		mark.Hidden = x.chosen < 0
		mark.FillColor, mark.StrokeWidth = theme.Color(colorRaised), 0
		if x.focused {
			mark.StrokeColor, mark.StrokeWidth = theme.Color(colorAccent), 2
		}
		for i, label := range x.labels {
			color := colorMuted
			if i == x.chosen || i == x.hovered {
				color = colorText
			}
			label.bold = i == x.chosen
			label.color = color
			label.Refresh()
		}
	}
	return r.start()
}
