package chart

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// Legend names a chart's series in one line, each with its last value, or with
// that at Data.Now.
type Legend struct {
	widget.BaseWidget
	chart   *Chart
	entries []*legendEntry
	used    int // of entries
}

// legendEntry is one series. Its mark is one dash, or two short ones of a line
// that is dashed.
type legendEntry struct {
	marks       [2]*canvas.Rectangle
	name, value *label
}

func newLegend(c *Chart) *Legend {
	l := &Legend{chart: c}
	l.ExtendBaseWidget(l)
	return l
}

func newLegendEntry() *legendEntry {
	e := &legendEntry{name: newLabel(false), value: newLabel(true)}
	for i := range e.marks {
		e.marks[i] = canvas.NewRectangle(nil)
		e.marks[i].CornerRadius = markHeight / 2.0
	}
	return e
}

// CreateRenderer implements fyne.Widget.
func (l *Legend) CreateRenderer() fyne.WidgetRenderer {
	l.ExtendBaseWidget(l)
	r := &legendRenderer{l: l}
	l.update()
	return r
}

// update takes names and values from the chart. A chart with nothing to show
// has no legend.
func (l *Legend) update() {
	c := l.chart
	d, s := &c.data, &c.style
	l.used = 0
	at := d.shown()
	for i := range d.Series {
		series := &d.Series[i]
		if series.Name == "" || d.says() {
			continue
		}
		if l.used == len(l.entries) {
			l.entries = append(l.entries, newLegendEntry())
		}
		e := l.entries[l.used]
		l.used++
		value := ""
		if at >= 0 && at < len(series.Values) {
			value = c.words.of(d, series, at)
		}
		e.name.set(series.Name, s.Muted, s.TextSize)
		e.value.set(value, s.Text, s.TextSize)
		e.paint(series)
	}
	for _, e := range l.entries[l.used:] {
		hide(e.marks[0])
		hide(e.marks[1])
		hide(e.name.Text)
		hide(e.value.Text)
	}
}

func (e *legendEntry) paint(s *Series) {
	width := float32(markWidth)
	hide(e.marks[1])
	if s.Dash {
		width = (markWidth - 2) / 2.0
		show(e.marks[1])
	}
	for _, m := range e.marks {
		m.Resize(fyne.NewSize(width, markHeight))
		if m.FillColor != s.Color {
			m.FillColor = s.Color
			m.Refresh()
		}
	}
	show(e.marks[0])
}

func (e *legendEntry) width(s *Style, values bool) float32 {
	w := markWidth + s.Gap/2 + e.name.size.Width
	if values && e.value.Text.Text != "" {
		w += s.Gap/4 + e.value.size.Width
	}
	return w
}

// legendRenderer makes its list of objects again only when there are more.
type legendRenderer struct {
	l       *Legend
	objects []fyne.CanvasObject
}

func (r *legendRenderer) Destroy() {}

func (r *legendRenderer) Objects() []fyne.CanvasObject {
	for _, e := range r.l.entries[len(r.objects)/4:] {
		r.objects = append(r.objects, e.marks[0], e.marks[1], e.name.Text, e.value.Text)
	}
	return r.objects
}

func (r *legendRenderer) MinSize() fyne.Size {
	return fyne.NewSize(r.l.width(true), fyne.MeasureText("0", r.l.chart.style.TextSize, fyne.TextStyle{}).Height)
}

// width is what the entries take, with their values or without.
func (l *Legend) width(values bool) float32 {
	s := &l.chart.style
	w := -s.Gap
	for _, e := range l.entries[:l.used] {
		w += s.Gap + e.width(s, values)
	}
	return max(0, w)
}

// Layout implements fyne.WidgetRenderer. Where there is too little room the
// values give way to the names.
func (r *legendRenderer) Layout(size fyne.Size) {
	s := &r.l.chart.style
	values := r.l.width(true) <= size.Width
	x := max(0, size.Width-r.l.width(values))
	for _, e := range r.l.entries[:r.l.used] {
		y := (size.Height-markHeight)/2 + 1
		e.marks[0].Move(fyne.NewPos(x, y))
		e.marks[1].Move(fyne.NewPos(x+(markWidth+2)/2, y))
		at := x + markWidth + s.Gap/2
		e.name.put(at, (size.Height-e.name.size.Height)/2)
		e.value.put(at+e.name.size.Width+s.Gap/4, (size.Height-e.value.size.Height)/2)
		if !values {
			hide(e.value.Text)
		}
		x += e.width(s, values) + s.Gap
	}
}

func (r *legendRenderer) Refresh() {
	r.l.update()
	r.Layout(r.l.Size())
}
