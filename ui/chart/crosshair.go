package chart

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
)

var _ desktop.Hoverable = (*Chart)(nil)

// MouseIn implements desktop.Hoverable.
func (c *Chart) MouseIn(e *desktop.MouseEvent) { c.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable.
func (c *Chart) MouseMoved(e *desktop.MouseEvent) { c.cross.follow(c, e.Position) }

// MouseOut implements desktop.Hoverable.
func (c *Chart) MouseOut() { c.cross.leave(c) }

// crosshair shows the values of the point nearest to the pointer. Moving it
// moves a few objects; the lines are not drawn again.
type crosshair struct {
	rule  *canvas.Rectangle
	box   *canvas.Rectangle
	title *label
	rows  []*crossRow // of the series, then of the marks

	by      holder
	pointer fyne.Position // while by is pointer
	x       float64       // of the axis, while by is another
}

// holder is what keeps a cross-hair shown.
type holder int

const (
	nobody  holder = iota
	pointer        // over this chart
	keys           // of this chart
	others         // of the group
)

// crossRow is one series in the box, or a mark.
type crossRow struct {
	dot         *canvas.Circle // on the line
	mark        *canvas.Rectangle
	name, value *label
}

const (
	dotSize    = 7
	markWidth  = 10
	markHeight = 3
	markNear   = 6 // pixels from the cross-hair within which a mark is named
	marksNamed = 5 // at most
)

func newCrosshair() *crosshair {
	x := &crosshair{rule: canvas.NewRectangle(nil), box: canvas.NewRectangle(nil), title: newLabel(false)}
	x.hide()
	return x
}

func newCrossRow() *crossRow {
	r := &crossRow{dot: canvas.NewCircle(nil), mark: canvas.NewRectangle(nil), name: newLabel(false), value: newLabel(true)}
	r.dot.Resize(fyne.NewSquareSize(dotSize))
	r.mark.CornerRadius = markHeight / 2.0
	r.hide()
	return r
}

func (r *crossRow) hide() {
	hide(r.dot)
	hide(r.mark)
	hide(r.name.Text)
	hide(r.value.Text)
}

func (x *crosshair) count() int { return 3 + 4*len(x.rows) }

func (x *crosshair) appendObjects(all []fyne.CanvasObject) []fyne.CanvasObject {
	all = append(all, x.rule)
	for _, r := range x.rows {
		all = append(all, r.dot)
	}
	all = append(all, x.box, x.title.Text)
	for _, r := range x.rows {
		all = append(all, r.mark, r.name.Text, r.value.Text)
	}
	return all
}

func (x *crosshair) paint(s *Style) {
	x.rule.FillColor = s.Muted
	x.box.FillColor, x.box.StrokeColor, x.box.StrokeWidth = s.Raised, s.Grid, 1
	x.box.CornerRadius = s.Corner
}

// follow goes where the pointer is.
func (x *crosshair) follow(c *Chart, p fyne.Position) {
	x.by, x.pointer = pointer, p
	x.place(c)
}

// hold stays at a value of the x axis for the keys.
func (x *crosshair) hold(c *Chart, at float64) {
	x.by, x.x = keys, at
	x.place(c)
}

// join shows what another chart of the group shows.
func (x *crosshair) join(c *Chart, at float64) {
	x.by, x.x = others, at
	x.place(c)
}

// leave puts the cross-hair away, in the whole group.
func (x *crosshair) leave(c *Chart) {
	x.by = nobody
	x.hide()
	c.group.hide(c)
}

func (x *crosshair) hide() {
	hide(x.rule)
	hide(x.box)
	hide(x.title.Text)
	for _, r := range x.rows {
		r.hide()
	}
}

// place puts everything where it belongs, or hides it, and tells the group.
func (x *crosshair) place(c *Chart) {
	area := c.area(c.Size())
	at, ok := x.wants(c, area)
	if !ok {
		x.hide()
	} else {
		x.showAt(c, area, at)
	}
	switch {
	case x.by != pointer && x.by != keys:
	case ok:
		c.group.show(c, c.data.x(at))
	default:
		c.group.hide(c)
	}
}

// wants is the point to show, if there is one.
func (x *crosshair) wants(c *Chart, area rect) (at int, ok bool) {
	d := &c.data
	value := x.x
	switch {
	case x.by == nobody || area.size.Width <= 0 || d.isEmpty():
		return 0, false
	case x.by == pointer && !area.contains(x.pointer):
		return 0, false
	case x.by == pointer:
		value = area.valueAt(c, x.pointer.X)
	}
	lo, hi := d.xRange()
	at = d.nearest(value)
	return at, at >= 0 && d.x(at) >= lo && d.x(at) <= hi
}

// showAt shows the point at an index of the data.
func (x *crosshair) showAt(c *Chart, area rect, at int) {
	d, s, line := &c.data, &c.style, c.margin.line
	px := area.xOf(c, d.x(at))
	x.rule.Resize(fyne.NewSize(1, area.size.Height))
	x.rule.Move(fyne.NewPos(px-0.5, area.pos.Y))
	show(x.rule)

	title := ""
	if d.FormatX != nil {
		title = d.FormatX(d.x(at))
	}
	x.title.set(title, s.Muted, s.SmallSize)
	used := x.fill(c, area, at, px)
	names, values := float32(0), float32(0)
	for _, r := range x.rows[:used] {
		names, values = max(names, r.name.size.Width), max(values, r.value.size.Width)
	}
	height := s.Gap + float32(used)*line
	if title != "" {
		height += line
	}
	width := max(s.Gap+markWidth+s.Gap/2+names+s.Gap+values, x.title.size.Width+s.Gap) + s.Gap/2
	left := px + s.Gap
	if left+width > c.Size().Width {
		left = max(0, px-s.Gap-width)
	}
	middle := area.pos.Y + area.size.Height/2
	if x.by == pointer {
		middle = x.pointer.Y
	}
	top := min(max(0, middle-height/2), max(0, c.Size().Height-height))
	x.box.Resize(fyne.NewSize(width, height))
	x.box.Move(fyne.NewPos(left, top))
	show(x.box)
	y := top + s.Gap/2
	hide(x.title.Text)
	if title != "" {
		x.title.put(left+s.Gap*3/4, y)
		y += line
	}
	for _, r := range x.rows[:used] {
		r.place(left+s.Gap*3/4, y, left+width-s.Gap*3/4, line, s)
		y += line
	}
}

// fill writes a row for each series with a name, and for each mark that is near,
// and says how many.
func (x *crosshair) fill(c *Chart, area rect, at int, px float32) int {
	d, s := &c.data, &c.style
	used := 0
	next := func() *crossRow {
		if used == len(x.rows) {
			x.rows = append(x.rows, newCrossRow())
		}
		used++
		return x.rows[used-1]
	}
	for i := range d.Series {
		series := &d.Series[i]
		if series.Name == "" || at >= len(series.Values) {
			continue
		}
		r := next()
		r.set(series.Name, c.words.of(d, series, at), s)
		r.color(series.Color, s)
		hide(r.dot)
		if y := series.height(at); !math.IsNaN(y) {
			r.dot.Move(fyne.NewPos(px-dotSize/2.0, area.y(y/c.y.top)-dotSize/2.0))
			show(r.dot)
		}
	}
	series := used
	for i := range d.Marks {
		m := &d.Marks[i]
		if used == series+marksNamed {
			break
		}
		if away := area.xOf(c, m.X) - px; m.Label == "" || away < -markNear || away > markNear {
			continue
		}
		r := next()
		r.set(m.Label, "", s)
		r.color(m.color(s.Muted), s)
		hide(r.dot)
	}
	for _, r := range x.rows[used:] {
		r.hide()
	}
	return used
}

func (r *crossRow) set(name, value string, s *Style) {
	r.name.set(name, s.Muted, s.SmallSize)
	r.value.set(value, s.Text, s.SmallSize)
}

func (r *crossRow) color(c color.Color, s *Style) {
	if r.dot.FillColor == c && r.dot.StrokeColor == s.Surface {
		return
	}
	r.dot.FillColor, r.dot.StrokeColor, r.dot.StrokeWidth = c, s.Surface, 1
	r.mark.FillColor = c
	r.dot.Refresh()
	r.mark.Refresh()
}

func (r *crossRow) place(left, y, right, line float32, s *Style) {
	r.mark.Resize(fyne.NewSize(markWidth, markHeight))
	r.mark.Move(fyne.NewPos(left, y+(line-markHeight)/2))
	show(r.mark)
	r.name.put(left+markWidth+s.Gap/2, y)
	r.value.put(right-r.value.size.Width, y)
}
