package ui

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// gpuAside stands at the title "On the GPU": how hard the GPU works, and the button
// that gives it away or takes it back.
type gpuAside struct {
	widget.BaseWidget
	figures *text // or a hint
	button  *button
	hint    string
	usual   string // without a hint
	action  action
}

func newGPUAside(obey func(order)) *gpuAside {
	a := &gpuAside{figures: newAside(""), action: action{giveGPU, ""}}
	a.button = newLink("", func() { obey(a.action.order) })
	a.ExtendBaseWidget(a)
	return a
}

func (a *gpuAside) show(s app.Snapshot, doing map[order]bool) {
	a.usual = gpuFigures(s)
	a.say(a.hint)
	a.action = lendAction(s)
	a.button.set(a.action.button(doing))
	a.Refresh()
}

// say shows a hint in place of the figures; "" = these again.
func (a *gpuAside) say(hint string) {
	a.hint = hint
	if hint == "" {
		hint = a.usual
	}
	a.figures.set(hint)
}

// gpuFigures are those of the GPU that are known, the most telling first; without
// any, what the columns below are.
func gpuFigures(s app.Snapshot) string {
	var figures []string
	if u := s.GPU.Utilization; u != nil {
		figures = append(figures, tr("%.0f %% busy", *u*100))
	}
	if w := s.GPU.Power; w != nil {
		figures = append(figures, fmt.Sprintf("%.0f W", *w))
	}
	if j := s.Energy.JoulesPer1000; j != nil {
		figures = append(figures, tr("%s per 1k tokens", humanize.SIWithDigits(*j, 1, "J")))
	}
	if len(figures) == 0 {
		return tr("lane · app · model · progress")
	}
	return strings.Join(figures, " · ")
}

// CreateRenderer implements fyne.Widget.
func (a *gpuAside) CreateRenderer() fyne.WidgetRenderer {
	a.ExtendBaseWidget(a)
	r := &renderer{widget: a, objects: []fyne.CanvasObject{a.figures, a.button}}
	r.min = func() fyne.Size { return fyne.NewSize(a.button.width(), linkHeight) }
	r.layout = func(size fyne.Size) {
		button := a.button.width()
		put(a.figures, 0, 0, max(0, size.Width-button-gapSmall), size.Height)
		put(a.button, size.Width-button+linkPad, (size.Height-linkHeight)/2, button, linkHeight)
	}
	r.paint = func() {}
	return r.start()
}
