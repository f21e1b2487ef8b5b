package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

const rowHeight = 29

// row is one line of a table.
type row interface {
	fyne.CanvasObject
	Refresh()
}

// rows is a list of lines with rules between them. The widgets are made once
// and used again.
type rows[R row] struct {
	widget.BaseWidget
	made  []R
	shown int
	make  func() R
	note  *text // below the lines, "" = none
}

func newRows[R row](make func() R) *rows[R] {
	l := &rows[R]{make: make, note: newParagraph("", colorMuted)}
	l.ExtendBaseWidget(l)
	return l
}

// show shows n lines, filled by fill, and a note below them.
func (l *rows[R]) show(n int, note string, fill func(i int, r R)) {
	changed := n != l.shown || note != l.note.value
	for len(l.made) < n {
		l.made = append(l.made, l.make())
		changed = true
	}
	l.shown = n
	for i, r := range l.made[:n] {
		fill(i, r)
	}
	l.note.set(note)
	if changed {
		l.Refresh()
	}
}

func (l *rows[R]) heightFor(width float32) float32 {
	h := float32(l.shown) * rowHeight
	if l.note.value != "" {
		h += gapSmall + l.note.heightFor(width)
	}
	return h
}

// noteTop is where the note begins: where a line's text would, if it is alone.
func (l *rows[R]) noteTop() float32 {
	if l.shown == 0 {
		return gapTiny
	}
	return float32(l.shown)*rowHeight + gapSmall
}

// CreateRenderer implements fyne.Widget.
func (l *rows[R]) CreateRenderer() fyne.WidgetRenderer {
	l.ExtendBaseWidget(l)
	var rules []*canvas.Rectangle
	r := &renderer{widget: l}
	r.min = func() fyne.Size { return fyne.NewSize(120, l.heightFor(max(120, l.Size().Width))) }
	r.layout = func(size fyne.Size) {
		for i, line := range l.made {
			visible := i < l.shown
			if visible != line.Visible() {
				if visible {
					line.Show()
				} else {
					line.Hide()
				}
			}
			rules[i].Hidden = !visible
			y := float32(i) * rowHeight
			put(rules[i], 0, y, size.Width, 1)
			put(line, 0, y+1, size.Width, rowHeight-1)
		}
		l.note.Hidden = l.note.value == ""
		put(l.note, 0, l.noteTop(), size.Width, l.note.heightFor(size.Width))
	}
	r.paint = func() {
		for len(rules) < len(l.made) {
			rules = append(rules, canvas.NewRectangle(nil))
		}
		r.objects = r.objects[:0]
		for i, line := range l.made {
			rules[i].FillColor = theme.Color(colorLine)
			r.objects = append(r.objects, rules[i], line)
		}
		r.objects = append(r.objects, l.note)
	}
	return r.start()
}
