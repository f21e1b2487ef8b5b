package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"carpool/assets"
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
	const signWidth, signHeight = 24, 34
	sign := canvas.NewImageFromResource(theme.NewColoredResource(
		fyne.NewStaticResource("sign.svg", assets.SignSVG), colorAccent))
	sign.FillMode = canvas.ImageFillContain
	r := &renderer{widget: h, objects: []fyne.CanvasObject{sign, h.sentence, h.basis, h.batching}, paint: sign.Refresh}
	title, line := lineHeight(textTitle), lineHeight(textBody)
	r.min = func() fyne.Size { return fyne.NewSize(320, title+line) }
	r.layout = func(size fyne.Size) {
		pill := h.batching.MinSize()
		put(sign, 0, (size.Height-signHeight)/2, signWidth, signHeight)
		const left = signWidth + gap
		room := size.Width - left - pill.Width - gapLarge
		put(h.sentence, left, 0, room, title)
		put(h.basis, left, title, room, line)
		put(h.batching, size.Width-pill.Width, (size.Height-pill.Height)/2, pill.Width, pill.Height)
	}
	return r.start()
}
