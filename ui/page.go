package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

const (
	minWidth, minHeight = 760, 480 // of the page
	minRows             = 4        // the lists keep this height when they are empty
	minWaiting          = 2        // and "Waiting" this one where it stands alone
	minChart            = 164
	minEngines          = endpointHeight + 2*engineHeight + modelHeight // "Engine" shows so much on the smallest screen
	aboveCards          = gapTiny
	wideMain            = 720 // from here on the main column has two columns
)

// page lays the window out: a header and a strip that stay, and below them
// what scrolls: the lists and charts at the left, the controls at the right.
type page struct {
	header  *header
	strip   *strip
	onGPU   *rows[*placeRow]
	waiting *rows[*waiterRow]
	tune    *tune
	engines *engines
	totals  *totals

	onGPUCard, waitingCard, tuneCard, enginesCard, totalsCard *card
	charts                                                    *charts

	scroll    *container.Scroll
	whole     *fyne.Container
	width     float32 // of what scrolls
	viewport  float32
	lastShape [4]float32
}

// arrange builds the page from its parts.
func (p *page) arrange() {
	// The controls come first in the order of the tab key.
	objects := []fyne.CanvasObject{p.tuneCard, p.enginesCard, p.totalsCard, p.onGPUCard, p.waitingCard}
	objects = append(objects, p.charts.objects()...)
	p.scroll = container.NewVScroll(container.New(bodyLayout{p}, objects...))
	p.whole = container.New(wholeLayout{p}, p.header, p.strip, p.scroll)
}

// reshape lays the page out again if the height of a part has changed.
func (p *page) reshape() {
	strip := float32(0)
	if p.strip.Visible() {
		strip = p.strip.heightFor(p.width)
	}
	shape := [4]float32{p.onGPU.heightFor(p.width), p.waiting.heightFor(p.width), p.engines.wholeHeight(p.width), strip}
	if shape == p.lastShape {
		return
	}
	p.lastShape = shape
	p.whole.Layout.Layout(p.whole.Objects, p.whole.Size())
	p.whole.Refresh()
}

// wholeLayout places header, strip and what scrolls.
type wholeLayout struct{ p *page }

// MinSize implements fyne.Layout.
func (wholeLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(minWidth, minHeight) }

// Layout implements fyne.Layout.
func (l wholeLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	p := l.p
	inside := size.Width - 2*gapLarge
	y := float32(18)
	height := p.header.MinSize().Height
	put(p.header, gapLarge, y, inside, height)
	y += height + gap
	if p.strip.Visible() {
		strip := p.strip.heightFor(inside)
		put(p.strip, gapLarge, y, inside, strip)
		y += strip + gap
	}
	// The scroll reaches the window's edges, so that its bar does too, and a bit
	// above the cards, so that it does not cut their outline.
	y -= aboveCards
	p.width, p.viewport = size.Width, size.Height-y
	put(p.scroll, 0, y, size.Width, size.Height-y)
	p.scroll.Refresh()
}

// bodyLayout places the cards.
type bodyLayout struct{ p *page }

// shape is the outcome of measuring the cards for a width.
type shape struct {
	left, main, side float32 // of the columns: left edge and widths
	two              bool    // the main column has two columns
	lists            float32 // height of the lists
	onGPU, waiting   float32
	tune, engines    float32
	totals           float32
	chart            float32
	total            float32
}

func (l bodyLayout) measure(width float32) shape {
	p := l.p
	s := shape{left: gapLarge}
	inside := width - 2*gapLarge
	s.side = min(max(inside*0.27, 300), 400)
	s.main = inside - s.side - gap
	s.two = s.main >= wideMain

	least := heightAround(minRows * rowHeight)
	s.onGPU = max(least, heightAround(p.onGPU.heightFor(widthInside(s.listWidth()))))
	s.waiting = max(heightAround(minWaiting*rowHeight), heightAround(p.waiting.heightFor(widthInside(s.waitingWidth()))))
	s.lists = s.onGPU + gap + s.waiting
	chartRows := float32(len(p.charts.cards))
	if s.two {
		s.lists = max(s.onGPU, s.waiting, least)
		s.onGPU, s.waiting = s.lists, s.lists
		chartRows /= 2
	}
	s.tune = heightAround(p.tune.heightFor(widthInside(s.side)))
	s.totals = heightAround(totalsHeight)

	// The engines may be as high as the rest of the page.
	screen := p.viewport - aboveCards - gapLarge
	main := s.lists + chartRows*(gap+minChart)
	rest := s.tune + s.totals + 2*gap
	room := max(heightAround(minEngines), max(screen, main)-rest)
	s.engines = heightAround(p.engines.heightFor(widthInside(s.side), room-heightAround(0)))
	side := max(rest+s.engines, screen)
	s.total = max(main, side)
	s.chart = (s.total-s.lists)/chartRows - gap
	s.engines = side - rest
	return s
}

// listWidth is the width of "On the GPU".
func (s shape) listWidth() float32 {
	if s.two {
		return (s.main - gap) * 0.62
	}
	return s.main
}

func (s shape) waitingWidth() float32 {
	if s.two {
		return s.main - gap - s.listWidth()
	}
	return s.main
}

// MinSize implements fyne.Layout.
func (l bodyLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(minWidth, l.measure(max(minWidth, l.p.width)).total+aboveCards+gapLarge)
}

// Layout implements fyne.Layout.
func (l bodyLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	p, s := l.p, l.measure(size.Width)
	put(p.onGPUCard, s.left, aboveCards, s.listWidth(), s.onGPU)
	if s.two {
		put(p.waitingCard, s.left+s.listWidth()+gap, aboveCards, s.waitingWidth(), s.waiting)
	} else {
		put(p.waitingCard, s.left, aboveCards+s.onGPU+gap, s.waitingWidth(), s.waiting)
	}
	y := aboveCards + s.lists + gap
	half := (s.main - gap) / 2
	for i, c := range p.charts.cards {
		switch {
		case !s.two:
			put(c, s.left, y, s.main, s.chart)
			y += s.chart + gap
		case i%2 == 0:
			put(c, s.left, y, half, s.chart)
		default:
			put(c, s.left+half+gap, y, half, s.chart)
			y += s.chart + gap
		}
	}
	right := s.left + s.main + gap
	y = aboveCards
	put(p.tuneCard, right, y, s.side, s.tune)
	y += s.tune + gap
	put(p.enginesCard, right, y, s.side, s.engines)
	y += s.engines + gap
	put(p.totalsCard, right, y, s.side, s.totals)
}
