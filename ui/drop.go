package ui

import "fyne.io/fyne/v2/widget"

// drop is a choice of one from a list that drops down.
type drop struct {
	widget.Select
	gained func() // the focus; nil = not told
}

func newDrop(options []string) *drop {
	d := &drop{}
	d.Options = options
	d.ExtendBaseWidget(d)
	return d
}

// FocusGained implements fyne.Focusable.
func (d *drop) FocusGained() {
	d.Select.FocusGained()
	if d.gained != nil {
		d.gained()
	}
}
