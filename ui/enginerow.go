package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

const (
	engineHeight = 27 // with the rule above
	modelHeight  = 22
	engineIndent = 18 // of all but the dot
	detailPad    = 2
	detailLines  = 4  // at the most
	stopWidth    = 64 // of a detail's button
)

// engineRow draws an engineLine.
type engineRow struct {
	widget.BaseWidget
	line                engineLine
	name, aside, detail *text
	remark              *text
	loaded              *chip
	button              *button
}

func newEngineRow(obey func(order)) *engineRow {
	r := &engineRow{name: newText("", textBody, colorText), aside: newText("", textSmall, colorMuted),
		detail: newFigure(colorMuted), remark: newDetail(), loaded: newChip("", true)}
	r.button = newLink("", func() { obey(r.line.action.order) })
	r.ExtendBaseWidget(r)
	return r
}

// newDetail is a remark on an engine.
func newDetail() *text {
	t := newText("", textSmall, colorMuted)
	t.wrap, t.most = true, detailLines
	return t
}

func (r *engineRow) set(l engineLine, doing map[order]bool) {
	r.button.set(l.action.button(doing))
	if r.line == l {
		return
	}
	r.line = l
	color := colorText
	if l.kind == ofModel && !l.loaded {
		color = colorMuted
	}
	r.name.setColored(l.name, color)
	r.remark.most = detailLines
	if l.short {
		r.remark.most = 1
	}
	tone := colorMuted
	if l.warns {
		tone = colorOrange
	}
	r.remark.setColored(l.name, tone)
	r.aside.set(l.aside)
	r.detail.set(l.detail)
	loaded := ""
	if l.loaded {
		loaded = "loaded"
	}
	r.loaded.set(loaded, true)
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *engineRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	rule, dot := canvas.NewRectangle(nil), canvas.NewCircle(nil)
	s := &renderer{widget: r}
	s.min = func() fyne.Size { return fyne.NewSize(160, lineHeight(textSmall)) }
	s.layout = func(size fyne.Size) {
		const dotSize = 8
		put(rule, 0, 0, size.Width, 1)
		put(dot, 1, (size.Height-dotSize)/2, dotSize, dotSize)
		button := r.button.width()
		put(r.button, size.Width-button+linkPad, (min(size.Height, engineHeight)-linkHeight)/2, button, linkHeight)
		if r.line.kind == ofDetail || r.line.kind == ofRest {
			room := size.Width - engineIndent
			if r.line.action.deed != nothing {
				room -= stopWidth
				put(r.button, size.Width-button+linkPad, (lineHeight(textSmall)-linkHeight)/2, button, linkHeight)
			}
			put(r.remark, engineIndent, 0, room, size.Height)
			return
		}
		right := min(r.detail.width()+1, size.Width/2)
		put(r.detail, size.Width-right, 0, right, size.Height)
		if r.line.action.deed != nothing {
			right = button - linkPad
		}
		room := size.Width - engineIndent - right - gapSmall
		if r.line.loaded {
			chip, beside := r.loaded.width()+1, float32(gapSmall)
			if r.line.detail == "" {
				right, beside = 0, 0
			}
			put(r.loaded, size.Width-right-beside-chip, 0, chip, size.Height)
			room -= chip + beside
		}
		name := min(r.name.width()+1, room)
		put(r.name, engineIndent, 0, name, size.Height)
		put(r.aside, engineIndent+name+gapSmall, 1, room-name-gapSmall, size.Height)
	}
	s.paint = func() {
		rule.FillColor = theme.Color(colorLine)
		if r.line.mark != "" {
			dot.FillColor = theme.Color(r.line.mark)
		}
		s.objects = s.objects[:0]
		switch r.line.kind {
		case ofEngine:
			s.objects = append(s.objects, rule, r.name, r.aside, r.detail)
			if r.line.mark != "" {
				s.objects = append(s.objects, dot)
			}
		case ofModel:
			s.objects = append(s.objects, r.name, r.loaded, r.detail)
		default:
			s.objects = append(s.objects, r.remark)
		}
		if r.line.action.deed != nothing {
			s.objects = append(s.objects, r.button)
		}
	}
	return s.start()
}
