package ui

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

// trialsEvery is how often the open page reads the kept benchmarks again.
const trialsEvery = 10 * time.Second

// benchmarkPage measures what batching gains on the user's own engine and model, and
// shows what was measured before.
type benchmarkPage struct {
	w      *Window
	plan   *trialPlan
	result *trialResult
	kept   *choices

	planCard, resultCard, keptCard *card
	keptNote                       *text
	scroll                         *container.Scroll
	width                          float32
	lastShape                      [3]float32

	trials   []app.Trial // kept, the newest first
	shownID  int64       // of the one that the user chose; 0 = the newest
	reading  bool
	asked    time.Time
	running  bool // as of the last snapshot
	copiedAt time.Time
}

func newBenchmarkPage(w *Window) *benchmarkPage {
	p := &benchmarkPage{w: w}
	p.plan = newTrialPlan(p.start, w.carpool.CancelTrial)
	p.result = newTrialResult(p.use, p.copy)
	p.kept = newChoices(p.choose)
	p.keptNote = newParagraph(tr("Benchmarks are kept in the history and listed here."), colorMuted)
	p.planCard = newCard(tr("What to measure"), nil, p.plan)
	p.resultCard = newCard(tr("Result"), p.result.chart.Legend(), p.result)
	p.keptCard = newCard(tr("Earlier"), nil, container.NewStack(p.kept, p.keptNote))
	p.scroll = container.NewVScroll(container.New(benchmarkLayout{p}, p.planCard, p.resultCard, p.keptCard))
	return p
}

func (p *benchmarkPage) content() fyne.CanvasObject { return p.scroll }

func (p *benchmarkPage) heading(app.Snapshot) (title, basis string) {
	return tr("Benchmark"), tr("The same chats with batching off and with so many at once, on your own engine.")
}

func (p *benchmarkPage) show(s app.Snapshot) {
	ended := p.running && !s.Trial.Running
	p.running = s.Trial.Running
	if ended {
		p.shownID = 0
	}
	if !p.reading && (ended || s.At.Sub(p.asked) >= trialsEvery) {
		p.ask(s.At)
	}
	p.plan.show(s)
	p.showResult(s)
	if time.Since(p.copiedAt) > copied {
		p.result.copy.set(tr("Copy as Markdown"), false)
	}
}

// ask has the kept benchmarks read off Fyne's goroutine.
func (p *benchmarkPage) ask(now time.Time) {
	p.reading, p.asked = true, now
	p.w.errands.put(func(ctx context.Context) {
		trials, err := p.w.carpool.Trials(ctx)
		p.w.do(func() {
			p.reading = false
			if err == nil { // else the history is off, and there are none
				p.trials = trials
			}
			p.listKept()
			if p.w.frame.page() == page(p) {
				p.w.showPage(p.w.last)
				p.reshape()
			}
		})
	})
}

// mostKept is how many benchmarks the page lists.
const mostKept = 8

func (p *benchmarkPage) listKept() {
	var names []string
	for _, t := range p.trials[:min(len(p.trials), mostKept)] {
		name := t.At.Local().Format("2 Jan 15:04") + " · " + short(t.Model) + " · " + t.Label
		if best, ok := t.Best(); ok {
			name += " · " + tr("best %d", best.Size)
		}
		names = append(names, name)
	}
	p.kept.setNames(names)
	p.keptNote.Hidden = len(names) > 0
	p.kept.set(slices.IndexFunc(p.trials, func(t app.Trial) bool { return t.ID == p.shownID && p.shownID != 0 }))
}

func (p *benchmarkPage) choose(i int) {
	p.shownID = p.trials[i].ID
	p.w.showPage(p.w.last)
}

// trial is the benchmark that is shown: the one that runs, the one that was chosen,
// or the last one; false if there is none.
func (p *benchmarkPage) trial(s app.Snapshot) (app.Trial, bool) {
	if !s.Trial.Running && p.shownID != 0 {
		for _, t := range p.trials {
			if t.ID == p.shownID {
				return t, true
			}
		}
	}
	if s.Trial.Running || len(s.Trial.Trial.Rows) > 0 {
		return s.Trial.Trial, true
	}
	if len(p.trials) > 0 {
		return p.trials[0], true
	}
	return app.Trial{}, false
}

