package ui

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// waiter is a line of "Waiting".
type waiter struct {
	number, app, why string
	urgent           bool
	position         int // as its engine counts
}

// waiters are the lines for a snapshot, in the order in which they will leave.
// Positions are counted for each engine, so those of two engines take turns.
func waiters(s app.Snapshot) []waiter {
	var all []waiter
	depth := 0
	for _, q := range s.Queues {
		depth += q.Depth
		for _, w := range q.Waiting {
			why := w.Why
			if w.Expected >= time.Second {
				why = "in " + brief(w.Expected) + ": " + why // first, as the end may be cut off
			}
			all = append(all, waiter{app: w.App, why: why, urgent: w.Priority.String() == "urgent", position: w.Position})
		}
	}
	slices.SortStableFunc(all, func(a, b waiter) int { return cmp.Compare(a.position, b.position) })
	if depth > maxRows {
		all = append(all[:maxRows-1:maxRows-1], waiter{app: fmt.Sprintf("and %d more", depth-(maxRows-1))})
	}
	for i := range min(len(all), depth, maxRows) {
		if all[i].position > 0 {
			all[i].number = fmt.Sprint(i + 1)
		}
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
