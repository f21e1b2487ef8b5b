package chart

import (
	"image"
	"image/color"
	"math"
)

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
			middle, side := a.x+(cy-a.y)*dx/dy, reach*length/abs(dy)
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

// area fills between p.run and what it stands on, row by row, with alpha parts
// of 255 of c.
func (p *plotter) area(shape Shape, c color.RGBA, alpha float32) {
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
				p.blend(x, y, c, uint32(cover*alpha))
			}
		}
	}
}

// disc fills a circle.
func (p *plotter) disc(x, y, radius float32, c color.RGBA) { p.ring(x, y, radius/2, radius, c) }

// ring draws a circle of a width around x, y, radius being that of its middle.
func (p *plotter) ring(x, y, radius, width float32, c color.RGBA) {
	outer, half := radius+width/2+1, width/2+0.5
	box := image.Rect(floor(x-outer), floor(y-outer), floor(x+outer)+1, floor(y+outer)+1).Intersect(p.img.Rect)
	for py := box.Min.Y; py < box.Max.Y; py++ {
		for px := box.Min.X; px < box.Max.X; px++ {
			dx, dy := float32(px)+0.5-x, float32(py)+0.5-y
			if cover := half - abs(sqrt(dx*dx+dy*dy)-radius); cover > 0 {
				p.blend(px, py, c, uint32(min(cover, 1)*255))
			}
		}
	}
}

// flag is a triangle that hangs from y, its tip so far below.
func (p *plotter) flag(x, y, size float32, c color.RGBA) {
	box := image.Rect(floor(x-size), floor(y), floor(x+size)+1, floor(y+size)+1).Intersect(p.img.Rect)
	for py := box.Min.Y; py < box.Max.Y; py++ {
		half := (y + size - float32(py) - 0.5) * 0.6
		for px := box.Min.X; px < box.Max.X; px++ {
			if cover := half + 0.5 - abs(float32(px)+0.5-x); cover > 0 {
				p.blend(px, py, c, uint32(min(cover, 1)*255))
			}
		}
	}
}

// tint lays alpha parts of 255 of c over a part of the picture.
func (p *plotter) tint(r image.Rectangle, c color.RGBA, alpha uint32) {
	r = r.Intersect(p.img.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			p.blend(x, y, c, alpha)
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
