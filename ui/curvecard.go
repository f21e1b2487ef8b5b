package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/ui/chart"
)

// curveCard is the content of the card with a model's curve: two charts with one
// cross-hair, and what more at once would take.
type curveCard struct {
	widget.BaseWidget
	tokens, first *chart.Chart
	whatIf        *text
	measure       *button // opens the page that measures
	empty         bool
}

func newCurveCard(measure func()) *curveCard {
	c := &curveCard{tokens: chart.New(chartStyle), first: chart.New(chartStyle),
		whatIf: newParagraph("", colorMuted), measure: newLink(tr("Run a benchmark"), measure)}
	chart.NewGroup().Add(c.tokens, c.first)
	c.ExtendBaseWidget(c)
	return c
}

func (c *curveCard) show(k curve, now, most int, words string) {
	tokens, first := k.data(now, most)
	c.tokens.Plot(tokens)
	c.first.Plot(first)
	if c.whatIf.value != words || c.empty != (len(k.points) == 0) {
		c.empty = len(k.points) == 0
		c.whatIf.set(words)
		c.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (c *curveCard) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	legend := c.first.Legend()
	r := &renderer{widget: c, objects: []fyne.CanvasObject{c.tokens, legend, c.first, c.whatIf, c.measure}, paint: func() {}}
	r.min = func() fyne.Size { return fyne.NewSize(240, 300) }
	r.layout = func(size fyne.Size) {
		button := c.measure.width()
		room := size.Width - button - gap
		words := c.whatIf.heightFor(room)
		charts := size.Height - words - gap
		line := lineHeight(textBody)
		below := max(80, (charts-line)*0.3)
		if c.empty {
			below = 0
		}
		above := charts - below
		legend.Hidden, c.first.Hidden = c.empty, c.empty
		if !c.empty {
			above -= line + gapSmall
			put(legend, 0, above+gapSmall, size.Width, line)
			put(c.first, 0, above+gapSmall+line, size.Width, below)
		}
		put(c.tokens, 0, 0, size.Width, above)
		put(c.whatIf, 0, size.Height-words, room, words)
		put(c.measure, size.Width-button+linkPad, size.Height-max(words, linkHeight), button, linkHeight)
	}
	return r.start()
}
