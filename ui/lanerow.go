package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// laneRow draws a lane. Under the pointer, or with the focus on it, it has a button
// that cancels the request.
type laneRow struct {
	widget.BaseWidget
	number, app, model, count, rate, age *text
	bar                                  *bar
	signs                                *signs
}

var _ desktop.Hoverable = (*laneRow)(nil)

func newLaneRow(h signHost) *laneRow {
	r := &laneRow{
		number: newText("", textBody, colorMuted), app: newText("", textBody, colorText),
		model: newText("", textBody, colorMuted), count: newText("", textSmall, colorMuted),
		rate: newFigure(colorText), age: newFigure(colorMuted), bar: newBar(),
		signs: newSigns(h, signCancel),
	}
	r.count.align = fyne.TextAlignTrailing
	r.ExtendBaseWidget(r)
	return r
}

func (r *laneRow) set(l lane, doing map[order]bool) {
	strong := colorText
	if l.faint {
		strong = colorMuted
	}
	moved := (r.model.value == "") != (l.model == "") || (r.count.value == "") != (l.count == "") || r.bar.Hidden != (l.done < 0)
	r.number.set(l.number)
	r.app.setColored(l.app, strong)
	r.model.set(l.model)
	r.count.set(l.count)
	rate := strong
	if l.starting {
		rate = colorMuted
	}
	r.rate.setColored(l.rate, rate)
	r.age.set(l.age)
	r.bar.set(l.done)
	r.bar.Hidden = l.done < 0
	r.signs.all[0].set(l.cancel, tr("Cancel %s", l.app), doing)
	if moved {
		r.Refresh()
	}
}

// MouseIn implements desktop.Hoverable.
func (r *laneRow) MouseIn(*desktop.MouseEvent) { r.signs.hover(true) }

// MouseMoved implements desktop.Hoverable.
func (r *laneRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (r *laneRow) MouseOut() { r.signs.hover(false) }

// CreateRenderer implements fyne.Widget.
func (r *laneRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	objects := []fyne.CanvasObject{r.number, r.app, r.model, r.bar, r.count, r.rate, r.age, r.signs.all[0]}
	s := &renderer{widget: r, objects: objects, paint: func() {}}
	s.min = func() fyne.Size { return fyne.NewSize(320, rowHeight-1) }
	s.layout = func(size fyne.Size) {
		const number, count, rate, age = 28, 84, 74, 46
		shared := size.Width - number - rate - age - 3*gap
		const appPart, modelPart = 0.34, 0.22
		app, model := shared*appPart, shared*modelPart
		left := float32(number)
		if r.number.value == "" {
			left = 0
		}
		put(r.number, 0, 0, number-gapTiny, size.Height)
		x := left
		if r.model.value == "" { // the app, or a remark, has the room too
			app += model + gap
		}
		if r.count.value == "" && r.bar.Hidden {
			app = size.Width - age - rate - gap - x
		}
		put(r.app, x, 0, app, size.Height)
		x = number + shared*appPart + gap
		put(r.model, x, 0, model, size.Height)
		x += model + gap
		progress := size.Width - age - gap/2 - rate - gap - x
		put(r.bar, x, 0, progress-count-gapSmall, size.Height)
		put(r.count, x, 0, progress, size.Height)
		put(r.rate, size.Width-age-gap/2-rate, 0, rate, size.Height)
		if r.age.value == "" {
			put(r.rate, size.Width-age-gap/2-rate, 0, rate+gap/2+age, size.Height)
		}
		put(r.age, size.Width-age, 0, age, size.Height)
		r.signs.place(size)
	}
	return s.start()
}
