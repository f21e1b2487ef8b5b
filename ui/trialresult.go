package ui

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
	"carpool/ui/chart"
)

// trialResult is what a benchmark measured: a chart, a table, and what to do with
// it.
type trialResult struct {
	widget.BaseWidget
	chart  *chart.Chart
	head   *trialRow
	table  *rows[*trialRow]
	advice *text
	use    *button
	copy   *button
	best   int // the size to use; 0 = none
	empty  bool
}

func newTrialResult(use func(size int), copy func()) *trialResult {
	r := &trialResult{chart: chart.New(chartStyle), head: newTrialRow(), table: newRows(newTrialRow), advice: newParagraph("", colorText), empty: true}
	r.head.title([trialColumns]string{tr("at once"), tr("tokens/s"), tr("gain"), tr("first token p50"), tr("p95"), tr("J per 1k tokens")})
	r.use = newStrongButton("", func() { use(r.best) })
	r.copy = newButton(tr("Copy as Markdown"), copy)
	r.ExtendBaseWidget(r)
	return r
}

func (r *trialResult) show(t app.Trial, running bool) {
	r.empty = len(t.Rows) == 0
	best, found := t.Best()
	r.best = 0
	if found && !running {
		r.best = best.Size
	}
	r.chart.Plot(trialData(t))
	r.table.show(len(t.Rows), "", func(i int, line *trialRow) { line.set(t.Rows[i], r.best > 0 && t.Rows[i].Size == r.best) })
	r.advice.set(trialVerdict(t, running))
	r.use.set(tr("Use %d", r.best), false)
	r.Refresh()
}

// trialData draws tokens per second by size, and batching off as a line to compare
// with.
func trialData(t app.Trial) chart.Data {
	d := chart.Data{XMin: 1, XMax: 2, XLabel: tr("requests at once"), Unit: " tok/s", YMax: 1,
		Empty:   tr("Start a benchmark, and its curve is drawn here size by size."),
		FormatX: func(x float64) string { return tr("%d at once", int(x)) }}
	off := math.NaN()
	var on, without []float64
	for _, r := range t.Rows {
		if r.Size == 0 {
			off = r.TokensPS
			continue
		}
		d.X = append(d.X, float64(r.Size))
		on = append(on, r.TokensPS)
		d.XTicks = append(d.XTicks, chart.Tick{At: float64(r.Size), Label: strconv.Itoa(r.Size)})
		d.XMax = max(d.XMax, float64(r.Size))
	}
	if len(d.X) == 0 && !math.IsNaN(off) { // the first figure alone
		d.X, on = []float64{1, 2}, []float64{math.NaN(), math.NaN()}
	}
	for range d.X {
		without = append(without, off)
	}
	d.Series = []chart.Series{
		{Name: tr("batching off"), Values: without, Color: theme.Color(colorMuted), Dash: true},
		{Name: tr("batching on"), Values: on, Color: theme.Color(colorAccent), Dots: true},
	}
	return d
}

// trialVerdict says in words what was found.
func trialVerdict(t app.Trial, running bool) string {
	best, found := t.Best()
	var words string
	switch {
	case len(t.Rows) == 0:
		return ""
	case running:
		return tr("Measuring goes on; the size to use is named at the end.")
	case !found:
		words = tr("No size can be named: too little was measured, or first tokens came too late.")
	case best.Size == 1:
		words = tr("More at once gain nothing here: leave it at one.")
	default:
		words = tr("Best is %d at once: %s as much as with batching off, and 19 of 20 first tokens come within %s.",
			best.Size, fmt.Sprintf("%.1f×", best.Speedup), inSeconds(best.FirstP95))
	}
	if t.Simulated {
		words += " " + tr("The engine is simulated, so these figures say nothing of your GPU.")
	}
	if t.Others > 0 {
		words += " " + trn(t.Others, "%d request of another app ran meanwhile.", "%d requests of other apps ran meanwhile.")
	}
	return words
}

func inSeconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

