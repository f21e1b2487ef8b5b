package chart

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
)

var (
	_ fyne.Draggable      = (*Chart)(nil)
	_ fyne.Tappable       = (*Chart)(nil)
	_ fyne.DoubleTappable = (*Chart)(nil)
	_ fyne.Focusable      = (*Chart)(nil)
	_ desktop.Cursorable  = (*Chart)(nil)
)

// leastDrag is how wide a selection must be, in pixels at scale 1: less is a
// click that slipped.
const leastDrag = 8

// zoom is a range being dragged over the plot.
type zoom struct {
	selection *canvas.Rectangle
	state     dragState
	color     color.Color
	from, to  float32 // x in the chart
	quiet     bool    // the focus comes from the mouse, which shows no ring
}

type dragState int

const (
	still dragState = iota
	dragging
	abandoned // by Escape, while the button is still down
)

func newZoom() *zoom {
	z := &zoom{selection: canvas.NewRectangle(nil)}
	z.selection.Hide()
	return z
}

// selectionAlpha is how opaque a selection is, of 255.
const selectionAlpha = 50

func (z *zoom) paint(s *Style) {
	if z.color == s.Focus {
		return
	}
	z.color = s.Focus
	c := opaque(s.Focus)
	z.selection.FillColor = color.NRGBA{R: c.R, G: c.G, B: c.B, A: selectionAlpha}
}

// Cursor implements desktop.Cursorable: a cross where a range can be dragged.
func (c *Chart) Cursor() desktop.Cursor {
	if c.OnZoom == nil {
		return desktop.DefaultCursor
	}
	return desktop.CrosshairCursor
}

// Dragged implements fyne.Draggable: it widens the selection.
func (c *Chart) Dragged(e *fyne.DragEvent) {
	area := c.area(c.Size())
	z := c.zoom
	start := e.Position.SubtractXY(e.Dragged.DX, e.Dragged.DY)
	if z.state == still && (c.OnZoom == nil || c.data.says() || !area.contains(start)) {
		return
	}
	if z.state == still {
		z.state, z.from = dragging, start.X
		c.Tapped(nil) // Escape comes to who has the focus
	}
	if z.state == abandoned {
		return
	}
	z.to = min(max(e.Position.X, area.pos.X), area.pos.X+area.size.Width)
	z.selection.Resize(fyne.NewSize(max(z.from, z.to)-min(z.from, z.to), area.size.Height))
	z.selection.Move(fyne.NewPos(min(z.from, z.to), area.pos.Y))
	show(z.selection)
	c.cross.follow(c, fyne.NewPos(z.to, e.Position.Y))
}

// DragEnd implements fyne.Draggable: it zooms into the selection.
func (c *Chart) DragEnd() {
	z := c.zoom
	dragged := z.state == dragging
	z.state = still
	hide(z.selection)
	if !dragged || abs(z.to-z.from) < leastDrag {
		return
	}
	area := c.area(c.Size())
	c.OnZoom(area.valueAt(c, min(z.from, z.to)), area.valueAt(c, max(z.from, z.to)))
}

// Tapped implements fyne.Tappable: the chart takes the keys.
func (c *Chart) Tapped(*fyne.PointEvent) {
	if on := fyne.CurrentApp().Driver().CanvasForObject(c); on != nil {
		c.zoom.quiet = true
		on.Focus(c)
		c.zoom.quiet = false
	}
}

// DoubleTapped implements fyne.DoubleTappable.
func (c *Chart) DoubleTapped(*fyne.PointEvent) { c.reset() }

func (c *Chart) reset() {
	if c.OnReset != nil {
		c.OnReset()
	}
}

// FocusGained implements fyne.Focusable.
func (c *Chart) FocusGained() {
	if !c.zoom.quiet {
		show(c.focus)
	}
	if c.OnFocus != nil {
		c.OnFocus()
	}
}

// FocusLost implements fyne.Focusable.
func (c *Chart) FocusLost() {
	hide(c.focus)
	if c.cross.by == keys {
		c.cross.leave(c)
	}
}

// TypedRune implements fyne.Focusable.
func (c *Chart) TypedRune(r rune) {
	switch r {
	case '+', '=': // which is + without Shift
		c.zoomBy(0.5)
	case '-':
		c.zoomBy(2)
	case '0':
		c.reset()
	}
}

// zoomBy picks a range so many times as wide around the cross-hair, which stays
// where it is; around the middle without one.
func (c *Chart) zoomBy(times float64) {
	if c.OnZoom == nil || c.data.says() {
		return
	}
	lo, hi := c.data.xRange()
	around := (lo + hi) / 2
	if at, ok := c.cross.wants(c, c.area(c.Size())); ok {
		around = c.data.x(at)
	}
	c.OnZoom(around-(around-lo)*times, around+(hi-around)*times)
}

// TypedKey implements fyne.Focusable. A key that the chart has no use for goes to
// its window.
func (c *Chart) TypedKey(e *fyne.KeyEvent) {
	lo, hi := c.data.xRange()
	switch e.Name {
	case fyne.KeyLeft:
		c.step(-1)
	case fyne.KeyRight:
		c.step(1)
	case fyne.KeyHome:
		c.cross.hold(c, lo)
	case fyne.KeyEnd:
		c.cross.hold(c, hi)
	case fyne.KeyEscape:
		if !c.escape() {
			c.passOn(e)
		}
	default:
		c.passOn(e)
	}
}

// step moves the cross-hair by points, so far that it is seen to move: a pixel.
func (c *Chart) step(by int) {
	d, area := &c.data, c.area(c.Size())
	at, ok := c.cross.wants(c, area)
	if !ok {
		_, hi := d.xRange()
		c.cross.hold(c, hi)
		return
	}
	from := area.xOf(c, d.x(at))
	next := at + by
	for next >= 0 && next < d.points() && abs(area.xOf(c, d.x(next))-from) < 1 {
		next += by
	}
	lo, hi := d.xRange()
	if next >= 0 && next < d.points() && d.x(next) >= lo && d.x(next) <= hi {
		c.cross.hold(c, d.x(next))
	}
}

// escape gives up a selection, else the cross-hair; false without either.
func (c *Chart) escape() bool {
	switch {
	case c.zoom.state == dragging:
		c.zoom.state = abandoned
		hide(c.zoom.selection)
	case c.cross.by != nobody:
		c.cross.leave(c)
	default:
		return false
	}
	return true
}

func (c *Chart) passOn(e *fyne.KeyEvent) {
	on := fyne.CurrentApp().Driver().CanvasForObject(c)
	if on == nil {
		return
	}
	if typed := on.OnTypedKey(); typed != nil {
		typed(e)
	}
}
