package ui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// loginRow is the switch for starting at login. It is none of the settings: the
// system keeps it, and its own list of startup programs may change it.
type loginRow struct {
	widget.BaseWidget
	w                *Window
	name, help, note *text
	onOff            *toggle
	asked            int // how often the system was asked, so that only the last answer counts
}

func newLoginRow(w *Window) *loginRow {
	r := &loginRow{w: w, name: newBold(tr("Start at login"), textBody, colorText),
		help: newParagraph(tr("Starts Carpool when you log in, hidden in the tray."), colorMuted), note: newText("", textSmall, colorMuted)}
	r.note.wrap = true
	r.onOff = newToggle("", r.change)
	r.ExtendBaseWidget(r)
	return r
}

// look asks the system.
func (r *loginRow) look() { r.ask(func() error { return nil }) }

func (r *loginRow) change(on bool) {
	r.ask(func() error { return r.w.carpool.SetAutostart(on) })
}

// ask does something off Fyne's goroutine, and shows what the system says then.
func (r *loginRow) ask(do func() error) {
	r.asked++
	asked := r.asked
	r.w.errands.put(func(context.Context) {
		failed := do()
		state, err := r.w.carpool.Autostart()
		if failed == nil {
			failed = err
		}
		r.w.do(func() {
			if asked == r.asked {
				r.show(state, failed)
			}
		})
	})
}

func (r *loginRow) show(s app.Autostart, failed error) {
	r.onOff.set(s.On)
	switch {
	case failed != nil:
		r.note.setColored(sentenceOf(failed.Error()), colorVermilion)
	case s.On && s.Missing:
		r.note.setColored(tr("%s is not there any more: switch it off and on to start this program.", s.Program), colorVermilion)
	default:
		r.note.setColored(app.Tilde(s.Where), colorMuted)
	}
	r.Refresh()
	r.w.settings.reshape()
}

func (r *loginRow) heightFor(width float32) float32 {
	inside := width - controlRoom(width) - gapLarge
	return max(lineHeight(textBody)+r.help.heightFor(inside)+r.note.heightFor(inside), fieldHeight)
}

// CreateRenderer implements fyne.Widget.
func (r *loginRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	s := &renderer{widget: r, objects: []fyne.CanvasObject{r.name, r.help, r.note, r.onOff}, paint: func() {}}
	s.min = func() fyne.Size { return fyne.NewSize(400, r.heightFor(max(400, r.Size().Width))) }
	s.layout = func(size fyne.Size) {
		inside := size.Width - controlRoom(size.Width) - gapLarge
		help := r.help.heightFor(inside)
		put(r.name, 0, 0, inside, lineHeight(textBody))
		put(r.help, 0, lineHeight(textBody), inside, help)
		put(r.note, 0, lineHeight(textBody)+help, inside, r.note.heightFor(inside))
		width := r.onOff.MinSize().Width
		put(r.onOff, size.Width-width, 0, width, fieldHeight)
	}
	return s.start()
}
