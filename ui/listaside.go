package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// listAside stands at the title of a list: what is under the pointer there, and,
// where the list has more than maxRows, a button that shows all of it.
type listAside struct {
	widget.BaseWidget
	says   *text
	button *button
	hint   string
	usual  string // without a hint
	all    bool   // the whole list is shown
}

func newListAside(changed func()) *listAside {
	a := &listAside{says: newAside("")}
	a.button = newLink("", func() {
		a.all = !a.all
		changed()
	})
	a.ExtendBaseWidget(a)
	return a
}

// show tells how long the list is, and what it says without a hint.
func (a *listAside) show(n int, usual string) {
	label := ""
	switch {
	case n > maxRows && a.all:
		label = tr("Show fewer")
	case n > maxRows:
		label = tr("Show all %d", n)
	}
	a.button.set(label, false)
	a.button.Hidden = label == ""
	a.usual = usual
	a.say(a.hint)
	a.Refresh()
}

// say shows a hint in place of the usual words; "" = these again.
func (a *listAside) say(hint string) {
	a.hint = hint
	if hint == "" {
		hint = a.usual
	}
	a.says.set(hint)
}

// CreateRenderer implements fyne.Widget.
func (a *listAside) CreateRenderer() fyne.WidgetRenderer {
	a.ExtendBaseWidget(a)
	r := &renderer{widget: a, objects: []fyne.CanvasObject{a.says, a.button}, paint: func() {}}
	r.min = func() fyne.Size { return fyne.NewSize(a.button.width(), linkHeight) }
	r.layout = func(size fyne.Size) {
		room := size.Width
		if !a.button.Hidden {
			width := a.button.width()
			put(a.button, size.Width-width+linkPad, (size.Height-linkHeight)/2, width, linkHeight)
			room -= width - linkPad + gapSmall
		}
		put(a.says, 0, 0, max(0, room), size.Height)
	}
	return r.start()
}
