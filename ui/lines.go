package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// lines is a paragraph as a part of a pile.
type lines struct {
	widget.BaseWidget
	text *text
}

func newLines() *lines {
	l := &lines{text: newParagraph("", colorMuted)}
	l.ExtendBaseWidget(l)
	return l
}

func (l *lines) set(value string) { l.text.set(value) }

func (l *lines) heightFor(width float32) float32 { return l.text.heightFor(width) }

// CreateRenderer implements fyne.Widget.
func (l *lines) CreateRenderer() fyne.WidgetRenderer {
	l.ExtendBaseWidget(l)
	return widget.NewSimpleRenderer(l.text)
}
