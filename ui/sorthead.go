package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// sortHead is the head of a column, which sorts by it. The one sorted by has an
// arrow: down where the greatest is first.
type sortHead struct {
	widget.BaseWidget
	label       *text
	left        bool // the column stands at the left
	tapped      func()
	by, rising  bool
	focused, in bool // in: it has the pointer
}

var (
	_ fyne.Focusable    = (*sortHead)(nil)
	_ fyne.Tappable     = (*sortHead)(nil)
	_ desktop.Hoverable = (*sortHead)(nil)
)

func newSortHead(title string, left bool, tapped func()) *sortHead {
	h := &sortHead{label: newText(title, textSmall, colorMuted), left: left, tapped: tapped}
	if !left {
		h.label.align = fyne.TextAlignTrailing
	}
	h.ExtendBaseWidget(h)
	return h
}

func (h *sortHead) set(by, rising bool) {
	if h.by != by || h.rising != rising {
		h.by, h.rising = by, rising
		h.Refresh()
	}
}

// Tapped implements fyne.Tappable.
func (h *sortHead) Tapped(*fyne.PointEvent) { h.tapped() }

// TypedKey implements fyne.Focusable.
func (h *sortHead) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		h.tapped()
		return
	}
	passOn(h, e)
}

// TypedRune implements fyne.Focusable.
func (h *sortHead) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (h *sortHead) FocusGained() { h.focused = true; h.Refresh() }

// FocusLost implements fyne.Focusable.
func (h *sortHead) FocusLost() { h.focused = false; h.Refresh() }

// MouseIn implements desktop.Hoverable.
func (h *sortHead) MouseIn(*desktop.MouseEvent) { h.in = true; h.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (h *sortHead) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (h *sortHead) MouseOut() { h.in = false; h.Refresh() }

// CreateRenderer implements fyne.Widget.
func (h *sortHead) CreateRenderer() fyne.WidgetRenderer {
	h.ExtendBaseWidget(h)
	const arrow = 7 // its width and half its height
	ground := canvas.NewRectangle(nil)
	ground.CornerRadius = cornerButton
	wings := [2]*canvas.Line{canvas.NewLine(nil), canvas.NewLine(nil)}
	r := &renderer{widget: h, objects: []fyne.CanvasObject{ground, h.label, wings[0], wings[1]}}
	r.min = func() fyne.Size { return fyne.NewSize(2*arrow, lineHeight(textSmall)) }
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		width := min(h.label.width()+1, size.Width-gapSmall)
		x := float32(0)
		if !h.left {
			x = size.Width - width
		}
		put(h.label, x, 0, width, size.Height)
		// The arrow stands on the side where the column has room.
		tip := fyne.NewPos(x-gapTiny-arrow/2.0, size.Height/2+arrow/4.0)
		if h.left {
			tip.X = width + gapTiny + arrow/2.0
		}
		up := float32(-arrow / 2.0)
		if h.rising {
			tip.Y -= arrow / 2.0
			up = -up
		}
		for i, side := range []float32{-arrow / 2.0, arrow / 2.0} {
			wings[i].Position1, wings[i].Position2 = tip, tip.AddXY(side, up)
		}
	}
	r.paint = func() {
		ground.Hidden = !h.focused
		ground.FillColor, ground.StrokeColor, ground.StrokeWidth = theme.Color(colorSurface), theme.Color(colorAccent), 2
		color := colorMuted
		if h.by || h.in {
			color = colorText
		}
		h.label.setColored(h.label.value, color)
		for _, wing := range wings {
			wing.Hidden = !h.by
			wing.StrokeColor, wing.StrokeWidth = theme.Color(color), chartLine
		}
	}
	return r.start()
}
