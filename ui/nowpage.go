package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

const (
	minRows    = 4 // the lists keep this height when they are empty
	minWaiting = 2 // and "Waiting" this one where it stands alone
	minChart   = 164
	wideMain   = 720 // from here on there are two columns
)

// nowPage is what goes on at this moment: the lanes, the queue and four charts.
type nowPage struct {
	onGPU   *rows[*placeRow]
	waiting *rows[*waiterRow]
	charts  *charts

	gpuAside               *gpuAside
	waitingAside           *text
	onGPUCard, waitingCard *card
	scroll                 *container.Scroll
	last                   app.Snapshot
	width, viewport        float32 // of what scrolls
	lastShape              [2]float32
	doing                  map[order]bool
}

func newNowPage(w *Window) *nowPage {
	p := &nowPage{onGPU: newRows(newPlaceRow), waiting: newRows(newWaiterRow), charts: newCharts(), doing: w.doing}
	p.gpuAside, p.waitingAside = newGPUAside(w.obey), newAside("")
	p.onGPUCard = newCard(tr("On the GPU"), p.gpuAside, p.onGPU)
	p.waitingCard = newCard(tr("Waiting"), p.waitingAside, p.waiting)
	objects := append([]fyne.CanvasObject{p.onGPUCard, p.waitingCard}, p.charts.objects()...)
	p.scroll = container.NewVScroll(container.New(nowLayout{p}, objects...))
	return p
}

func (p *nowPage) content() fyne.CanvasObject { return p.scroll }

func (p *nowPage) heading(s app.Snapshot) (title, basis string) { return s.Sentence, s.Basis }

func (p *nowPage) show(s app.Snapshot) {
	p.last = s
	p.gpuAside.show(s, p.doing)
	p.showLists(s)
	p.charts.show(s)
}

func (p *nowPage) showLists(s app.Snapshot) {
	lines, note := places(s), ""
	if s.Batching.Requests == 0 && s.Batching.InFlight == 0 {
		lines, note = nil, "Point an app at "+s.Endpoint+", and its requests appear here."
		if n := s.Limits.InFlight(); n > 0 {
			note = plural(n, "place is free. ", "places are free. ") + note
		}
	}
	if s.Yield.Manual && s.Batching.InFlight == 0 {
		lines, note = nil, "Nothing runs: the GPU is given away."
	}
	p.onGPU.show(len(lines), note, func(i int, r *placeRow) { r.set(lines[i]) })

	queue, note, aside := waiters(s), "", "in this order"
	if len(queue) == 0 {
		note, aside = "Nobody waits. Requests beyond the limit queue here.", ""
	}
	p.waiting.show(len(queue), note, func(i int, r *waiterRow) { r.set(queue[i]) })
	p.waitingAside.set(aside)
}

func (p *nowPage) reshape() {
	shape := [2]float32{p.onGPU.heightFor(p.width), p.waiting.heightFor(p.width)}
	if shape != p.lastShape {
		p.lastShape = shape
		p.scroll.Content.Refresh()
		p.scroll.Refresh()
	}
}

// nowLayout places the cards.
type nowLayout struct{ p *nowPage }

// nowShape is the outcome of measuring the cards for a width.
type nowShape struct {
	inside                float32
	two                   bool    // columns
	lists, onGPU, waiting float32 // heights
	chart, total          float32
}

func (l nowLayout) measure(width float32) nowShape {
	p := l.p
	s := nowShape{inside: width - 2*gapLarge}
	s.two = s.inside >= wideMain
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
	screen := p.scroll.Size().Height - aboveCards - gapLarge
	s.total = max(s.lists+chartRows*(gap+minChart), screen)
	s.chart = (s.total-s.lists)/chartRows - gap
	return s
}

func (s nowShape) listWidth() float32 {
	if s.two {
		return (s.inside - gap) * 0.64
	}
	return s.inside
}

func (s nowShape) waitingWidth() float32 {
	if s.two {
		return s.inside - gap - s.listWidth()
	}
	return s.inside
}

// MinSize implements fyne.Layout.
func (l nowLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(minInside, l.measure(max(minInside, l.p.scroll.Size().Width)).total+aboveCards+gapLarge)
}

// Layout implements fyne.Layout.
func (l nowLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	p, s := l.p, l.measure(size.Width)
	p.width = size.Width
	const left = gapLarge
	put(p.onGPUCard, left, aboveCards, s.listWidth(), s.onGPU)
	if s.two {
		put(p.waitingCard, left+s.listWidth()+gap, aboveCards, s.waitingWidth(), s.waiting)
	} else {
		put(p.waitingCard, left, aboveCards+s.onGPU+gap, s.waitingWidth(), s.waiting)
	}
	y := aboveCards + s.lists + gap
	half := (s.inside - gap) / 2
	for i, c := range p.charts.cards {
		switch {
		case !s.two:
			put(c, left, y, s.inside, s.chart)
			y += s.chart + gap
		case i%2 == 0:
			put(c, left, y, half, s.chart)
		default:
			put(c, left+half+gap, y, half, s.chart)
			y += s.chart + gap
		}
	}
}
