// Package chart draws charts and knows no domain: numbers over a common axis,
// with gaps, in colours that the caller passes in.
//
// A Chart belongs to Fyne's goroutine like any widget. It keeps the slices of
// the Data it shows and reads them until the next Plot; a caller must not
// change them in between. Plotting data of the same shape again allocates
// nothing, nor does drawing it.
package chart

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// Style is how a chart looks. Every field must be set.
type Style struct {
	Text, Muted, Grid, Surface, Raised color.Color
	Focus                              color.Color // of the ring around a chart that has the keys, and of a selection
	TextSize, SmallSize                float32     // of legend and axis
	LineWidth                          float32
	Corner                             float32
	Gap                                float32 // between things that are not one
}

// Chart is the widget: axes, lines, and a cross-hair at the pointer. It takes
// the focus: Left, Right, Home and End move the cross-hair, + and - zoom around
// it, 0 resets, Escape puts it away.
type Chart struct {
	widget.BaseWidget

	// OnZoom is called once with the x values of a range that the user picked:
	// dragged over the plot, or twice or half the range by key. The chart itself
	// does not change; the caller plots what it has of that range, which may be
	// less. nil = there is no zoom.
	OnZoom func(from, to float64)
	// OnReset is called for a double click and the key 0; nil = nothing.
	OnReset func()
	// OnFocus is called when the chart gets the focus, so that it can be brought into
	// sight; nil = nothing.
	OnFocus func()

	look    func() Style
	style   Style // what look said last
	data    Data
	y       scale
	yTexts  []string // of the ticks of y
	margin  margin
	words   words
	plotter plotter
	legend  *Legend
	group   *Group // nil = alone

	raster  *canvas.Raster
	yLabels labels
	xLabels labels
	shades  labels // of Data.Shade
	empty   labels // the lines of Data.Empty
	xLabel  *label
	now     *label
	zoom    *zoom
	cross   *crosshair
	focus   *canvas.Rectangle
}

// New returns an empty chart. look is asked at each refresh, so a chart follows
// a theme that changes.
func New(look func() Style) *Chart {
	c := &Chart{look: look, style: look(), xLabel: newLabel(false), now: newLabel(true), zoom: newZoom(), cross: newCrosshair(),
		focus: canvas.NewRectangle(color.Transparent)}
	c.focus.Hide()
	c.raster = canvas.NewRaster(c.plot)
	c.legend = newLegend(c)
	c.rescale()
	c.ExtendBaseWidget(c)
	return c
}

// Legend is the chart's legend with the last values: a widget of its own, for
// the caller to place.
func (c *Chart) Legend() *Legend { return c.legend }

// Plot replaces the picture.
func (c *Chart) Plot(d Data) {
	c.data = d
	c.rescale()
	c.Refresh()
	c.legend.Refresh()
}

// rescale fits the y axis to the data.
func (c *Chart) rescale() {
	y := niceScale(max(c.data.YMax, c.data.top()), c.data.Measure, c.data.Whole)
	if y == c.y {
		return
	}
	c.y, c.yTexts = y, c.yTexts[:0]
	for i := range y.ticks() {
		c.yTexts = append(c.yTexts, y.label(i))
	}
	c.margin = margin{}
}

// margin is what the labels of the axes take. It is measured again when they or
// the size of their letters change.
type margin struct {
	size  float32 // of letters
	line  float32 // height of a line
	width float32 // of the widest label of the y axis
}

func (c *Chart) measure() {
	size := c.style.SmallSize
	if c.margin.size == size {
		return
	}
	c.margin = margin{size: size, line: fyne.MeasureText("0", size, fyne.TextStyle{}).Height, width: 2 * size}
	for _, text := range c.yTexts {
		c.margin.width = max(c.margin.width, fyne.MeasureText(text, size, fyne.TextStyle{}).Width)
	}
}

// CreateRenderer implements fyne.Widget.
func (c *Chart) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	r := &renderer{c: c}
	r.paint()
	return r
}
