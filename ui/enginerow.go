package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

const (
	labelRoom  = 72 // of a fact's label
	factPad    = 4  // above and below a fact
	modelLine  = 26
	noteLines  = 4 // at the most
	actionRoom = 96
)

// engineRow draws an engineLine.
type engineRow struct {
	widget.BaseWidget
	line         engineLine
	name, detail *text
	says         *text // wrapped for facts and notes
	loaded       *chip
	button       *button
}

func newEngineRow(obey func(order)) *engineRow {
	r := &engineRow{name: newText("", textBody, colorMuted), detail: newFigure(colorMuted), says: newParagraph("", colorText), loaded: newChip(true)}
	r.button = newLink("", func() { obey(r.line.action.order) })
	r.ExtendBaseWidget(r)
	return r
}

func (r *engineRow) set(l engineLine, doing map[order]bool) {
	r.button.set(l.action.button(doing))
	if r.line == l {
		return
	}
	r.line = l
	r.says.size, r.says.wrap, r.says.most = textBody, true, noteLines
	name, says := colorMuted, l.tone
	switch l.kind {
	case ofModel:
		r.says.size, r.says.wrap = textSmall, false
		name, says = l.tone, colorMuted
	case ofNote:
		r.says.size = textSmall
	case ofHeading:
		r.says.wrap = false
		name = colorText
	}
	r.name.bold = l.kind == ofHeading
	r.name.setColored(l.name, name)
	r.says.setColored(l.text, says)
	r.detail.set(l.detail)
	loaded := ""
	if l.loaded {
		loaded = tr("loaded")
	}
	r.loaded.set(loaded, true)
	r.Refresh()
}

// textRoom is the width of what a fact or note says. A button takes the same room
// whatever it says, so that nothing moves.
func (r *engineRow) textRoom(width float32) float32 {
	if r.line.kind == ofFact {
		width -= labelRoom
	}
	if r.line.action.deed != nothing {
		width -= max(actionRoom, r.button.width()) + gapSmall
	}
	return width
}

func (r *engineRow) heightFor(width float32) float32 {
	switch r.line.kind {
	case ofModel, ofHeading:
		return modelLine
	case ofNote:
		return r.says.heightFor(r.textRoom(width)) + gapTiny
	}
	return r.says.heightFor(r.textRoom(width)) + 2*factPad
}

// CreateRenderer implements fyne.Widget.
func (r *engineRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	s := &renderer{widget: r}
	s.min = func() fyne.Size { return fyne.NewSize(160, r.heightFor(max(160, r.Size().Width))) }
	s.layout = func(size fyne.Size) {
		button := r.button.width()
		switch r.line.kind {
		case ofModel, ofHeading:
			r.layoutModel(size)
		case ofNote:
			put(r.says, 0, 0, r.textRoom(size.Width), size.Height)
		default:
			put(r.name, 0, factPad, labelRoom-gapSmall, lineHeight(textBody))
			put(r.says, labelRoom, factPad, r.textRoom(size.Width), size.Height-2*factPad)
			put(r.button, size.Width-button+linkPad, factPad+(lineHeight(textBody)-linkHeight)/2, button, linkHeight)
		}
	}
	s.paint = func() {
		s.objects = s.objects[:0]
		switch r.line.kind {
		case ofModel, ofHeading:
			s.objects = append(s.objects, r.name, r.says, r.loaded, r.detail)
		case ofNote:
			s.objects = append(s.objects, r.says)
		default:
			s.objects = append(s.objects, r.name, r.says)
		}
		if r.line.action.deed != nothing {
			s.objects = append(s.objects, r.button)
		}
	}
	return s.start()
}

// layoutModel gives the name what it needs, and what is said of it the rest.
func (r *engineRow) layoutModel(size fyne.Size) {
	const detail = 118 // so that chips stand below each other
	put(r.detail, size.Width-detail, 0, detail, size.Height)
	room := size.Width - detail - gapSmall
	if r.line.loaded {
		chip := r.loaded.width() + 1
		room -= chip
		put(r.loaded, room, 0, chip, size.Height)
		room -= gapSmall
	}
	name := min(r.name.width()+1, room)
	put(r.name, 0, 0, name, size.Height)
	put(r.says, name+gapSmall, 0, max(0, room-name-gapSmall), size.Height)
}