const (
	trialChart    = 220
	leastTrialRow = 4 // the table has room for these from the start
)

func (r *trialResult) heightFor(width float32) float32 {
	if r.empty {
		return trialChart
	}
	return trialChart + gap + rowHeight + max(leastTrialRow*rowHeight, r.table.heightFor(width)) +
		gap + r.advice.heightFor(width) + gapSmall + buttonHeight
}

// CreateRenderer implements fyne.Widget.
func (r *trialResult) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	below := []fyne.CanvasObject{r.head, r.table, r.advice, r.use, r.copy}
	s := &renderer{widget: r, objects: append([]fyne.CanvasObject{r.chart}, below...)}
	s.min = func() fyne.Size { return fyne.NewSize(320, r.heightFor(max(320, r.Size().Width))) }
	s.layout = func(size fyne.Size) {
		w := size.Width
		if r.empty {
			put(r.chart, 0, 0, w, size.Height)
			return
		}
		advice, table := r.advice.heightFor(w), max(leastTrialRow*rowHeight, r.table.heightFor(w))
		chart := size.Height - gap - rowHeight - table - gap - advice - gapSmall - buttonHeight
		put(r.chart, 0, 0, w, chart)
		y := chart + gap
		put(r.head, 0, y, w, rowHeight)
		y += rowHeight
		put(r.table, 0, y, w, table)
		y += table + gap
		put(r.advice, 0, y, w, advice)
		y = size.Height - buttonHeight
		x := float32(0)
		if r.best > 0 {
			put(r.use, 0, y, r.use.width(), buttonHeight)
			x = r.use.width() + gapSmall
		}
		put(r.copy, x, y, r.copy.width(), buttonHeight)
	}
	s.paint = func() {
		for _, o := range below {
			if r.empty || o == fyne.CanvasObject(r.use) && r.best == 0 {
				o.Hide()
			} else {
				o.Show()
			}
		}
	}
	return s.start()
}

const trialColumns = 6

// trialRow is a line of the table: one size.
type trialRow struct {
	widget.BaseWidget
	figures [trialColumns]*text
}

func newTrialRow() *trialRow {
	r := &trialRow{}
	for i := range r.figures {
		r.figures[i] = newFigure(colorText)
	}
	r.figures[0].align = fyne.TextAlignLeading
	r.ExtendBaseWidget(r)
	return r
}

// title makes it the head of the table.
func (r *trialRow) title(names [trialColumns]string) {
	for i, name := range names {
		r.figures[i].size = textSmall
		r.figures[i].setColored(name, colorMuted)
	}
}

func (r *trialRow) set(t app.TrialRow, best bool) {
	size, joules := tr("batching off"), "–"
	if t.Size > 0 {
		size = strconv.Itoa(t.Size)
	}
	if best {
		size += " · " + tr("best")
	}
	if t.JoulesPer1000 != nil {
		joules = fmt.Sprintf("%.0f J", *t.JoulesPer1000)
	}
	color := colorText
	if best {
		color = colorAccentText
	}
	r.figures[0].bold = best
	for i, value := range [trialColumns]string{size, fmt.Sprintf("%.1f tok/s", t.TokensPS), fmt.Sprintf("%.2f×", t.Speedup),
		inSeconds(t.FirstP50), inSeconds(t.FirstP95), joules} {
		r.figures[i].setColored(value, color)
		color = colorText
	}
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *trialRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	s := &renderer{widget: r, paint: func() {}}
	for _, f := range r.figures {
		s.objects = append(s.objects, f)
	}
	s.min = func() fyne.Size { return fyne.NewSize(320, rowHeight-1) }
	s.layout = func(size fyne.Size) {
		first := size.Width * 0.22
		each := (size.Width - first) / (trialColumns - 1)
		put(r.figures[0], 0, 0, first, size.Height)
		for i, f := range r.figures[1:] {
			put(f, first+float32(i)*each, 0, each, size.Height)
		}
	}
	return s.start()
}
