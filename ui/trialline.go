package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"

	"carpool/app"
)

// trialLine is a benchmark that is kept. A press chooses it.
type trialLine struct {
	pressLine
	id          int64
	chosen      bool
	name        *text
	gains, when *text
}

func newTrialLine(choose func(id int64), reveal func(fyne.CanvasObject)) *trialLine {
	l := &trialLine{name: newText("", textBody, colorText), gains: newFigure(colorText), when: newFigure(colorMuted)}
	l.press, l.reveal = func() { choose(l.id) }, reveal
	l.becomes(l)
	return l
}

func (l *trialLine) set(t app.Trial, chosen bool) {
	l.id, l.chosen = t.ID, chosen
	l.name.set(t.Model)
	gains := "–"
	if best, found := t.Best(); found {
		gains = tr("%s with %d", times(best.Speedup), best.Size)
	}
	l.gains.set(gains)
	l.when.set(dateOf(t.At))
	l.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (l *trialLine) CreateRenderer() fyne.WidgetRenderer {
	l.ExtendBaseWidget(l)
	ground := canvas.NewRectangle(nil)
	ground.CornerRadius = cornerButton
	r := &renderer{widget: l, objects: []fyne.CanvasObject{ground, l.name, l.gains, l.when}}
	r.min = func() fyne.Size { return fyne.NewSize(240, rowHeight-1) }
	r.layout = func(size fyne.Size) {
		const gains, when = 84, 96
		put(ground, -gapSmall, 1, size.Width+2*gapSmall, size.Height-2)
		put(l.name, 0, 0, size.Width-gains-when-gapSmall, size.Height)
		put(l.gains, size.Width-gains-when, 0, gains, size.Height)
		put(l.when, size.Width-when, 0, when, size.Height)
	}
	r.paint = func() {
		ground.Hidden = !l.chosen && !l.hovered && !l.focused
		ground.FillColor, ground.StrokeWidth = theme.Color(colorRaised), 0
		if l.focused {
			ground.StrokeColor, ground.StrokeWidth = theme.Color(colorAccent), 2
		}
	}
	return r.start()
}
