package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

const (
	inspectorWidth = 800
	detailLabel    = 140
	detailLine     = 24
	columnsApart   = gapLarge
)

// inspector shows over the whole window what is known of a request or a batch. The
// escape key closes it.
type inspector struct {
	canvas fyne.Canvas
	title  *text
	says   *text // below the title
	facts  *facts
	head   *text  // of the table
	table  *table // of a batch's requests; nil = none
	scroll *container.Scroll
	follow *button // to what belongs to it; nil = nothing does
	close  *button
	hide   func()
}

// openInspector shows details; closed is called once.
func openInspector(c fyne.Canvas, title, says string, details []detail, closed func()) *inspector {
	i := &inspector{canvas: c, title: newBold(title, textHeading, colorText), says: newText(says, textSmall, colorMuted),
		facts: newFacts(details), head: newBold("", textBody, colorText)}
	shut := func() {
		i.hide()
		closed()
	}
	i.close = newButton(tr("Close"), shut)
	i.scroll = container.NewVScroll(nil)
	i.fill()
	i.hide = showOver(c, container.New(i, i.title, i.says, i.scroll, i.close), shut)
	c.Focus(i.close)
	return i
}

// fill lists what scrolls.
func (i *inspector) fill() {
	objects := []fyne.CanvasObject{i.facts}
	if i.follow != nil {
		objects = append(objects, i.follow)
	}
	if i.table != nil {
		objects = append(objects, i.head, i.table)
	}
	i.scroll.Content = container.New(inside{i}, objects...)
	i.scroll.Refresh()
}

// link adds a button that closes the details and goes on.
func (i *inspector) link(label string, tapped func()) {
	i.follow = newLink(label, func() {
		i.close.tap()
		tapped()
	})
	i.follow.gained = func() { reveal(i.scroll, i.follow) }
	i.fill()
}

// list adds a table, whose height may have changed.
func (i *inspector) list(head string, t *table) {
	i.head.set(head)
	i.table = t
	i.fill()
}

const aboveDetails = gap + 24 + 18 + gap // title and what is below it

// MinSize implements fyne.Layout: it has the height that details of a request take,
// if the window has, so that nothing moves when more is read.
func (i *inspector) MinSize([]fyne.CanvasObject) fyne.Size {
	room := i.canvas.Size().SubtractWidthHeight(2*gapLarge, 2*gapLarge)
	const most = aboveDetails + 15*detailLine + belowSteps
	return fyne.NewSize(min(inspectorWidth, room.Width), min(most, room.Height))
}

// Layout implements fyne.Layout.
func (i *inspector) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	width := size.Width - 2*gap
	put(i.title, gap, gap, width, lineHeight(textHeading))
	put(i.says, gap, gap+lineHeight(textHeading), width, lineHeight(textSmall))
	put(i.scroll, gap, aboveDetails, size.Width-gap, size.Height-aboveDetails-belowSteps)
	i.scroll.Refresh()
	put(i.close, size.Width-gap-i.close.width(), size.Height-gap-buttonHeight, i.close.width(), buttonHeight)
}

// inside lays out what scrolls.
type inside struct{ i *inspector }

// MinSize implements fyne.Layout.
func (l inside) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(0, l.place(l.width(), func(fyne.CanvasObject, float32, float32, float32, float32) {}))
}

// Layout implements fyne.Layout.
func (l inside) Layout([]fyne.CanvasObject, fyne.Size) { l.place(l.width(), put) }

func (l inside) width() float32 { return max(320, l.i.scroll.Size().Width-gap) }

func (l inside) place(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) (height float32) {
	i := l.i
	height = i.facts.height()
	put(i.facts, 0, 0, width, height)
	if i.follow != nil {
		height += gapSmall
		put(i.follow, -linkPad, height, i.follow.width(), linkHeight)
		height += linkHeight
	}
	if i.table != nil {
		height += gap
		put(i.head, 0, height, width, lineHeight(textBody))
		height += lineHeight(textBody) + gapTiny
		table := i.table.heightFor(width)
		put(i.table, 0, height, width, table)
		height += table
	}
	return height
}

// facts are details in two columns, read downwards.
type facts struct {
	widget.BaseWidget
	names, values []*text
}

func newFacts(details []detail) *facts {
	f := &facts{}
	for _, d := range details {
		tone := d.tone
		if tone == "" {
			tone = colorText
		}
		f.names = append(f.names, newText(d.name, textBody, colorMuted))
		f.values = append(f.values, newText(d.value, textBody, tone))
	}
	f.ExtendBaseWidget(f)
	return f
}

func (f *facts) lines() int { return (len(f.names) + 1) / 2 }

func (f *facts) height() float32 { return float32(f.lines()) * detailLine }

// CreateRenderer implements fyne.Widget.
func (f *facts) CreateRenderer() fyne.WidgetRenderer {
	f.ExtendBaseWidget(f)
	r := &renderer{widget: f, paint: func() {}}
	for i := range f.names {
		r.objects = append(r.objects, f.names[i], f.values[i])
	}
	r.min = func() fyne.Size { return fyne.NewSize(320, f.height()) }
	r.layout = func(size fyne.Size) {
		column := (size.Width - columnsApart) / 2
		for i := range f.names {
			x := float32(i/f.lines()) * (column + columnsApart)
			y := float32(i%f.lines()) * detailLine
			put(f.names[i], x, y, detailLabel-gapSmall, detailLine)
			put(f.values[i], x+detailLabel, y, column-detailLabel, detailLine)
		}
	}
	return r.start()
}
