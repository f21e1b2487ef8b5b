package chart

import (
	"image/color"
	"math"
	"sort"
)

// Shape is how the points of a series are joined.
type Shape int

// The shapes.
const (
	Line Shape = iota
	Step       // a value holds until the next
)

// Series is one line. Without a name it is in no legend and no cross-hair.
type Series struct {
	Name    string
	Values  []float64 // one for each X; NaN = a gap
	Base    []float64 // what the values stand on, one for each; nil = 0. Named are the values alone
	Color   color.Color
	Shape   Shape
	Area    bool    // filled down to what it stands on
	Opacity float32 // of the area, 0…1; 0 = 0.18, a tint. Stacks read as such from 0.7
	Of      float64 // the values are written as parts of this, in percent; 0 = by Data.Measure
	Dash    bool
	Dots    bool   // a dot at each value
	Hollow  []bool // values that nobody measured: rings, with dashes to and from them. One for each X, or fewer
}

// Mark is an event: a small triangle at the top edge with a thin rule below. The
// cross-hair names it when near.
type Mark struct {
	X     float64
	Label string
	Color color.Color // nil = Style.Muted
}

// Span is a part of the x axis on a ground of its own.
type Span struct {
	From, To float64
	Label    string // at its top; left out where the span is too narrow
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
	XTicks     []Tick    // rising; a label that has no room is left out, the first and the last at last
	XLabel     string    // what the x axis counts, in the middle below its labels; "" = none
	Series     []Series  // drawn in this order, so the last lies on top
	Marks      []Mark
	Shade      []Span
	Now        *float64 // an X: a bigger point on the first series, and what the legend tells; nil = none, and the last values
	NowLabel   string   // beside that point
	Title      string   // in Image alone: on screen the chart's surroundings name it
	Measure    Measure  // how values are written
	Unit       string   // after a value in legend and cross-hair, with its space: " tok/s"; Number only
	YMax       float64  // the axis begins at 0 and reaches at least this far
	Whole      bool     // the values are whole numbers
	Empty      string   // what to say, in place of axes, while no series has a value
	// FormatX names a place on the x axis at the cross-hair; nil = no name.
	// Calendar.Format is one for Unix seconds.
	FormatX func(x float64) string
}

// height is where the series lies at its i-th value; NaN in a gap.
func (s *Series) height(i int) float64 { return s.Values[i] + s.base(i) }

func (s *Series) base(i int) float64 {
	if i >= len(s.Base) {
		return 0
	}
	return s.Base[i]
}

func (s *Series) hollow(i int) bool { return i < len(s.Hollow) && s.Hollow[i] }

// at is where the series lies at x, between two values if need be; NaN where it
// has none.
func (s *Series) at(d *Data, x float64) float64 {
	n := min(len(s.Values), d.points())
	i := sort.Search(n, func(i int) bool { return d.x(i) >= x })
	switch {
	case i == n:
		return math.NaN()
	case d.x(i) == x:
		return s.height(i)
	case i == 0:
		return math.NaN()
	case s.Shape == Step:
		return s.height(i - 1)
	}
	part := (x - d.x(i-1)) / (d.x(i) - d.x(i-1))
	return s.height(i-1) + part*(s.height(i)-s.height(i-1))
}

// top is the highest value; 0 without one.
func (d *Data) top() float64 {
	top := 0.0
	for n := range d.Series {
		s := &d.Series[n]
		for i := range s.Values {
			if v := s.height(i); v > top { // false for NaN
				top = v
			}
		}
	}
	return top
}

func (d *Data) isEmpty() bool {
	for i := range d.Series {
		for _, v := range d.Series[i].Values {
			if !math.IsNaN(v) {
				return false
			}
		}
	}
	return true
}

// says is whether there are words in place of lines.
func (d *Data) says() bool { return d.Empty != "" && d.isEmpty() }

func (d *Data) points() int {
	if d.X != nil {
		return len(d.X)
	}
	n := 0
	for i := range d.Series {
		n = max(n, len(d.Series[i].Values))
	}
	return n
}

func (d *Data) x(i int) float64 {
	if d.X != nil {
		return d.X[i]
	}
	return float64(i)
}

func (d *Data) xRange() (lo, hi float64) {
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
func (d *Data) nearest(x float64) int {
	n := d.points()
	i := sort.Search(n, func(i int) bool { return d.x(i) >= x })
	if i > 0 && (i == n || x-d.x(i-1) <= d.x(i)-x) {
		i--
	}
	return min(i, n-1)
}

// shown is the index of the values that the legend tells; -1 without points.
func (d *Data) shown() int {
	if d.Now != nil {
		return d.nearest(*d.Now)
	}
	return d.points() - 1
}

func (m *Mark) color(otherwise color.Color) color.Color {
	if m.Color == nil {
		return otherwise
	}
	return m.Color
}
