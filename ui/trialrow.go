package ui

import (
	"fmt"
	"math"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
	"github.com/dustin/go-humanize"

	"carpool/app"
)

// trialColumns are the heads of the table.
func trialColumns() []string {
	return []string{tr("At once"), tr("tokens/s"), tr("Speedup"), tr("First token p50"), tr("First token p95"), tr("J per 1k tokens")}
}

// trialSlots divides a width among the columns.
func trialSlots(width float32) []slot {
	const named = 130 // the first one
	n := len(trialColumns())
	each := (width - named) / float32(n-1)
	all := []slot{{0, named}}
	for i := range n - 1 {
		all = append(all, slot{named + float32(i)*each, each})
	}
	return all
}

// trialRow is a number at once in the table.
type trialRow struct {
	widget.BaseWidget
	figures []*text
	best    *chip
}

func newTrialRow() *trialRow {
	r := &trialRow{best: newChip(true)}
	for i := range trialColumns() {
		figure := newFigure(colorText)
		if i == 0 {
			figure.align = fyne.TextAlignLeading
		}
		r.figures = append(r.figures, figure)
	}
	r.ExtendBaseWidget(r)
	return r
}

func (r *trialRow) set(t app.TrialRow, best bool) {
	cells := []string{tr("batching off"), fmt.Sprintf("%.1f", t.TokensPS), times(t.Speedup), span(t.FirstP50), span(t.FirstP95),
		optional(t.JoulesPer1000, func(j float64) string { return humanize.Comma(int64(math.Round(j))) + " J" })}
	if t.Size > 0 {
		cells[0] = strconv.Itoa(t.Size)
	}
	for i, f := range r.figures {
		f.set(cells[i])
	}
	mark := ""
	if best {
		mark = tr("best")
	}
	r.best.set(mark, true)
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *trialRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	s := &renderer{widget: r, objects: []fyne.CanvasObject{r.best}, paint: func() {}}
	for _, f := range r.figures {
		s.objects = append(s.objects, f)
	}
	s.min = func() fyne.Size { return fyne.NewSize(320, rowHeight-1) }
	s.layout = func(size fyne.Size) {
		for i, at := range trialSlots(size.Width) {
			put(r.figures[i], at.x, 0, at.width, size.Height)
		}
		put(r.best, r.figures[0].width()+gapSmall, 0, r.best.width()+1, size.Height)
	}
	return s.start()
}
