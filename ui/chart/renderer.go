package chart

import (
	"image"
	"strings"

	"fyne.io/fyne/v2"
)

// inset is kept free around the lines inside the raster, so that a point at the
// top or at the edge is not cut.
const inset = 6

// renderer is the chart's. The list of objects is made again only when there are
// more of them.
type renderer struct {
	c       *Chart
	objects []fyne.CanvasObject
}

func (r *renderer) Destroy() {}

func (r *renderer) MinSize() fyne.Size { return fyne.NewSize(160, 80) }

// Objects implements fyne.WidgetRenderer; what comes later lies on top.
func (r *renderer) Objects() []fyne.CanvasObject {
	c := r.c
	all := [...]*labels{&c.shades, &c.yLabels, &c.xLabels, &c.empty}
	n := 5 + c.cross.count() // all but labels are five
	for _, l := range all {
		n += len(l.made)
	}
	if n == len(r.objects) {
		return r.objects
	}
	r.objects = append(r.objects[:0], c.raster, c.zoom.selection, c.xLabel.Text, c.now.Text)
	for _, l := range all {
		for _, t := range l.made {
			r.objects = append(r.objects, t.Text)
		}
	}
	r.objects = c.cross.appendObjects(r.objects)
	r.objects = append(r.objects, c.focus)
	return r.objects
}

func (r *renderer) Refresh() {
	r.paint()
	r.Layout(r.c.Size())
	r.c.raster.Refresh()
}

func (r *renderer) paint() {
	c := r.c
	c.style = c.look()
	c.cross.paint(&c.style)
	c.zoom.paint(&c.style)
	c.focus.StrokeColor, c.focus.StrokeWidth, c.focus.CornerRadius = c.style.Focus, 2, c.style.Corner
}

func (r *renderer) Layout(size fyne.Size) {
	c := r.c
	area := c.area(size)
	c.raster.Move(area.pos.SubtractXY(inset, inset))
	c.raster.Resize(area.size.AddWidthHeight(2*inset, 2*inset))
	c.focus.Resize(size)
	hide(c.xLabel.Text)
	hide(c.now.Text)
	if c.data.says() {
		c.placeEmpty(area)
	} else {
		c.placeYLabels(area)
		c.placeXLabels(area)
		c.placeShades(area)
		c.placeNow(area)
	}
	for _, l := range [...]*labels{&c.shades, &c.yLabels, &c.xLabels, &c.empty} {
		l.rest()
	}
	c.cross.place(c)
}

func (c *Chart) placeYLabels(area rect) {
	for i, text := range c.yTexts {
		t := c.yLabels.next(text, c.style.Muted, c.style.SmallSize)
		t.put(area.pos.X-c.style.Gap/2-t.size.Width, area.y(c.y.tick(i)/c.y.top)-t.size.Height/2)
	}
}

// placeXLabels leaves out the labels that have no room; the first and the last
// have the right of way.
func (c *Chart) placeXLabels(area rect) {
	s := &c.style
	y := area.pos.Y + area.size.Height + s.Gap/4
	lo, hi := c.data.xRange()
	right := area.pos.X + area.size.Width
	ticks := c.data.XTicks
	free := area.pos.X - inset // where the next label may begin
	end := right               // where it must end
	place := func(tick Tick, from, to float32) (float32, bool) {
		t := c.xLabels.next(tick.Label, s.Muted, s.SmallSize)
		x := area.pos.X + area.size.Width*float32((tick.At-lo)/(hi-lo)) - t.size.Width/2
		x = min(max(area.pos.X, x), right-t.size.Width)
		if tick.At < lo || tick.At > hi || x < from || x+t.size.Width > to {
			c.xLabels.used--
			return 0, false
		}
		t.put(x, y)
		return x, true
	}
	if n := len(ticks); n > 1 {
		if x, ok := place(ticks[n-1], free, right+inset); ok {
			end = x - s.Gap/2
		}
		ticks = ticks[:n-1]
	}
	for _, tick := range ticks {
		if x, ok := place(tick, free, end); ok {
			free = x + c.xLabels.made[c.xLabels.used-1].size.Width + s.Gap/2
		}
	}
	if c.data.XLabel != "" {
		c.xLabel.set(c.data.XLabel, s.Muted, s.SmallSize)
		line := c.margin.line
		if len(c.data.XTicks) == 0 {
			line = 0
		}
		c.xLabel.put(area.pos.X+(area.size.Width-c.xLabel.size.Width)/2, y+line)
	}
}

