package chart

import (
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// crosshair shows the values of the point nearest to the pointer. Moving it
// moves a few objects; the lines are not drawn again.
type crosshair struct {
	rule  *canvas.Line
	box   *canvas.Rectangle
	title *canvas.Text
	rows  []*crossRow

	pointer fyne.Position
	inside  bool
}

// crossRow is one series in the box.
type crossRow struct {
	dot         *canvas.Circle // on the line
	mark        *canvas.Rectangle
	name, value *canvas.Text
}

func newCrosshair() *crosshair {
	x := &crosshair{rule: canvas.NewLine(nil), box: canvas.NewRectangle(nil), title: canvas.NewText("", nil)}
	x.hide()
	return x
}

func (x *crosshair) objects() []fyne.CanvasObject {
	all := []fyne.CanvasObject{x.rule}
	for _, r := range x.rows {
		all = append(all, r.dot)
	}
	all = append(all, x.box, x.title)
	for _, r := range x.rows {
		all = append(all, r.mark, r.name, r.value)
	}
	return all
}

func (x *crosshair) follow(c *Chart, p fyne.Position) {
	x.pointer, x.inside = p, true
	x.place(c)
	canvas.Refresh(c)
}

func (x *crosshair) leave() {
	x.inside = false
	x.hide()
}

func (x *crosshair) hide() {
	for _, o := range x.objects() {
		o.Hide()
	}
}

func (x *crosshair) style(s Style) {
	x.rule.StrokeColor, x.rule.StrokeWidth = s.Muted, 1
	x.box.FillColor, x.box.StrokeColor, x.box.StrokeWidth = s.Raised, s.Grid, 1
	x.box.CornerRadius = s.Corner
	x.title.Color, x.title.TextSize = s.Muted, s.SmallSize
}

// place puts everything where the pointer wants it, or hides it.
func (x *crosshair) place(c *Chart) {
	area := c.area(c.Size())
	d, s := c.data, c.style
	if !x.inside || !area.contains(x.pointer) || area.size.Width <= 0 || d.isEmpty() {
		x.hide()
		return
	}
	lo, hi := d.xRange()
	at := d.nearest(lo + (hi-lo)*float64((x.pointer.X-area.pos.X)/area.size.Width))
	px := area.pos.X + area.size.Width*float32((d.x(at)-lo)/(hi-lo))
	if px < area.pos.X || px > area.pos.X+area.size.Width {
		x.hide()
		return
	}
	x.rule.Position1 = fyne.NewPos(px, area.pos.Y)
	x.rule.Position2 = fyne.NewPos(px, area.pos.Y+area.size.Height)
	x.rule.Show()

	x.title.Text = ""
	if d.FormatX != nil {
		x.title.Text = d.FormatX(d.x(at))
	}
	for len(x.rows) < len(d.Series) {
		x.rows = append(x.rows, newCrossRow())
	}
	for _, r := range x.rows {
		r.hide()
	}
	line := fyne.MeasureText("0", s.SmallSize, fyne.TextStyle{}).Height
	names, values := float32(0), float32(0)
	height := s.Gap
	if x.title.Text != "" {
		height += line
	}
	for i, series := range d.Series {
		if at >= len(series.Values) {
			continue
		}
		v := series.Values[at]
		r := x.rows[i]
		r.set(series, format(v, d.Whole)+d.Unit, s)
		if y := series.height(at); !math.IsNaN(y) {
			r.dot.Move(fyne.NewPos(px-dotSize/2, area.pos.Y+area.size.Height*(1-float32(y/c.y.top))-dotSize/2))
			r.dot.Show()
		}
		names = max(names, r.name.MinSize().Width)
		values = max(values, r.value.MinSize().Width)
		height += line
	}
	width := max(s.Gap+markWidth+s.Gap/2+names+s.Gap+values, x.title.MinSize().Width+s.Gap)
	width += s.Gap / 2
	left := px + s.Gap
	if left+width > c.Size().Width {
		left = px - s.Gap - width
	}
	top := min(max(0, x.pointer.Y-height/2), max(0, c.Size().Height-height))
	x.box.Move(fyne.NewPos(left, top))
	x.box.Resize(fyne.NewSize(width, height))
	x.box.Show()
	y := top + s.Gap/2
	if x.title.Text != "" {
		x.title.Move(fyne.NewPos(left+s.Gap*3/4, y))
		x.title.Resize(x.title.MinSize())
		x.title.Show()
		y += line
	}
	for i := range d.Series {
		if r := x.rows[i]; r.name.Visible() {
			r.place(left+s.Gap*3/4, y, left+width-s.Gap*3/4, line, s)
			y += line
		}
	}
}

const (
	dotSize    = 7
	markWidth  = 10
	markHeight = 3
)

func newCrossRow() *crossRow {
	r := &crossRow{dot: canvas.NewCircle(nil), mark: canvas.NewRectangle(nil),
		name: canvas.NewText("", nil), value: canvas.NewText("", nil)}
	r.dot.Resize(fyne.NewSquareSize(dotSize))
	r.mark.CornerRadius = markHeight / 2.0
	r.value.TextStyle.Bold = true
	return r
}

func (r *crossRow) hide() {
	r.dot.Hide()
	r.mark.Hide()
	r.name.Hide()
	r.value.Hide()
}

func (r *crossRow) set(series Series, value string, s Style) {
	r.dot.FillColor, r.dot.StrokeColor, r.dot.StrokeWidth = series.Color, s.Surface, 1
	r.mark.FillColor = series.Color
	r.name.Text, r.name.Color, r.name.TextSize = series.Name, s.Muted, s.SmallSize
	r.value.Text, r.value.Color, r.value.TextSize = value, s.Text, s.SmallSize
	r.mark.Show()
	r.name.Show()
	r.value.Show()
}

func (r *crossRow) place(left, y, right, line float32, s Style) {
	r.mark.Resize(fyne.NewSize(markWidth, markHeight))
	r.mark.Move(fyne.NewPos(left, y+(line-markHeight)/2))
	r.name.Resize(r.name.MinSize())
	r.name.Move(fyne.NewPos(left+markWidth+s.Gap/2, y))
	r.value.Resize(r.value.MinSize())
	r.value.Move(fyne.NewPos(right-r.value.MinSize().Width, y))
}
