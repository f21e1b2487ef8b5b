package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// queueAside stands at the title "Waiting": what is under the pointer there, and,
// where the queue is longer than the card, a button that shows all of it.
type queueAside struct {
	widget.BaseWidget
	says   *text
	button *button
	hint   string
	usual  string // without a hint
	all    bool   // the whole queue is shown
}

func newQueueAside(changed func()) *queueAside {
	a := &queueAside{says: newAside("")}
	a.button = newLink("", func() {
		a.all = !a.all
		changed()
	})
	a.ExtendBaseWidget(a)
	return a
}

// listed is how many waiting requests a snapshot lists.
func listed(s app.Snapshot) int {
	n := 0
	for _, q := range s.Queues {
		n += len(q.Waiting)
	}
	return n + 1 // the line for those that are not listed
}

func (a *queueAside) show(s app.Snapshot) {
	depth := 0
	for _, q := range s.Queues {
		depth += q.Depth
	}
	label := ""
	switch {
	case depth > maxRows && a.all:
		label = tr("Show fewer")
	case depth > maxRows:
		label = tr("Show all %d", depth)
	}
	a.button.set(label, false)
	a.button.Hidden = label == ""
	a.usual = ""
	if depth > 0 {
		a.usual = tr("in this order")
	}
	a.say(a.hint)
	a.Refresh()
}

// say shows a hint in place of the usual words; "" = these again.
func (a *queueAside) say(hint string) {
	a.hint = hint
	if hint == "" {
		hint = a.usual
	}
	a.says.set(hint)
}

// CreateRenderer implements fyne.Widget.
func (a *queueAside) CreateRenderer() fyne.WidgetRenderer {
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
