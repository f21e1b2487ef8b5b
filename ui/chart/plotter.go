package chart

import (
	"image"
	"image/color"
	"math"
)

const (
	areaAlpha = 46  // of 255, how much of a series' colour its area takes unless Opacity says so
	markAlpha = 110 // of 255, of the rule below an event

	// In widths of a line:
	dotRadius = 2.2
	nowRadius = 3.2
	dashOn    = 2 // and half a width more at each end, which is round
	dashOff   = 3
	flagSize  = 3.4
)

// plotter draws lines into one picture that it keeps. It allocates only when
// the picture or the number of points grows.
type plotter struct {
	img        *image.RGBA
	mask       []uint8 // coverage of the series being drawn, one byte per pixel
	box        image.Rectangle
	run        []point   // the series' points between two gaps, in pixels
	tops, feet []float32 // of an area, or of a line over many points: one for each column
	dashed     float32   // how far into its pattern the dashed line is
}

// point is one value in pixels; base is the y of what it stands on.
type point struct {
	x, y, base float32
	hollow     bool
}

// frame is what to draw. Lengths are in pixels.
type frame struct {
	data                  *Data
	y                     scale
	inset                 float32 // kept free around the plot, so that lines are not cut
	width                 float32 // of lines
	grid                  int     // thickness of the grid, at least 1
	ground, lines, raised color.RGBA
	mark                  color.Color // of an event without a colour
	nowX, nowY            float64     // the point of Data.Now
	now                   bool        // whether there is one
}

// place turns values into pixels.
type place struct {
	left, bottom float32
	lo           float64
	kx, ky       float64 // pixels per value
}

func (f *frame) place(w, h int) place {
	lo, hi := f.data.xRange()
	return place{f.inset, float32(h) - f.inset, lo,
		float64(float32(w)-2*f.inset) / (hi - lo), float64(float32(h)-2*f.inset) / f.y.top}
}

func (at place) x(v float64) float32 { return at.left + float32((v-at.lo)*at.kx) }

func (at place) y(v float64) float32 { return at.bottom - float32(v*at.ky) }

// plot draws f into w by h pixels. The picture is used again by the next call.
func (p *plotter) plot(w, h int, f frame) *image.RGBA {
	p.size(w, h)
	p.fill(p.img.Rect, f.ground)
	if w == 0 || h == 0 {
		return p.img
	}
	at := f.place(w, h)
	top := floor(f.inset) // and left, and so far from the right
	for _, span := range f.data.Shade {
		p.fill(image.Rect(floor(max(at.x(span.From), f.inset)), top, floor(min(at.x(span.To), float32(w)-f.inset)), floor(at.bottom)), f.raised)
	}
	for i := range f.y.ticks() {
		y := min(int(at.y(f.y.tick(i))), h-f.grid)
		p.fill(image.Rect(top, y, w-top, y+f.grid), f.lines)
	}
	marks := f.data.Marks
	if f.data.says() {
		marks = nil // words stand there
	}
	for i := range marks {
		m := &marks[i]
		x := at.x(m.X)
		if x < f.inset-1 || x > float32(w)-f.inset+1 {
			continue
		}
		c := opaque(m.color(f.mark))
		p.tint(image.Rect(floor(x)-f.grid/2, top, floor(x)-f.grid/2+f.grid, floor(at.bottom)), c, markAlpha)
		p.flag(x, f.inset, flagSize*f.width, c)
	}
	for i := range f.data.Series {
		p.series(&f.data.Series[i], &f, at)
	}
	if f.now {
		x, y, r := at.x(f.nowX), at.y(f.nowY), nowRadius*f.width
		p.disc(x, y, r+f.width, f.ground)
		p.disc(x, y, r, opaque(f.data.Series[0].Color))
	}
	return p.img
}

func (p *plotter) size(w, h int) {
	if p.img != nil && p.img.Rect.Dx() == w && p.img.Rect.Dy() == h {
		return
	}
	p.img = image.NewRGBA(image.Rect(0, 0, w, h))
	p.mask = make([]uint8, w*h)
	p.tops, p.feet = make([]float32, w), make([]float32, w)
}

// series draws each stretch of s between two gaps.
func (p *plotter) series(s *Series, f *frame, at place) {
	p.run = p.run[:0]
	for i := range min(len(s.Values), f.data.points()) {
		v := s.height(i)
		if math.IsNaN(v) {
			p.stretch(s, f)
			p.run = p.run[:0]
			continue
		}
		p.run = append(p.run, point{at.x(f.data.x(i)), at.y(v), at.y(s.base(i)), s.hollow(i)})
	}
	p.stretch(s, f)
}

// stretch draws p.run. Dots are left out where there are more points than
// columns.
func (p *plotter) stretch(s *Series, f *frame) {
	if len(p.run) == 0 {
		return
	}
	c := opaque(s.Color)
	if s.Area && len(p.run) > 1 {
		alpha := float32(areaAlpha)
		if s.Opacity > 0 {
			alpha = 255 * min(s.Opacity, 1)
		}
		p.area(s.Shape, c, alpha)
	}
	p.box, p.dashed = image.Rectangle{}, 0
	if len(p.run) > p.img.Rect.Dx() {
		p.columns(s, f.width)
		p.stain(c)
		return
	}
	if len(p.run) == 1 && !p.run[0].hollow {
		p.segment(p.run[0], p.run[0], f.width) // a point without neighbours is a dot
	}
	for i := 1; i < len(p.run); i++ {
		a, b := p.run[i-1], p.run[i]
		dash := s.Dash || a.hollow || b.hollow
		if s.Shape == Step {
			corner := point{x: b.x, y: a.y}
			p.join(a, corner, f.width, dash)
			a = corner
		}
		p.join(a, b, f.width, dash)
	}
	p.stain(c)
	p.dots(s, f, c)
}

// dots marks the points of p.run, each where s wants it.
func (p *plotter) dots(s *Series, f *frame, c color.RGBA) {
	if !s.Dots && len(s.Hollow) == 0 {
		return
	}
	r := dotRadius * f.width
	for _, at := range p.run {
		switch {
		case at.hollow:
			p.disc(at.x, at.y, r, f.ground)
			p.ring(at.x, at.y, r, f.width, c)
		case s.Dots:
			p.disc(at.x, at.y, r, c)
		}
	}
}

// join draws from a to b, in dashes where wanted. Dashes go on from one line to
// the next.
func (p *plotter) join(a, b point, width float32, dash bool) {
	if !dash {
		p.segment(a, b, width/2)
		return
	}
	on, period := dashOn*width, (dashOn+dashOff)*width
	length := sqrt((b.x-a.x)*(b.x-a.x) + (b.y-a.y)*(b.y-a.y))
	if !(length < maxDashed) { // far outside, or endless
		return
	}
	along := func(t float32) point { return point{x: a.x + (b.x-a.x)*t/length, y: a.y + (b.y-a.y)*t/length} }
	for t := -p.dashed; t < length; t += period {
		if from, to := max(t, 0), min(t+on, length); from < to {
			p.segment(along(from), along(to), width/2)
		}
	}
	p.dashed = float32(math.Mod(float64(p.dashed+length), float64(period)))
}

// maxDashed is the longest line drawn in dashes, in pixels: some screens.
const maxDashed = 1 << 16
