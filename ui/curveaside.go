package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// curveAside stands at the title of a model's curve: where the figures come from,
// the legend, and the way to the next model.
type curveAside struct {
	widget.BaseWidget
	from   *text
	legend fyne.CanvasObject
	next   *button
}

func newCurveAside(legend fyne.CanvasObject, next func()) *curveAside {
	a := &curveAside{from: newAside(""), legend: legend, next: newLink(tr("Next model"), next)}
	a.ExtendBaseWidget(a)
	return a
}

func (a *curveAside) show(from string, several bool) {
	a.from.set(from)
	a.next.Hidden = !several
	a.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (a *curveAside) CreateRenderer() fyne.WidgetRenderer {
	a.ExtendBaseWidget(a)
	r := &renderer{widget: a, objects: []fyne.CanvasObject{a.from, a.legend, a.next}, paint: func() {}}
	r.min = func() fyne.Size { return fyne.NewSize(120, linkHeight) }
	r.layout = func(size fyne.Size) {
		right := size.Width
		if !a.next.Hidden {
			right -= a.next.width()
			put(a.next, right+linkPad, (size.Height-linkHeight)/2, a.next.width(), linkHeight)
			right -= gapSmall
		}
		legend := min(a.legend.MinSize().Width, right)
		put(a.legend, right-legend, 0, legend, size.Height)
		right -= legend + gap
		a.from.Hidden = a.from.width() > right
		put(a.from, 0, 0, max(0, right), size.Height)
	}
	return r.start()
}
