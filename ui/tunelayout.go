package ui

import "fyne.io/fyne/v2"

// tuneLayout places the cards: the sliders at the left, the curve beside them,
// advice and shares below.
type tuneLayout struct{ p *tunePage }

const (
	tuneWidth  = 372 // of the sliders, where the curve stands beside them
	minCurve   = 380
	wideAdvice = 220 // of a card at the least, where they stand in a row
)

func (p *tunePage) adviceHeight(width float32) float32 {
	h := float32(0)
	for _, a := range p.advice[:p.adviceShown] {
		h = max(h, heightAround(a.heightFor(widthInside(width))))
	}
	return h
}

func (l tuneLayout) place(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	p := l.p
	const left = gapLarge
	inside := width - 2*gapLarge
	y := float32(aboveCards)
	if inside >= wideLists {
		side := min(tuneWidth, inside*0.42)
		height := max(heightAround(p.tune.heightFor(widthInside(side))), minCurve)
		put(p.tuneCard, left, y, side, height)
		put(p.curveCard, left+side+gap, y, inside-side-gap, height)
		y += height + gap
	} else {
		height := heightAround(p.tune.heightFor(widthInside(inside)))
		put(p.tuneCard, left, y, inside, height)
		y += height + gap
		put(p.curveCard, left, y, inside, minCurve)
		y += minCurve + gap
	}
	n := float32(max(1, p.adviceShown))
	each := (inside - (maxAdvice-1)*gap) / maxAdvice
	switch {
	case p.adviceShown == 0:
		put(p.calm, left+gapTiny, y, inside-2*gapTiny, p.calm.heightFor(inside))
		y += p.calm.heightFor(inside) + gap
	case each < wideAdvice:
		for i, c := range p.adviceCards[:p.adviceShown] {
			h := heightAround(p.advice[i].heightFor(widthInside(inside)))
			put(c, left, y, inside, h)
			y += h + gap
		}
	default:
		each = (inside - (n-1)*gap) / n
		h := p.adviceHeight(each)
		for i, c := range p.adviceCards[:p.adviceShown] {
			put(c, left+float32(i)*(each+gap), y, each, h)
		}
		y += h + gap
	}
	if p.shares.count() > 0 {
		h := heightAround(p.shares.heightFor(widthInside(inside)))
		put(p.sharesCard, left, y, inside, h)
		y += h + gap
	}
	return y - gap + gapLarge
}

// MinSize implements fyne.Layout.
func (l tuneLayout) MinSize([]fyne.CanvasObject) fyne.Size { return pageSize(l.p.scroll, l.place) }

// Layout implements fyne.Layout.
func (l tuneLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	p := l.p
	p.width = size.Width
	p.calm.Hidden = p.adviceShown > 0
	p.sharesCard.Hidden = p.shares.count() == 0
	l.place(size.Width, put)
}
