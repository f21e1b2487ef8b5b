package ui

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
	"carpool/ui/chart"
)

// trialView is the figures of a benchmark: a sentence, two charts with one
// cross-hair, a table, and what to do with them.
type trialView struct {
	widget.BaseWidget
	trial         app.Trial
	words, notes  *text
	tokens, first *chart.Chart
	heads         []*text
	lines         *rows[*trialRow]
	use, copy     *button
	copiedAt      time.Time
}

// newTrialView calls use with the size that is to be set.
func newTrialView(use func(size int)) *trialView {
	v := &trialView{words: newParagraph("", colorText), notes: newParagraph("", colorMuted), tokens: chart.New(chartStyle), first: chart.New(chartStyle),
		lines: newRows(newTrialRow)}
	chart.NewGroup().Add(v.tokens, v.first)
	for i, title := range trialColumns() {
		head := newText(title, textSmall, colorMuted)
		if i > 0 {
			head.align = fyne.TextAlignTrailing
		}
		v.heads = append(v.heads, head)
	}
	v.use = newStrongButton("", func() {
		if best, found := v.trial.Best(); found {
			use(best.Size)
		}
	})
	v.copy = newButton(tr("Copy as Markdown"), v.copyMarkdown)
	v.ExtendBaseWidget(v)
	return v
}

func (v *trialView) copyMarkdown() {
	var b strings.Builder
	if err := v.trial.Markdown(&b); err != nil {
		return // a Builder takes all
	}
	fyne.CurrentApp().Clipboard().SetContent(b.String())
	v.copiedAt = time.Now()
	v.copy.set(tr("Copied"), false)
	v.Refresh()
}

// show shows a benchmark; the zero value is none. goesOn says that there is more to
// come, and size is what the mode has now.
func (v *trialView) show(t app.Trial, goesOn bool, size int) {
	v.trial = t
	if time.Since(v.copiedAt) >= copied {
		v.copy.set(tr("Copy as Markdown"), false)
	}
	words, notes, color := verdict(t), trialNotes(t), colorText
	switch {
	case goesOn && len(t.Rows) < 2:
		words = tr("Figures appear here one after the other. Apps go on meanwhile.")
	case goesOn:
		words = tr("So far: %s", words)
	case len(t.Rows) == 0:
		color = colorMuted
		words = tr("Start a benchmark, and what batching gains on your own engine appears here: the tokens per second, the wait for the first token and the energy, with so many at once. It takes some minutes; apps go on meanwhile.")
	}
	v.words.setColored(words, color)
	v.notes.set(notes)
	tokens, first := trialCharts(t)
	v.tokens.Plot(tokens)
	v.first.Plot(first)
	best, found := t.Best()
	v.lines.show(len(t.Rows), "", func(i int, r *trialRow) { r.set(t.Rows[i], found && !goesOn && t.Rows[i].Size == best.Size) })
	v.use.Hidden = !found || goesOn
	if best.Size == size {
		v.use.set(tr("%d at once is in use", best.Size), true)
	} else {
		v.use.set(tr("Use %d at once", best.Size), false)
	}
	v.Refresh()
}

func (v *trialView) empty() bool { return v.trial.At.IsZero() }

const (
	trialChart  = 176 // the height of one
	chartsTwo   = 560 // from here on they stand side by side
	trialLegend = 24
)

func (v *trialView) chartsHeight(width float32) float32 {
	if width >= chartsTwo {
		return trialLegend + trialChart
	}
	return 2*(trialLegend+trialChart) + gapSmall
}

func (v *trialView) wordsHeight(width float32) float32 {
	h := v.words.heightFor(width)
	if v.notes.value != "" {
		h += v.notes.heightFor(width)
	}
	return h
}

func (v *trialView) heightFor(width float32) float32 {
	if v.empty() {
		return v.wordsHeight(width)
	}
	return v.wordsHeight(width) + gap + v.chartsHeight(width) + gap + headHeight + v.lines.heightFor(width) + gap + buttonHeight
}

// CreateRenderer implements fyne.Widget.
func (v *trialView) CreateRenderer() fyne.WidgetRenderer {
	v.ExtendBaseWidget(v)
	legends := [2]fyne.CanvasObject{v.tokens.Legend(), v.first.Legend()}
	figures := []fyne.CanvasObject{legends[0], v.tokens, legends[1], v.first}
	for _, h := range v.heads {
		figures = append(figures, h)
	}
	figures = append(figures, v.lines)
	r := &renderer{widget: v, objects: append(append([]fyne.CanvasObject{v.words, v.notes}, figures...), v.use, v.copy)}
	r.min = func() fyne.Size { return fyne.NewSize(320, v.heightFor(max(320, v.Size().Width))) }
	r.layout = func(size fyne.Size) {
		words := v.words.heightFor(size.Width)
		put(v.words, 0, 0, size.Width, words)
		put(v.notes, 0, words, size.Width, v.notes.heightFor(size.Width))
		y := v.wordsHeight(size.Width) + gap
		each, x, below := size.Width, float32(0), float32(trialLegend+trialChart+gapSmall)
		if size.Width >= chartsTwo {
			each = (size.Width - gapLarge) / 2
			x, below = each+gapLarge, 0
		}
		put(legends[0], 0, y, each, trialLegend)
		put(v.tokens, 0, y+trialLegend, each, trialChart)
		put(legends[1], x, y+below, each, trialLegend)
		put(v.first, x, y+below+trialLegend, each, trialChart)
		y += v.chartsHeight(size.Width) + gap
		for i, at := range trialSlots(size.Width) {
			put(v.heads[i], at.x, y, at.width, headHeight-gapTiny)
		}
		y += headHeight
		lines := v.lines.heightFor(size.Width)
		put(v.lines, 0, y, size.Width, lines)
		y += lines + gap
		x = 0
		if !v.use.Hidden {
			put(v.use, 0, y, v.use.width(), buttonHeight)
			x = v.use.width() + gapSmall
		}
		put(v.copy, x, y, v.copy.width(), buttonHeight)
	}
	r.paint = func() {
		for _, o := range figures {
			if v.empty() {
				o.Hide()
			} else {
				o.Show()
			}
		}
		v.notes.Hidden = v.notes.value == ""
		v.copy.Hidden = len(v.trial.Rows) == 0
	}
	return r.start()
}
