package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// header says the state in a sentence, and what it rests on.
type header struct {
	widget.BaseWidget
	sentence, basis *text
	batching        *toggle
}

func newHeader(batching *toggle) *header {
	h := &header{sentence: newBold("", textTitle, colorText), basis: newText("", textBody, colorMuted), batching: batching}
	h.ExtendBaseWidget(h)
	return h
}

// CreateRenderer implements fyne.Widget.
func (h *header) CreateRenderer() fyne.WidgetRenderer {
	h.ExtendBaseWidget(h)
	r := &renderer{widget: h, objects: []fyne.CanvasObject{h.sentence, h.basis, h.batching}, paint: func() {}}
	title, line := lineHeight(textTitle), lineHeight(textBody)
	r.min = func() fyne.Size { return fyne.NewSize(320, title+line) }
	r.layout = func(size fyne.Size) {
		pill := h.batching.MinSize()
		room := size.Width - pill.Width - gapLarge
		put(h.sentence, 0, 0, room, title)
		put(h.basis, 0, title, room, line)
		put(h.batching, size.Width-pill.Width, (size.Height-pill.Height)/2, pill.Width, pill.Height)
	}
	return r.start()
}
