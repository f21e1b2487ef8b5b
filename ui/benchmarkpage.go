package ui

import (
	"context"
	"slices"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

// trialsEvery is how often the open page reads the kept benchmarks again.
const trialsEvery = 10 * time.Second

// benchmarkPage measures what batching gains on the user's own engine.
type benchmarkPage struct {
	w         *Window
	setup     *trialSetup
	view      *trialView
	viewAside *text
	kept      *rows[*trialLine]
	keptAside *listAside

	setupCard, viewCard, keptCard *card
	scroll                        *container.Scroll
	width                         float32 // of what scrolls
	lastShape                     [3]float32

	trials   []app.Trial
	failed   error // of reading them
	read     bool
	reading  bool
	readFor  int64     // the benchmark that had ended when they were read
	asked    time.Time // for them, as snapshots count
	chosen   int64     // that is looked at again; 0 = the newest
	refused  string    // why none was started; "" = it was
	starting bool      // the order is being given
}

func newBenchmarkPage(w *Window) *benchmarkPage {
	p := &benchmarkPage{w: w, viewAside: newAside("")}
	again := func() { w.showPage(w.last) }
	p.setup = newTrialSetup(p.start, w.carpool.CancelTrial, again)
	p.view = newTrialView(func(size int) {
		w.change(w.last.SizeKey, strconv.Itoa(size), true)
		again()
	})
	p.keptAside = newListAside(again)
	choose := func(id int64) {
		p.chosen = id
		again()
	}
	p.kept = newRows(func() *trialLine {
		return newTrialLine(choose, func(o fyne.CanvasObject) { reveal(p.scroll, o) })
	})
	p.setupCard = newCard(tr("What to measure"), nil, p.setup)
	p.viewCard = newCard("", p.viewAside, p.view)
	p.keptCard = newCard(tr("Kept benchmarks"), p.keptAside, p.kept)
	p.scroll = container.NewVScroll(container.New(benchmarkLayout{p}, p.setupCard, p.viewCard, p.keptCard))
	return p
}

func (p *benchmarkPage) content() fyne.CanvasObject { return p.scroll }

func (p *benchmarkPage) heading(app.Snapshot) (title, basis string) {
	return tr("Benchmark"), tr("What batching gains on your own engine and model.")
}

func (p *benchmarkPage) show(s app.Snapshot) {
	ended := int64(0)
	if !s.Trial.Running {
		ended = s.Trial.Trial.ID
	}
	if !p.reading && (!p.read || ended != p.readFor || s.At.Sub(p.asked) >= trialsEvery) {
		p.ask(s.At, ended)
	}
	p.setup.show(s, p.refused)
	p.showTrial(s)
	p.showKept()
	p.reshape()
}

// ask has the kept benchmarks read off Fyne's goroutine.
func (p *benchmarkPage) ask(now time.Time, ended int64) {
	p.reading, p.asked, p.readFor = true, now, ended
	p.w.errands.put(func(ctx context.Context) {
		trials, err := p.w.carpool.Trials(ctx)
		p.w.do(func() {
			p.trials, p.failed, p.read, p.reading = trials, err, true, false
			if p.w.frame.page() == page(p) {
				p.w.showPage(p.w.last)
			}
		})
	})
}

// start begins a benchmark. Its own figures are shown then, and not those of one
// that is kept.
func (p *benchmarkPage) start(wanted app.TrialWanted) {
	if p.starting { // a double click is one
		return
	}
	p.chosen, p.refused, p.starting = 0, "", true
	p.w.errands.put(func(ctx context.Context) {
		err := p.w.carpool.StartTrial(ctx, wanted)
		p.w.do(func() {
			p.starting = false
			if err != nil {
				p.refused = sentenceOf(err.Error())
			}
			p.w.showPage(p.w.last)
		})
	})
}

// trial is the one to show: the one that was chosen, else the one that runs or ran
// last, else the newest that is kept.
func (p *benchmarkPage) trial(s app.Snapshot) (t app.Trial, goesOn bool) {
	if i := slices.IndexFunc(p.trials, func(t app.Trial) bool { return t.ID == p.chosen }); i >= 0 {
		return p.trials[i], false
	}
	switch {
	case s.Trial.Running || len(s.Trial.Trial.Rows) > 0:
		return s.Trial.Trial, s.Trial.Running
	case len(p.trials) > 0:
		return p.trials[0], false
	}
	return app.Trial{}, false
}

func (p *benchmarkPage) showTrial(s app.Snapshot) {
	t, goesOn := p.trial(s)
	title, aside := tr("Result"), ""
	if !t.At.IsZero() {
		title, aside = trialTitle(t), dateOf(t.At)
	}
	if goesOn {
		aside = tr("%.0f %% measured", 100*s.Trial.Done)
	}
	p.viewCard.title.set(title)
	p.viewAside.set(aside)
	p.viewCard.Refresh()
	p.view.show(t, goesOn, p.size(s))
}

// size is what the mode takes its size from, as the user left it; 0 = not known.
func (p *benchmarkPage) size(s app.Snapshot) int {
	value, err := s.Config.Get(s.SizeKey)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return 0
	}
	return n
}

func (p *benchmarkPage) showKept() {
	most := maxRows
	if p.keptAside.all {
		most = len(p.trials)
	}
	note := ""
	switch {
	case p.failed != nil:
		note = sentenceOf(p.failed.Error())
	case p.read && len(p.trials) == 0:
		note = tr("Benchmarks stay here, to be compared with later ones.")
	}
	p.keptAside.show(len(p.trials), "")
	shown, _ := p.trial(p.w.last)
	p.kept.show(min(len(p.trials), most), note, func(i int, l *trialLine) {
		l.set(p.trials[i], p.trials[i].ID == shown.ID)
	})
}

func (p *benchmarkPage) reshape() {
	shape := [3]float32{p.setup.heightFor(p.width), p.view.heightFor(p.width), p.kept.heightFor(p.width)}
	if shape != p.lastShape {
		p.lastShape = shape
		p.scroll.Content.Refresh()
		p.scroll.Refresh()
	}
}

// benchmarkLayout places the cards: the figures beside the others, or below what to
// measure.
type benchmarkLayout struct{ p *benchmarkPage }

func (l benchmarkLayout) place(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	p := l.p
	const left, top = float32(gapLarge), float32(aboveCards)
	inside := width - 2*gapLarge
	column, rest := inside, inside
	if inside >= wideLists {
		column, rest = shareWidth, inside-shareWidth-gap
	}
	setup := heightAround(p.setup.heightFor(widthInside(column)))
	view := heightAround(p.view.heightFor(widthInside(rest)))
	kept := heightAround(p.kept.heightFor(widthInside(column)))
	put(p.setupCard, left, top, column, setup)
	y := top + setup + gap
	if column < inside {
		view = max(view, setup+gap+kept)
		put(p.keptCard, left, y, column, view-setup-gap)
		put(p.viewCard, left+column+gap, top, rest, view)
		return top + view + gapLarge
	}
	put(p.viewCard, left, y, rest, view)
	put(p.keptCard, left, y+view+gap, column, kept)
	return y + view + gap + kept + gapLarge
}

// MinSize implements fyne.Layout.
func (l benchmarkLayout) MinSize([]fyne.CanvasObject) fyne.Size { return pageSize(l.p.scroll, l.place) }

// Layout implements fyne.Layout.
func (l benchmarkLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	l.p.width = size.Width
	l.place(size.Width, put)
}