func (c *Chart) placeShades(area rect) {
	if area.size.Height < 6*c.margin.line { // there the lines are
		return
	}
	for _, span := range c.data.Shade {
		from, to := area.xOf(c, span.From), area.xOf(c, span.To)
		from, to = max(from, area.pos.X), min(to, area.pos.X+area.size.Width)
		t := c.shades.next(span.Label, c.style.Muted, c.style.SmallSize)
		if t.size.Width+c.style.Gap > to-from {
			c.shades.used--
			continue
		}
		t.put(from+c.style.Gap/2, area.pos.Y+c.style.Gap/4)
	}
}

// placeNow writes beside the point of Data.Now: above it where there is room.
func (c *Chart) placeNow(area rect) {
	x, y, ok := c.nowPoint()
	if !ok || c.data.NowLabel == "" {
		return
	}
	t := c.now
	t.set(c.data.NowLabel, c.style.Text, c.style.SmallSize)
	px, py := area.xOf(c, x), area.y(y/c.y.top)
	away := nowRadius*c.style.LineWidth + c.style.Gap/4
	top := py - away - t.size.Height
	if top < area.pos.Y {
		top = py + away
	}
	t.put(min(max(area.pos.X, px-t.size.Width/2), area.pos.X+area.size.Width-t.size.Width), top)
}

// nowPoint is where Data.Now lies on the first series; false where it does not.
func (c *Chart) nowPoint() (x, y float64, ok bool) {
	d := &c.data
	if d.Now == nil || len(d.Series) == 0 {
		return 0, 0, false
	}
	lo, hi := d.xRange()
	x = *d.Now
	y = d.Series[0].at(d, x)
	return x, y, x >= lo && x <= hi && y == y
}

// placeEmpty writes Data.Empty into the middle, in as many lines as it takes.
func (c *Chart) placeEmpty(area rect) {
	lines := broken(c.data.Empty, area.size.Width, c.style.TextSize)
	height := fyne.MeasureText("0", c.style.TextSize, fyne.TextStyle{}).Height
	y := (area.size.Height - height*float32(len(lines))) / 2
	for _, line := range lines {
		t := c.empty.next(line, c.style.Muted, c.style.TextSize)
		t.put(area.pos.X+(area.size.Width-t.size.Width)/2, area.pos.Y+y)
		y += height
	}
}

// broken breaks a text between words into lines no wider than width, unless a word
// is.
func broken(text string, width, size float32) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		if last := len(lines) - 1; last >= 0 {
			longer := lines[last] + " " + word
			if fyne.MeasureText(longer, size, fyne.TextStyle{}).Width <= width {
				lines[last] = longer
				continue
			}
		}
		lines = append(lines, word)
	}
	return lines
}

// rect is a place inside the chart.
type rect struct {
	pos  fyne.Position
	size fyne.Size
}

func (a rect) contains(p fyne.Position) bool {
	return p.X >= a.pos.X && p.X <= a.pos.X+a.size.Width && p.Y >= a.pos.Y && p.Y <= a.pos.Y+a.size.Height
}

// y is where a part of the axis, 0…1, lies.
func (a rect) y(part float64) float32 { return a.pos.Y + a.size.Height*(1-float32(part)) }

// xOf is where a value of the x axis lies.
func (a rect) xOf(c *Chart, x float64) float32 {
	lo, hi := c.data.xRange()
	return a.pos.X + a.size.Width*float32((x-lo)/(hi-lo))
}

// valueAt is the x value at a place.
func (a rect) valueAt(c *Chart, x float32) float64 {
	lo, hi := c.data.xRange()
	return lo + (hi-lo)*float64((x-a.pos.X)/max(1, a.size.Width))
}

// area is where the lines go: what the labels of the axes leave.
func (c *Chart) area(size fyne.Size) rect {
	s := &c.style
	c.measure()
	line, left := c.margin.line, c.margin.width+s.Gap/2
	below := line / 2
	if len(c.data.XTicks) > 0 {
		below = line + s.Gap/4
	}
	if c.data.XLabel != "" {
		below += line
	}
	top := max(line/2, inset)
	return rect{
		pos:  fyne.NewPos(left, top),
		size: fyne.NewSize(max(0, size.Width-left-inset), max(0, size.Height-top-below)),
	}
}

// plot draws the lines for a raster of w by h pixels.
func (c *Chart) plot(w, h int) image.Image {
	pixels := float32(1)
	if c.raster.Size().Width > 0 {
		pixels = float32(w) / c.raster.Size().Width
	}
	f := frame{
		data: &c.data, y: c.y,
		inset: inset * pixels, width: c.style.LineWidth * pixels, grid: max(1, int(pixels)),
		ground: opaque(c.style.Surface), lines: opaque(c.style.Grid),
		raised: opaque(c.style.Raised), mark: c.style.Muted,
	}
	f.nowX, f.nowY, f.now = c.nowPoint()
	if c.data.says() {
		f.lines = f.ground
	}
	return c.plotter.plot(w, h, f)
}
