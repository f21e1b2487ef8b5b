// Package chart draws line charts and knows no domain: numbers over a common
// axis, with gaps, in colours that the caller passes in.
//
// A Chart belongs to Fyne's goroutine like any widget. It keeps the slices of
// the Data it shows and reads them until the next Plot; a caller must not
// change them in between.
package chart

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// Shape is how the points of a series are joined.
type Shape int

// The shapes.
const (
	Line Shape = iota
	Step       // a value holds until the next
)

// Series is one line.
type Series struct {
	Name   string
	Values []float64 // one for each X; NaN = a gap
	Base   []float64 // what the values stand on, one for each; nil = 0. Named are the values alone
	Color  color.Color
	Shape  Shape
	Area   bool // filled down to what it stands on
}

// height is where the series lies at its i-th value; NaN in a gap.
func (s Series) height(i int) float64 { return s.Values[i] + s.base(i) }

func (s Series) base(i int) float64 {
	if i >= len(s.Base) {
		return 0
	}
	return s.Base[i]
}

// Tick is a label on the x axis.
type Tick struct {
	At    float64
	Label string
}

// Data is one picture. The zero value is an empty frame.
type Data struct {
	X          []float64 // rising; nil = 0, 1, 2, …
	XMin, XMax float64   // both 0 = the ends of X
	XTicks     []Tick
	Series     []Series // drawn in this order, so the last lies on top
	YMax       float64  // the axis begins at 0 and reaches at least this far
	Whole      bool     // the values are whole numbers
	Unit       string   // of the values in legend and cross-hair, with its space: " ms"
	Empty      string   // what to say, in place of axes, while no series has a value
	// FormatX names a place on the x axis at the cross-hair; nil = no name.
	FormatX func(x float64) string
}

// Style is how a chart looks. Every field must be set.
type Style struct {
	Text, Muted, Grid, Surface, Raised color.Color
	TextSize, SmallSize                float32 // of legend and axis
	LineWidth                          float32
	Corner                             float32
	Gap                                float32 // between things that are not one
}

// Chart is the widget: axes, lines, and a cross-hair at the pointer.
type Chart struct {
	widget.BaseWidget
	look    func() Style
	style   Style // what look said last
	data    Data
	y       scale
	plotter plotter
	legend  *Legend

	raster  *canvas.Raster
	yLabels labels
	xLabels labels
	empty   labels // the lines of Data.Empty
	cross   *crosshair
}

var _ desktop.Hoverable = (*Chart)(nil)

// New returns an empty chart. look is asked at each refresh, so a chart follows
// a theme that changes.
func New(look func() Style) *Chart {
	c := &Chart{look: look, style: look(), y: niceScale(0, false), cross: newCrosshair()}
	c.raster = canvas.NewRaster(c.plot)
	c.legend = newLegend(c)
	c.ExtendBaseWidget(c)
	return c
}

// Legend is the chart's legend with the last values: a widget of its own, for
// the caller to place.
func (c *Chart) Legend() *Legend { return c.legend }

// Plot replaces the picture.
func (c *Chart) Plot(d Data) {
	c.data = d
	c.y = niceScale(max(d.YMax, d.top()), d.Whole)
	c.Refresh()
	c.legend.Refresh()
}

// MouseIn implements desktop.Hoverable.
func (c *Chart) MouseIn(e *desktop.MouseEvent) { c.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable.
func (c *Chart) MouseMoved(e *desktop.MouseEvent) { c.cross.follow(c, e.Position) }

// MouseOut implements desktop.Hoverable.
func (c *Chart) MouseOut() { c.cross.leave() }

// CreateRenderer implements fyne.Widget.
func (c *Chart) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	r := &renderer{c}
	r.style()
	return r
}

// top is the highest value; 0 without one.
func (d Data) top() float64 {
	top := 0.0
	for _, s := range d.Series {
		for i := range s.Values {
			if v := s.height(i); v > top { // false for NaN
				top = v
			}
		}
	}
	return top
}

func (d Data) isEmpty() bool {
	for _, s := range d.Series {
		for _, v := range s.Values {
			if !math.IsNaN(v) {
				return false
			}
		}
	}
	return true
}

// says is whether there are words in place of lines.
func (d Data) says() bool { return d.Empty != "" && d.isEmpty() }

func (d Data) points() int {
	if d.X != nil {
		return len(d.X)
	}
	n := 0
	for _, s := range d.Series {
		n = max(n, len(s.Values))
	}
	return n
}

func (d Data) x(i int) float64 {
	if d.X != nil {
		return d.X[i]
	}
	return float64(i)
}

func (d Data) xRange() (lo, hi float64) {
	lo, hi = d.XMin, d.XMax
	if n := d.points(); lo == 0 && hi == 0 && n > 0 {
		lo, hi = d.x(0), d.x(n-1)
	}
	if hi <= lo {
		hi = lo + 1
	}
	return lo, hi
}

// nearest is the index of the point nearest to x; -1 without points.
func (d Data) nearest(x float64) int {
	best, distance := -1, math.Inf(1)
	for i := range d.points() {
		if away := math.Abs(d.x(i) - x); away < distance {
			best, distance = i, away
		}
	}
	return best
}