func (p *benchmarkPage) showResult(s app.Snapshot) {
	t, ok := p.trial(s)
	title := tr("Result")
	if ok {
		title = tr("%s on %s", short(t.Model), t.Label)
	}
	p.resultCard.title.set(title)
	p.result.show(t, s.Trial.Running)
	p.resultCard.Refresh()
}

// start begins what is chosen.
func (p *benchmarkPage) start(w app.TrialWanted) {
	p.shownID = 0
	p.kept.set(-1)
	p.w.errands.put(func(ctx context.Context) {
		err := p.w.carpool.StartTrial(ctx, w)
		p.w.do(func() {
			if err != nil {
				p.w.failed = failure{lead: tr("Not started."), text: sentenceOf(err.Error()), at: time.Now(), order: order{deed: startTrial}}
			}
			p.w.notice()
		})
	})
}

// use sets the size that the last result recommends.
func (p *benchmarkPage) use(size int) {
	if key := p.w.last.SizeKey; key != "" {
		p.w.change(key, strconv.Itoa(size), true)
	}
}

// copy puts the result into the clipboard.
func (p *benchmarkPage) copy() {
	t, ok := p.trial(p.w.last)
	if !ok {
		return
	}
	var text strings.Builder
	if err := t.Markdown(&text); err != nil {
		return // a builder takes everything
	}
	fyne.CurrentApp().Clipboard().SetContent(text.String())
	p.copiedAt = time.Now()
	p.result.copy.set(tr("Copied"), false)
}

func (p *benchmarkPage) reshape() {
	shape := [3]float32{p.plan.heightFor(p.width), p.result.heightFor(p.width), p.keptHeight(p.width)}
	if shape != p.lastShape {
		p.lastShape = shape
		p.scroll.Content.Refresh()
		p.scroll.Refresh()
	}
}

func (p *benchmarkPage) keptHeight(width float32) float32 {
	if p.keptNote.Hidden {
		return p.kept.height()
	}
	return p.keptNote.heightFor(width)
}

// benchmarkLayout places the cards: the plan and the list at the left, the result
// beside them.
type benchmarkLayout struct{ p *benchmarkPage }

func (l benchmarkLayout) place(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	p := l.p
	const left, y = gapLarge, float32(aboveCards)
	inside := width - 2*gapLarge
	if inside < wideLists {
		plan := heightAround(p.plan.heightFor(widthInside(inside)))
		result := heightAround(p.result.heightFor(widthInside(inside)))
		kept := heightAround(p.keptHeight(widthInside(inside)))
		put(p.planCard, left, y, inside, plan)
		put(p.resultCard, left, y+plan+gap, inside, result)
		put(p.keptCard, left, y+plan+gap+result+gap, inside, kept)
		return y + plan + result + kept + 2*gap + gapLarge
	}
	side := min(tuneWidth, inside*0.42)
	plan := heightAround(p.plan.heightFor(widthInside(side)))
	kept := heightAround(p.keptHeight(widthInside(side)))
	result := heightAround(p.result.heightFor(widthInside(inside - side - gap)))
	height := max(plan+gap+kept, result)
	put(p.planCard, left, y, side, plan)
	put(p.keptCard, left, y+plan+gap, side, height-plan-gap)
	put(p.resultCard, left+side+gap, y, inside-side-gap, height)
	return y + height + gapLarge
}

// MinSize implements fyne.Layout.
func (l benchmarkLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	height := l.place(max(minInside, l.p.scroll.Size().Width), func(fyne.CanvasObject, float32, float32, float32, float32) {})
	return fyne.NewSize(minInside, height)
}

// Layout implements fyne.Layout.
func (l benchmarkLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	l.p.width = size.Width
	l.place(size.Width, put)
}
