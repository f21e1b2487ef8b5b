package ui

import (
	"context"
	"errors"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
	"carpool/ui/chart"
)

const (
	spansWidth = 470
	pastChart  = 176 // height of a chart with its card
	mostPoints = 2000
	leastPoint = 200
	mostEvents = 2000
)

// historyPage is a period of the past: four charts and a table. While the period
// ends now it is read again as time goes on.
type historyPage struct {
	w       *Window
	spans   []lookback
	picker  *segments
	back    *button
	export  *button
	charts  *pastCharts
	records *records
	card    *card
	body    *fyne.Container
	scroll  *container.Scroll
	shape   float32 // the height of all when it was laid out last

	period    period
	before    []period // that back leads to, the last first
	reads     readings
	readAt    time.Time // by the snapshots' clock
	past      past
	inspector *inspector // that is open; nil = none
	exporter  *exporter  // likewise
}

func newHistoryPage(w *Window) *historyPage {
	p := &historyPage{w: w, spans: spans()}
	names := make([]string, len(p.spans))
	for i, s := range p.spans {
		names[i] = s.name
	}
	p.picker = newSegments(names, func(i int) { p.look(period{span: p.spans[i].long}, nil) })
	p.back = newLink(tr("Back"), p.goBack)
	p.export = newButton(tr("Export…"), p.openExporter)
	p.charts = newPastCharts(p.zoom, p.goBack)
	p.records = newRecords(w, p.open, p.reshape)
	p.records.table.gained = func() { reveal(p.scroll, p.records.kinds) }
	for _, f := range p.records.filters() {
		f.gained = func() { reveal(p.scroll, f) }
	}
	p.records.table.reveal = func(y, height float32) { p.revealRow(y, height) }
	p.card = newCard(tr("What ran"), newAside(tr("a row opens with Enter or a click, a column's head sorts")), p.records.content)
	objects := append([]fyne.CanvasObject{p.picker, p.back, p.export}, p.charts.objects()...)
	p.body = container.New(historyLayout{p}, append(objects, p.card)...)
	p.scroll = container.NewVScroll(p.body)
	p.period = period{span: p.spans[firstSpan].long}
	p.picker.set(firstSpan)
	p.back.Hide()
	return p
}

func (p *historyPage) content() fyne.CanvasObject { return p.scroll }

func (p *historyPage) heading(s app.Snapshot) (title, basis string) {
	title = tr("History")
	switch {
	case !s.Config.History.Enabled:
		return title, tr("Off: nothing is written. Turn on history.enabled in the settings.")
	case !s.History.OK && s.History.Problem != "":
		return title, sentenceOf(s.History.Problem)
	case len(p.past.points.Points) == 0:
		return title, tr("What was, in charts and rows. It never holds prompts or answers.")
	}
	dates, until := calendar(), tr("now")
	if !p.period.follows() {
		until = dates.Format(chart.Unix(p.past.to))
	}
	return title, tr("%s to %s · a point each %s", dates.Format(chart.Unix(p.past.from)), until, stepName(p.past.points.Step))
}

// stepName is the span that a point stands for.
func stepName(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return tr("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return tr("%d min", int(d.Minutes()))
	}
	return tr("%d h", int(d.Hours()))
}

func (p *historyPage) show(s app.Snapshot) {
	since := s.At.Sub(p.readAt)
	if !p.reads.pending() && (p.readAt.IsZero() || p.period.follows() && (since < 0 || since >= p.period.every())) {
		p.read()
	}
}

// look turns to another period; before are those that Back leads to.
func (p *historyPage) look(to period, before []period) {
	p.period, p.before = to, before
	chosen := -1
	if to.follows() {
		chosen = slices.IndexFunc(p.spans, func(s lookback) bool { return s.long == to.span })
	}
	p.picker.set(chosen)
	setHidden(p.back, len(before) == 0)
	p.records.offset = 0
	p.read()
}

func (p *historyPage) zoom(from, to time.Time) {
	p.look(between(from, to, p.w.last.At), append(p.before, p.period))
}

func (p *historyPage) goBack() {
	if n := len(p.before); n > 0 {
		p.look(p.before[n-1], p.before[:n-1])
	}
}

