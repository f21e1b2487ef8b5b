package ui

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// waiter is a line of "Waiting".
type waiter struct {
	number, app, why string
	urgent           bool
}

// waiters are the lines for a snapshot.
func waiters(s app.Snapshot) []waiter {
	var all []waiter
	depth := 0
	for _, q := range s.Queues {
		depth += q.Depth
		for _, w := range q.Waiting {
			all = append(all, waiter{number: fmt.Sprint(len(all) + 1), app: w.App, why: w.Why,
				urgent: w.Priority.String() == "urgent"})
		}
	}
	if depth > maxRows {
		all = append(all[:maxRows-1:maxRows-1], waiter{app: fmt.Sprintf("and %d more", depth-(maxRows-1))})
	}
	return all
}

// waiterRow draws a waiter.
type waiterRow struct {
	widget.BaseWidget
	number, app *text
	why         *chip
}

func newWaiterRow() *waiterRow {
	r := &waiterRow{number: newText("", textBody, colorMuted), app: newText("", textBody, colorText), why: newChip("", false)}
	r.ExtendBaseWidget(r)
	return r
}

func (r *waiterRow) set(w waiter) {
	color := colorText
	if w.number == "" {
		color = colorMuted
	}
	r.number.set(w.number)
	changed := r.app.value != w.app || r.why.label.value != w.why
	r.app.setColored(w.app, color)
	r.why.set(w.why, w.urgent)
	if changed {
		r.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (r *waiterRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	s := &renderer{widget: r, objects: []fyne.CanvasObject{r.number, r.app, r.why}, paint: func() {}}
	s.min = func() fyne.Size { return fyne.NewSize(160, rowHeight-1) }
	s.layout = func(size fyne.Size) {
		const number = 30
		room := size.Width - number
		app := min(r.app.width()+1, room*0.55)
		why := min(r.why.width()+1, room-app-gapSmall)
		put(r.number, 0, 0, number-gapTiny, size.Height)
		put(r.app, number, 0, room-why-gapSmall, size.Height)
		put(r.why, size.Width-why, 0, why, size.Height)
	}
	return s.start()
}
