package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// showOver shows content over the whole window until hide is called. The tab key
// stays inside, and the escape key calls escaped.
func showOver(c fyne.Canvas, content fyne.CanvasObject, escaped func()) (hide func()) {
	popup := widget.NewModalPopUp(content, c)
	before := c.OnTypedKey()
	c.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if e.Name == fyne.KeyEscape {
			escaped()
		}
	})
	popup.Show()
	return func() {
		popup.Hide()
		c.SetOnTypedKey(before)
	}
}

// passOn gives a key that a control has no use for to its window.
func passOn(control fyne.CanvasObject, e *fyne.KeyEvent) {
	c := fyne.CurrentApp().Driver().CanvasForObject(control)
	if c == nil {
		return
	}
	if typed := c.OnTypedKey(); typed != nil {
		typed(e)
	}
}
