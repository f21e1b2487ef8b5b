package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/dustin/go-humanize"

	"carpool/app"
)

const (
	minRows    = 4 // the lists keep this height when they are empty
	minWaiting = 2 // and "Waiting" this one where it stands alone
	minChart   = 164
	wideLists  = 900 // from here on the lists stand side by side,
	wideCharts = 640 // and the charts from here on
)

// nowPage is what goes on at this moment: the lanes, the queue and four charts.
type nowPage struct {
	lanes   lanes
	onGPU   *rows[*laneRow]
	waiting *rows[*waiterRow]
	charts  *charts
	totals  *text

	gpuAside               *gpuAside
	queueAside             *listAside
	onGPUCard, waitingCard *card
	scroll                 *container.Scroll
	last                   app.Snapshot
	width                  float32 // of what scrolls
	lastShape              [2]float32
	doing                  map[order]bool
}

func newNowPage(w *Window) *nowPage {
	p := &nowPage{totals: newText("", textSmall, colorMuted), doing: w.doing}
	reveal := func(o fyne.CanvasObject) { reveal(p.scroll, o) }
	p.charts = newCharts(reveal)
	p.gpuAside, p.queueAside = newGPUAside(w.obey), newListAside(p.showAll)
	p.onGPU = newRows(func() *laneRow { return newLaneRow(signHost{w.obey, p.gpuAside.say, reveal}) })
	p.waiting = newRows(func() *waiterRow { return newWaiterRow(signHost{w.obey, p.queueAside.say, reveal}) })
	p.onGPUCard = newCard(tr("On the GPU"), p.gpuAside, p.onGPU)
	p.waitingCard = newCard(tr("Waiting"), p.queueAside, p.waiting)
	objects := append([]fyne.CanvasObject{p.onGPUCard, p.waitingCard}, p.charts.objects()...)
	p.scroll = container.NewVScroll(container.New(nowLayout{p}, append(objects, p.totals)...))
	return p
}

func (p *nowPage) content() fyne.CanvasObject { return p.scroll }

func (p *nowPage) heading(s app.Snapshot) (title, basis string) { return s.Sentence, s.Basis }

func (p *nowPage) show(s app.Snapshot) {
	p.last = s
	p.gpuAside.show(s, p.doing)
	p.showLists(s)
	p.charts.show(s)
	p.totals.set(totalsOf(s))
}

// showAll shows the whole queue, or its beginning again.
func (p *nowPage) showAll() {
	p.showLists(p.last)
	p.reshape()
}

func (p *nowPage) showLists(s app.Snapshot) {
	lines, note := p.lanes.show(s, maxRows), ""
	if s.Batching.Requests == 0 && s.Batching.InFlight == 0 {
		lines, note = nil, tr("Point an app at %s, and its requests appear here.", s.Endpoint)
		if n := s.Limits.InFlight(); n > 0 {
			note = trn(n, "%d place is free.", "%d places are free.") + " " + note
		}
	}
	if s.Yield.Manual && s.Batching.InFlight == 0 {
		lines, note = nil, tr("Nothing runs: the GPU is given away.")
	}
	p.onGPU.show(len(lines), note, func(i int, r *laneRow) { r.set(lines[i], p.doing) })

	depth, most := 0, maxRows
	for _, q := range s.Queues {
		depth += q.Depth
	}
	if p.queueAside.all {
		most = max(most, depth)
	}
	queue, note, order := waiters(s, most), "", tr("in this order")
	if len(queue) == 0 {
		note, order = tr("Nobody waits. Requests beyond the limit queue here."), ""
	}
	p.waiting.show(len(queue), note, func(i int, r *waiterRow) { r.set(queue[i], p.doing) })
	p.queueAside.show(depth, order)
}

// totalsOf is what there was since the start.
func totalsOf(s app.Snapshot) string {
	b := s.Batching
	if b.Requests == 0 {
		return ""
	}
	if b.AvgBatchSize < 1.05 { // as with chats, which go one by one into places that are free
		return tr("Since the start: %s requests; %.1f ran at once on average. %s tokens were written.",
			humanize.Comma(int64(b.Requests)), b.AvgConcurrency, humanize.Comma(int64(b.Tokens)))
	}
	return tr("Since the start: %s requests in %s batches; %.1f ran at once on average, and a batch had %.1f. %s tokens were written.",
		humanize.Comma(int64(b.Requests)), humanize.Comma(int64(b.Batches)), b.AvgConcurrency, b.AvgBatchSize, humanize.Comma(int64(b.Tokens)))
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
	beside, two           bool    // lists side by side, two columns of charts
	lists, onGPU, waiting float32 // heights
	chart, total          float32
}

func (l nowLayout) measure(width float32) nowShape {
	p := l.p
	s := nowShape{inside: width - 2*gapLarge}
	s.beside, s.two = s.inside >= wideLists, s.inside >= wideCharts
	least := heightAround(minRows * rowHeight)
	s.onGPU = max(least, heightAround(p.onGPU.heightFor(widthInside(s.listWidth()))))
	s.waiting = max(heightAround(minWaiting*rowHeight), heightAround(p.waiting.heightFor(widthInside(s.waitingWidth()))))
	s.lists = s.onGPU + gap + s.waiting
	if s.beside {
		s.lists = max(s.onGPU, s.waiting, least)
		s.onGPU, s.waiting = s.lists, s.lists
	}
	chartRows := float32(len(p.charts.cards))
	if s.two {
		chartRows /= 2
	}
	rest := s.lists + gapSmall + lineHeight(textSmall)
	screen := p.scroll.Size().Height - aboveCards - gapSmall
	s.total = max(rest+chartRows*(gap+minChart), screen)
	s.chart = (s.total-rest)/chartRows - gap
	return s
}

func (s nowShape) listWidth() float32 {
	if s.beside {
		return (s.inside - gap) * 0.64
	}
	return s.inside
}

func (s nowShape) waitingWidth() float32 {
	if s.beside {
		return s.inside - gap - s.listWidth()
	}
	return s.inside
}

// MinSize implements fyne.Layout.
func (l nowLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(minInside, l.measure(max(minInside, l.p.scroll.Size().Width)).total+aboveCards+gapSmall)
}

// Layout implements fyne.Layout.
func (l nowLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	p, s := l.p, l.measure(size.Width)
	p.width = size.Width
	const left = gapLarge
	put(p.onGPUCard, left, aboveCards, s.listWidth(), s.onGPU)
	if s.beside {
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
	put(p.totals, left, y-gap+gapSmall, s.inside, lineHeight(textSmall))
}
