package chart

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// label is a text that is measured and drawn again only when it changes.
type label struct {
	*canvas.Text
	size fyne.Size
}

func newLabel(bold bool) *label {
	l := &label{Text: canvas.NewText("", nil)}
	l.TextStyle.Bold = bold
	l.Hidden = true
	return l
}

// set writes the text, and has it drawn again if that changes anything.
func (l *label) set(text string, c color.Color, size float32) {
	t := l.Text
	if t.Text == text && t.Color == c && t.TextSize == size {
		return
	}
	if t.Text != text || t.TextSize != size {
		t.Text, t.TextSize = text, size
		l.size = t.MinSize()
	}
	t.Color = c
	t.Resize(l.size)
	t.Refresh()
}

// put shows the label with its upper left corner at x, y.
func (l *label) put(x, y float32) {
	l.Move(fyne.NewPos(x, y))
	show(l.Text)
}

// show has o drawn, which Fyne's Show alone does not ask for.
func show(o fyne.CanvasObject) {
	if !o.Visible() {
		o.Show()
		o.Refresh()
	}
}

func hide(o fyne.CanvasObject) {
	if o.Visible() {
		o.Hide()
	}
}

// labels are made once and used again.
type labels struct {
	made []*label
	used int
}

func (l *labels) next(text string, c color.Color, size float32) *label {
	if l.used == len(l.made) {
		l.made = append(l.made, newLabel(false))
	}
	t := l.made[l.used]
	l.used++
	t.set(text, c, size)
	return t
}

// rest hides the labels that are not used this time.
func (l *labels) rest() {
	for _, t := range l.made[l.used:] {
		hide(t.Text)
	}
	l.used = 0
}
