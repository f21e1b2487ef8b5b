package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

const fieldHeight = 36

// field is a line to type in. It calls entered for Enter, and when it loses the
// focus.
type field struct {
	widget.Entry
	entered func()
	gained  func() // the focus; nil = not told
	focused bool
}

func newField(hint string, entered func()) *field {
	f := &field{entered: entered}
	f.PlaceHolder = hint
	f.OnSubmitted = func(string) { f.entered() }
	f.ExtendBaseWidget(f)
	return f
}

// FocusGained implements fyne.Focusable.
func (f *field) FocusGained() {
	f.focused = true
	f.Entry.FocusGained()
	if f.gained != nil {
		f.gained()
	}
}

// FocusLost implements fyne.Focusable.
func (f *field) FocusLost() {
	f.focused = false
	f.Entry.FocusLost()
	f.entered()
}

// TypedKey implements fyne.Focusable.
func (f *field) TypedKey(e *fyne.KeyEvent) {
	f.Entry.TypedKey(e)
	if e.Name == fyne.KeyEscape {
		passOn(f, e)
	}
}