// read reads the period off Fyne's goroutine, and then shows it.
func (p *historyPage) read() {
	now := p.w.last.At
	number, q := p.reads.ask(), p.period.query(now)
	most := min(max(leastPoint, int(p.charts.tokens.Size().Width)), mostPoints)
	p.readAt = now
	p.w.errands.put(func(ctx context.Context) {
		points, err := p.w.carpool.Points(ctx, q, most)
		recent := q
		recent.Limit = mostEvents
		events, eventsErr := p.w.carpool.Decisions(ctx, recent)
		names, namesErr := p.w.carpool.Names(ctx, q)
		p.w.do(func() {
			if p.reads.answer(number) {
				p.take(past{from: q.Since, to: q.Until, points: points, events: events}, names, errors.Join(err, eventsErr, namesErr))
			}
		})
	})
	if p.records.offset == 0 { // else rows would move below the reader's eyes
		p.records.read(q)
	}
}

func (p *historyPage) take(read past, names app.Names, err error) {
	if read.from.IsZero() {
		read.from = read.to.Add(-p.spans[0].long)
		if all := read.points.Points; len(all) > 0 {
			read.from = all[0].At
		}
	}
	switch {
	case !p.w.last.Config.History.Enabled:
		read.empty = tr("The history is off.")
	case err != nil:
		read.empty = tr("Not read: %s", sentenceOf(err.Error()))
	default:
		read.empty = tr("Nothing was sampled in this time: each second that Carpool runs draws a point here.")
	}
	p.past = read
	p.charts.show(read)
	p.records.offer(names)
	if p.w.frame.open == pageHistory {
		p.w.showPage(p.w.last)
	}
}

func (p *historyPage) openExporter() {
	if p.exporter != nil {
		return
	}
	q := p.period.query(p.w.last.At)
	says := tr("Requests, batches, events and samples of the time that is shown, a file for each. No prompt or answer is in them.")
	var e *exporter
	e = openExporter(p.w.canvas, says, func(folder, format string) {
		p.w.errands.put(func(ctx context.Context) {
			files, err := p.w.carpool.Export(ctx, q, folder, format)
			p.w.do(func() { e.tell(files, err) })
		})
	}, func() { p.exporter = nil })
	p.exporter = e
}

// revealRow scrolls to a row of the table that was chosen by key.
func (p *historyPage) revealRow(y, height float32) {
	driver := fyne.CurrentApp().Driver()
	top := y + driver.AbsolutePositionForObject(p.records.table).Y - driver.AbsolutePositionForObject(p.body).Y
	offset := min(max(p.scroll.Offset.Y, top+height+gap-p.scroll.Size().Height), top)
	if offset != p.scroll.Offset.Y {
		p.scroll.ScrollToOffset(fyne.NewPos(0, offset))
	}
}

func (p *historyPage) reshape() {
	if height := p.place(p.body.Size().Width, func(fyne.CanvasObject, float32, float32, float32, float32) {}); height != p.shape {
		p.shape = height
		p.body.Refresh()
		p.scroll.Refresh()
	}
}

// place puts everything where it belongs and returns the height of all.
func (p *historyPage) place(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	inside := width - 2*gapLarge
	y := float32(aboveCards)
	bar := p.picker.MinSize().Height
	put(p.picker, gapLarge, y, spansWidth, bar)
	export := p.export.width()
	put(p.export, width-gapLarge-export, y+(bar-buttonHeight)/2, export, buttonHeight)
	put(p.back, gapLarge+spansWidth+gapSmall, y+(bar-linkHeight)/2, p.back.width(), linkHeight)
	y += bar + gap
	half := (inside - gap) / 2
	for i, c := range p.charts.cards {
		put(c, gapLarge+float32(i%2)*(half+gap), y, half, pastChart)
		if i%2 == 1 {
			y += pastChart + gap
		}
	}
	height := heightAround(p.records.heightFor(widthInside(inside)))
	put(p.card, gapLarge, y, inside, height)
	return y + height + gapLarge
}

// historyLayout places the parts of the page.
type historyLayout struct{ p *historyPage }

// MinSize implements fyne.Layout.
func (l historyLayout) MinSize([]fyne.CanvasObject) fyne.Size { return pageSize(l.p.scroll, l.p.place) }

// Layout implements fyne.Layout.
func (l historyLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) { l.p.place(size.Width, put) }
