package chart

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// Legend names a chart's series in one line, each with its last value.
type Legend struct {
	widget.BaseWidget
	chart   *Chart
	entries []*legendEntry
}

type legendEntry struct {
	mark        *canvas.Rectangle
	name, value *canvas.Text
}

func newLegend(c *Chart) *Legend {
	l := &Legend{chart: c}
	l.ExtendBaseWidget(l)
	return l
}

// CreateRenderer implements fyne.Widget.
func (l *Legend) CreateRenderer() fyne.WidgetRenderer {
	l.ExtendBaseWidget(l)
	r := &legendRenderer{l}
	r.update()
	return r
}

type legendRenderer struct{ l *Legend }

func (r *legendRenderer) Destroy() {}

func (r *legendRenderer) Objects() []fyne.CanvasObject {
	var all []fyne.CanvasObject
	for _, e := range r.l.entries {
		all = append(all, e.mark, e.name, e.value)
	}
	return all
}

// update takes names and values from the chart. A chart with nothing to show
// has no legend.
func (r *legendRenderer) update() {
	d, s := r.l.chart.data, r.l.chart.style
	if d.says() {
		d.Series = nil
	}
	for len(r.l.entries) < len(d.Series) {
		e := &legendEntry{canvas.NewRectangle(nil), canvas.NewText("", nil), canvas.NewText("", nil)}
		e.value.TextStyle.Bold = true
		e.mark.CornerRadius = markHeight / 2.0
		r.l.entries = append(r.l.entries, e)
	}
	r.l.entries = r.l.entries[:len(d.Series)]
	for i, series := range d.Series {
		e := r.l.entries[i]
		e.mark.FillColor = series.Color
		e.name.Text, e.name.Color, e.name.TextSize = series.Name, s.Muted, s.TextSize
		e.value.Text, e.value.Color, e.value.TextSize = "", s.Text, s.TextSize
		if n := min(len(series.Values), d.points()); n > 0 {
			e.value.Text = format(series.Values[n-1], d.Whole) + d.Unit
		}
	}
}

func (r *legendRenderer) MinSize() fyne.Size {
	s := r.l.chart.style
	size := fyne.NewSize(0, fyne.MeasureText("0", s.TextSize, fyne.TextStyle{}).Height)
	for i, e := range r.l.entries {
		if i > 0 {
			size.Width += s.Gap
		}
		size.Width += e.width(s)
	}
	return size
}

func (e *legendEntry) width(s Style) float32 {
	w := markWidth + s.Gap/2 + e.name.MinSize().Width
	if e.value.Text != "" {
		w += s.Gap/4 + e.value.MinSize().Width
	}
	return w
}

func (r *legendRenderer) Layout(size fyne.Size) {
	s := r.l.chart.style
	x := size.Width - r.MinSize().Width
	for _, e := range r.l.entries {
		at := x
		e.mark.Resize(fyne.NewSize(markWidth, markHeight))
		e.mark.Move(fyne.NewPos(at, (size.Height-markHeight)/2+1))
		at += markWidth + s.Gap/2
		e.name.Resize(e.name.MinSize())
		e.name.Move(fyne.NewPos(at, (size.Height-e.name.MinSize().Height)/2))
		at += e.name.MinSize().Width + s.Gap/4
		e.value.Resize(e.value.MinSize())
		e.value.Move(fyne.NewPos(at, (size.Height-e.value.MinSize().Height)/2))
		x += e.width(s) + s.Gap
	}
}

func (r *legendRenderer) Refresh() {
	r.update()
	r.Layout(r.l.Size())
	canvas.Refresh(r.l)
}
