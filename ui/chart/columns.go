package chart

import (
	"image"
	"math"
)

// columns adds the line through more points than there are columns to the mask.
// It costs what the points and the pixels of the line cost: each column is as
// high as the line goes up and down in it, so no spike is lost, and its
// neighbours get what a line of that width covers of them.
func (p *plotter) columns(s *Series, width float32) {
	w := p.img.Rect.Dx()
	from, to := max(0, floor(p.run[0].x)), min(w-1, floor(p.run[len(p.run)-1].x))
	if from > to {
		return
	}
	for x := from; x <= to; x++ {
		p.tops[x], p.feet[x] = math.MaxFloat32, -math.MaxFloat32
	}
	for i := 1; i < len(p.run); i++ {
		a, b := p.run[i-1], p.run[i]
		if s.Shape == Step {
			p.reach(a, point{x: b.x, y: a.y})
			a.x = b.x
		}
		p.reach(a, b)
	}
	half, period := width/2, int((dashOn+dashOff+1)*width)
	for x := from; x <= to; x++ {
		if p.tops[x] > p.feet[x] || s.Dash && x%period > period/2 {
			continue
		}
		p.upright(x, p.tops[x]-half, p.feet[x]+half, 1)
		for away := 1; half+0.5 > float32(away); away++ {
			cover := min(half+0.5-float32(away), 1)
			round := sqrt(max(0, half*half-float32(away*away))) // what is left of the round end
			p.upright(x-away, p.tops[x]-round, p.feet[x]+round, cover)
			p.upright(x+away, p.tops[x]-round, p.feet[x]+round, cover)
		}
	}
}

// reach widens the columns that the line from a to b crosses by where it is in
// them.
func (p *plotter) reach(a, b point) {
	first, last := max(0, floor(a.x)), min(len(p.tops)-1, floor(b.x))
	for x := first; x <= last; x++ {
		y0, y1 := a.y, b.y
		if first != last {
			slope := (b.y - a.y) / (b.x - a.x)
			y0 = a.y + slope*(max(float32(x), a.x)-a.x)
			y1 = a.y + slope*(min(float32(x+1), b.x)-a.x)
		}
		p.tops[x] = min(p.tops[x], y0, y1)
		p.feet[x] = max(p.feet[x], y0, y1)
	}
}

// upright adds one column from a height to another to the mask, cover being that
// of its whole pixels.
func (p *plotter) upright(x int, top, foot, cover float32) {
	w, h := p.img.Rect.Dx(), p.img.Rect.Dy()
	if x < 0 || x >= w {
		return
	}
	first, last := max(0, floor(max(top, 0))), min(h, floor(min(foot, float32(h)))+1)
	if first >= last {
		return
	}
	p.box = p.box.Union(image.Rect(x, first, x+1, last))
	whole := uint8(cover * 255)
	for y := first; y < last; y++ {
		level := whole
		if y == first || y == last-1 {
			level = uint8((min(float32(y+1), foot) - max(float32(y), top)) * cover * 255)
		}
		at := &p.mask[y*w+x]
		*at = max(*at, level)
	}
}
