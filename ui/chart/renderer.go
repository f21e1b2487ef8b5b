package chart

import (
	"image"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// inset is kept free around the lines inside the raster, so that the line at
// the top or at the edge is not cut.
const inset = 3

// labels are texts that are made once and used again.
type labels struct {
	made []*canvas.Text
	used int
}

func (l *labels) next(text string, s Style) *canvas.Text {
	if l.used == len(l.made) {
		l.made = append(l.made, &canvas.Text{})
	}
	t := l.made[l.used]
	l.used++
	t.Text, t.Color, t.TextSize = text, s.Muted, s.SmallSize
	t.Hidden = false
	return t
}

// rest hides the texts that are not used this time.
func (l *labels) rest() {
	for _, t := range l.made[l.used:] {
		t.Hidden = true
	}
	l.used = 0
}

type renderer struct{ c *Chart }

func (r *renderer) Destroy() {}

func (r *renderer) MinSize() fyne.Size { return fyne.NewSize(160, 80) }

func (r *renderer) Objects() []fyne.CanvasObject {
	c := r.c
	all := []fyne.CanvasObject{c.raster}
	for _, t := range c.yLabels.made {
		all = append(all, t)
	}
	for _, t := range c.xLabels.made {
		all = append(all, t)
	}
	for _, t := range c.empty.made {
		all = append(all, t)
	}
	return append(all, c.cross.objects()...)
}

func (r *renderer) Layout(size fyne.Size) {
	c := r.c
	area := c.area(size)
	c.raster.Move(area.pos.SubtractXY(inset, inset))
	c.raster.Resize(area.size.AddWidthHeight(2*inset, 2*inset))

	says := c.data.says()
	for i := range c.y.ticks() {
		if says {
			break
		}
		t := c.yLabels.next(c.y.label(i), c.style)
		size := t.MinSize()
		y := area.pos.Y + area.size.Height*(1-float32(c.y.tick(i)/c.y.top))
		t.Resize(size)
		t.Move(fyne.NewPos(area.pos.X-c.style.Gap/2-size.Width, y-size.Height/2))
	}
	c.yLabels.rest()

	lo, hi := c.data.xRange()
	for _, tick := range c.data.XTicks {
		if says {
			break
		}
		t := c.xLabels.next(tick.Label, c.style)
		size := t.MinSize()
		x := area.pos.X + area.size.Width*float32((tick.At-lo)/(hi-lo)) - size.Width/2
		x = min(max(area.pos.X, x), area.pos.X+area.size.Width-size.Width)
		t.Resize(size)
		t.Move(fyne.NewPos(x, area.pos.Y+area.size.Height+c.style.Gap/4))
	}
	c.xLabels.rest()

	if says {
		c.placeEmpty(area)
	}
	c.empty.rest()

	c.cross.place(c)
}

// placeEmpty writes Data.Empty into the middle, in as many lines as it takes.
func (c *Chart) placeEmpty(area rect) {
	lines := broken(c.data.Empty, area.size.Width, c.style.TextSize)
	height := fyne.MeasureText("0", c.style.TextSize, fyne.TextStyle{}).Height
	y := (area.size.Height - height*float32(len(lines))) / 2
	for _, line := range lines {
		t := c.empty.next(line, c.style)
		t.TextSize = c.style.TextSize
		size := t.MinSize()
		t.Resize(size)
		t.Move(area.pos.AddXY((area.size.Width-size.Width)/2, y))
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

func (r *renderer) Refresh() {
	r.style()
	r.Layout(r.c.Size())
	r.c.raster.Refresh()
	canvas.Refresh(r.c)
}

func (r *renderer) style() {
	r.c.style = r.c.look()
	r.c.cross.style(r.c.style)
}

// rect is a place inside the chart.
type rect struct {
	pos  fyne.Position
	size fyne.Size
}

func (a rect) contains(p fyne.Position) bool {
	return p.X >= a.pos.X && p.X <= a.pos.X+a.size.Width && p.Y >= a.pos.Y && p.Y <= a.pos.Y+a.size.Height
}

// area is where the lines go: what the labels of the axes leave.
func (c *Chart) area(size fyne.Size) rect {
	s := c.style
	line := fyne.MeasureText("0", s.SmallSize, fyne.TextStyle{}).Height
	left := float32(0)
	for i := range c.y.ticks() {
		left = max(left, fyne.MeasureText(c.y.label(i), s.SmallSize, fyne.TextStyle{}).Width)
	}
	left = max(left, 2*s.SmallSize) + s.Gap/2
	below := line / 2
	if len(c.data.XTicks) > 0 {
		below = line + s.Gap/4
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
	lines := c.style.Grid
	if c.data.says() {
		lines = c.style.Surface
	}
	return c.plotter.plot(w, h, frame{
		data: c.data, y: c.y,
		inset: inset * pixels, width: c.style.LineWidth * pixels, grid: max(1, int(pixels)),
		ground: c.style.Surface, lines: lines,
	})
}
