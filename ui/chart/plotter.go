package chart

import (
	"image"
	"image/color"
	"math"
)

// areaAlpha is how much of a series' colour its area takes, of 255.
const areaAlpha = 46

// plotter draws lines into one picture that it keeps. It allocates only when
// the picture or the number of points grows.
type plotter struct {
	img        *image.RGBA
	mask       []uint8 // coverage of the series being drawn, one byte per pixel
	box        image.Rectangle
	run        []point   // the series' points between two gaps, in pixels
	tops, feet []float32 // of an area, one for each column
}

// point is one value in pixels; base is the y of what it stands on.
type point struct{ x, y, base float32 }

// frame is what to draw. Lengths are in pixels.
type frame struct {
	data          Data
	y             scale
	inset         float32 // kept free around the plot, so that lines are not cut
	width         float32 // of lines
	grid          int     // thickness of the grid, at least 1
	ground, lines color.Color
}

// plot draws f into w by h pixels. The picture is used again by the next call.
func (p *plotter) plot(w, h int, f frame) *image.RGBA {
	p.size(w, h)
	p.fill(p.img.Rect, opaque(f.ground))
	if w == 0 || h == 0 {
		return p.img
	}
	bottom, height := float32(h)-f.inset, float32(h)-2*f.inset
	for i := range f.y.ticks() {
		y := int(bottom - height*float32(f.y.tick(i)/f.y.top))
		y = min(y, h-f.grid)
		p.fill(image.Rect(0, y, w, y+f.grid), opaque(f.lines))
	}
	for _, s := range f.data.Series {
		p.series(s, f)
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
func (p *plotter) series(s Series, f frame) {
	w, h := float32(p.img.Rect.Dx()), float32(p.img.Rect.Dy())
	lo, hi := f.data.xRange()
	kx, ky := float64(w-2*f.inset)/(hi-lo), float64(h-2*f.inset)/f.y.top
	p.run = p.run[:0]
	n := min(len(s.Values), f.data.points())
	for i := range n {
		v := s.height(i)
		if math.IsNaN(v) {
			p.stretch(s, f)
			p.run = p.run[:0]
			continue
		}
		p.run = append(p.run, point{
			x: f.inset + float32((f.data.x(i)-lo)*kx),
			y: h - f.inset - float32(v*ky),

			base: h - f.inset - float32(s.base(i)*ky),
		})
	}
	p.stretch(s, f)
}

// stretch draws p.run.
func (p *plotter) stretch(s Series, f frame) {
	if len(p.run) == 0 {
		return
	}
	w := p.img.Rect.Dx()
	if len(p.run) > 4*w {
		p.run = thin(p.run)
	}
	p.box = image.Rectangle{}
	half := f.width / 2
	if len(p.run) == 1 {
		p.segment(p.run[0], p.run[0], 2*half) // a point without neighbours is a dot
	}
	for i := 1; i < len(p.run); i++ {
		a, b := p.run[i-1], p.run[i]
		if s.Shape == Step {
			corner := point{x: b.x, y: a.y}
			p.segment(a, corner, half)
			p.segment(corner, b, half)
			continue
		}
		p.segment(a, b, half)
	}
	c := opaque(s.Color)
	if s.Area && len(p.run) > 1 {
		p.area(s.Shape, c)
	}
	p.stain(c)
}

// thin keeps of the points that share a column the first, the lowest, the
// highest and the last, in their order, so a line over many points looks the
// same and costs what the columns cost. It works in place.
func thin(run []point) []point {
	kept := run[:0]
	for i := 0; i < len(run); {
		column := int(run[i].x)
		first, low, high := i, i, i
		for i < len(run) && int(run[i].x) == column {
			if run[i].y < run[low].y {
				low = i
			}
			if run[i].y > run[high].y {
				high = i
			}
			i++
		}
		a, b, c, d := run[first], run[min(low, high)], run[max(low, high)], run[i-1]
		kept = append(kept, a)
		for _, next := range [...]point{b, c, d} {
			if next != kept[len(kept)-1] {
				kept = append(kept, next)
			}
		}
	}
	return kept
}

// segment adds the line from a to b to the mask: each pixel gets the coverage
// of its distance to the line, so ends and joints are round.
func (p *plotter) segment(a, b point, half float32) {
	w, h := p.img.Rect.Dx(), p.img.Rect.Dy()
	reach := half + 0.5
	x0, x1 := floor(min(a.x, b.x)-reach), floor(max(a.x, b.x)+reach)+1
	y0, y1 := floor(min(a.y, b.y)-reach), floor(max(a.y, b.y)+reach)+1
	box := image.Rect(x0, y0, x1, y1).Intersect(image.Rect(0, 0, w, h))
	if box.Empty() {
		return
	}
	p.box = p.box.Union(box)
	dx, dy := b.x-a.x, b.y-a.y
	square := dx*dx + dy*dy
	length := sqrt(square)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		cy := float32(y) + 0.5
		from, to := box.Min.X, box.Max.X
		if dy != 0 && dx != 0 { // only the columns that the line crosses in this row
			middle, side := a.x+(cy-a.y)*dx/dy, (reach+1)*length/abs(dy)
			from, to = max(from, floor(middle-side)), min(to, floor(middle+side)+1)
		}
		row := p.mask[y*w : (y+1)*w]
		for x := from; x < to; x++ {
			cx := float32(x) + 0.5
			t := float32(0)
			if square > 0 {
				t = min(max(((cx-a.x)*dx+(cy-a.y)*dy)/square, 0), 1)
			}
			ex, ey := cx-a.x-t*dx, cy-a.y-t*dy
			cover := reach - sqrt(ex*ex+ey*ey)
			if cover <= 0 {
				continue
			}
			row[x] = max(row[x], uint8(min(cover, 1)*255))
		}
	}
}

// area fills between p.run and what it stands on, row by row.
func (p *plotter) area(shape Shape, c color.RGBA) {
	w, h := p.img.Rect.Dx(), p.img.Rect.Dy()
	from, to := max(0, int(p.run[0].x)), min(w, floor(p.run[len(p.run)-1].x)+1)
	if from >= to {
		return
	}
	highest, lowest := float32(h), float32(0)
	i := 0
	for x := from; x < to; x++ {
		cx := float32(x) + 0.5
		for i < len(p.run)-2 && p.run[i+1].x <= cx {
			i++
		}
		a, b := p.run[i], p.run[min(i+1, len(p.run)-1)]
		t := float32(0) // of the way from a to b
		switch {
		case shape == Step && cx >= b.x:
			t = 1
		case shape == Line && b.x > a.x:
			t = min(max((cx-a.x)/(b.x-a.x), 0), 1)
		}
		p.tops[x], p.feet[x] = a.y+(b.y-a.y)*t, a.base+(b.base-a.base)*t
		highest, lowest = min(highest, p.tops[x]), max(lowest, p.feet[x])
	}
	for y := max(0, floor(highest)); y < min(h, floor(lowest)); y++ {
		for x := from; x < to; x++ {
			if cover := min(float32(y+1)-p.tops[x], p.feet[x]-float32(y), 1); cover > 0 {
				p.blend(x, y, c, uint32(cover*areaAlpha))
			}
		}
	}
}

// stain lays c through the mask and clears it.
func (p *plotter) stain(c color.RGBA) {
	w := p.img.Rect.Dx()
	for y := p.box.Min.Y; y < p.box.Max.Y; y++ {
		row := p.mask[y*w+p.box.Min.X : y*w+p.box.Max.X]
		for i, cover := range row {
			if cover != 0 {
				p.blend(p.box.Min.X+i, y, c, uint32(cover))
			}
		}
		clear(row)
	}
}

// blend mixes alpha parts of 255 of c into the pixel. The picture stays opaque.
func (p *plotter) blend(x, y int, c color.RGBA, alpha uint32) {
	at := p.img.Pix[y*p.img.Stride+4*x:][:3:3]
	at[0] = mix(at[0], c.R, alpha)
	at[1] = mix(at[1], c.G, alpha)
	at[2] = mix(at[2], c.B, alpha)
}

func mix(from, to uint8, alpha uint32) uint8 {
	return uint8((uint32(from)*(255-alpha) + uint32(to)*alpha + 127) / 255)
}

func (p *plotter) fill(r image.Rectangle, c color.RGBA) {
	r = r.Intersect(p.img.Rect)
	if r.Empty() {
		return
	}
	first := p.img.Pix[p.img.PixOffset(r.Min.X, r.Min.Y):][:4*r.Dx()]
	for i := 0; i < len(first); i += 4 {
		first[i], first[i+1], first[i+2], first[i+3] = c.R, c.G, c.B, 255
	}
	for y := r.Min.Y + 1; y < r.Max.Y; y++ {
		copy(p.img.Pix[p.img.PixOffset(r.Min.X, y):], first)
	}
}

func opaque(c color.Color) color.RGBA {
	r, g, b, _ := c.RGBA()
	return color.RGBA{R: uint8(r >> 8), G: uint8(g >> 8), B: uint8(b >> 8), A: 255}
}

func floor(v float32) int { return int(math.Floor(float64(v))) }

func sqrt(v float32) float32 { return float32(math.Sqrt(float64(v))) }

func abs(v float32) float32 { return max(v, -v) }
