package ui

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// waiter is a line of "Waiting".
type waiter struct {
	number, app, model, why string
	urgent                  bool
	position                int   // as its engine counts; 0 = the line stands for many
	cancel, front           order // zero = not to be had
}

// waiters are the lines for a snapshot, at most most, in the order in which they
// will leave. Positions are counted for each engine, so those of two engines take
// turns. Models are named where there are several.
func waiters(s app.Snapshot, most int) []waiter {
	var all []waiter
	depth := 0
	for _, q := range s.Queues {
		depth += q.Depth
		for _, w := range q.Waiting {
			line := waiter{app: w.App, why: w.Why, urgent: w.Priority.String() == "urgent", position: w.Position,
				cancel: order{deed: cancelRequest, ticket: w.Ticket, label: w.App}}
			if w.Expected >= time.Second {
				line.why = tr("in %s: %s", brief(w.Expected), w.Why) // first, as the end may be cut off
			}
			if w.Position > 1 {
				line.front = order{deed: advanceRequest, ticket: w.Ticket, label: w.App}
			}
			if len(s.Queues) > 1 {
				line.model = short(q.Model)
			}
			all = append(all, line)
		}
	}
	slices.SortStableFunc(all, func(a, b waiter) int { return cmp.Compare(a.position, b.position) })
	for i := range all {
		all[i].number = fmt.Sprint(i + 1)
	}
	if shown := min(len(all), most); depth > shown || len(all) > most {
		shown = min(shown, most-1)
		all = append(all[:shown:shown], waiter{app: tr("and %d more", depth-shown)})
	}
	return all
}

// waiterRow draws a waiter. Under the pointer, or with the focus on it, it has
// buttons that move it to the front and cancel it.
type waiterRow struct {
	widget.BaseWidget
	number, app, model *text
	why                *chip
	signs              *signs
}

var _ desktop.Hoverable = (*waiterRow)(nil)

func newWaiterRow(h signHost) *waiterRow {
	r := &waiterRow{number: newText("", textBody, colorMuted), app: newText("", textBody, colorText),
		model: newText("", textBody, colorMuted), why: newChip(false), signs: newSigns(h, signToFront, signCancel)}
	r.ExtendBaseWidget(r)
	return r
}

func (r *waiterRow) set(w waiter, doing map[order]bool) {
	color := colorText
	if w.number == "" {
		color = colorMuted
	}
	r.number.set(w.number)
	changed := r.app.value != w.app || r.why.label.value != w.why || r.model.value != w.model
	r.app.setColored(w.app, color)
	r.model.set(w.model)
	r.why.set(w.why, w.urgent)
	r.signs.line = w.why
	r.signs.all[0].set(w.front, tr("Move %s to the front", w.app), doing)
	r.signs.all[1].set(w.cancel, tr("Cancel %s", w.app), doing)
	r.signs.settle()
	if changed {
		r.Refresh()
	}
}

// MouseIn implements desktop.Hoverable.
func (r *waiterRow) MouseIn(*desktop.MouseEvent) { r.signs.hover(true) }

// MouseMoved implements desktop.Hoverable.
func (r *waiterRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (r *waiterRow) MouseOut() { r.signs.hover(false) }

// CreateRenderer implements fyne.Widget.
func (r *waiterRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	s := &renderer{widget: r, objects: []fyne.CanvasObject{r.number, r.app, r.model, r.why, r.signs.all[0], r.signs.all[1]}, paint: func() {}}
	s.min = func() fyne.Size { return fyne.NewSize(160, rowHeight-1) }
	s.layout = func(size fyne.Size) {
		const number, leastModel = 28, 40
		room := size.Width - number
		app := min(r.app.width()+1, room*0.55)
		why := min(r.why.width()+1, room-app-gapSmall)
		left := room - why - gapSmall // of the reason
		if r.number.value == "" {
			put(r.app, 0, 0, size.Width, size.Height)
		} else {
			put(r.app, number, 0, min(app, left), size.Height)
		}
		put(r.number, 0, 0, number-gapTiny, size.Height)
		r.model.Hidden = left-app-gapSmall < leastModel
		put(r.model, number+app+gapSmall, 0, left-app-gapSmall, size.Height)
		put(r.why, size.Width-why, 0, why, size.Height)
		r.signs.place(size)
	}
	return s.start()
}
