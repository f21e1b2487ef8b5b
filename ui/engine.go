package ui

import (
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// engines is the content of the card "Engine": where apps point, and what
// answers them.
type engines struct {
	widget.BaseWidget
	endpoint *text
	copy     *button
	obey     func(order)

	blocks []engineBlock
	doing  map[order]bool
	rows   map[string]*engineRow // by the id of their line
	gauge  *text                 // measures details
}

func newEngines(copyEndpoint func(), obey func(order)) *engines {
	e := &engines{endpoint: newBold("", textBody, colorText), copy: newButton("Copy", copyEndpoint),
		obey: obey, rows: map[string]*engineRow{}, gauge: newDetail()}
	e.ExtendBaseWidget(e)
	return e
}

// show takes over a snapshot; doing are the orders that are being done.
func (e *engines) show(s app.Snapshot, doing map[order]bool) {
	e.endpoint.set(s.Endpoint)
	e.blocks, e.doing = engineBlocks(s), doing
	e.Refresh()
}

const endpointHeight = buttonHeight + gapSmall

// heightFor is the height at a width of as much as room has place for.
func (e *engines) heightFor(width, room float32) float32 {
	height := float32(endpointHeight)
	for _, l := range e.lines(width, room) {
		height += e.lineHeight(l, width)
	}
	return height
}

// wholeHeight is the height at a width if nothing must be left out.
func (e *engines) wholeHeight(width float32) float32 { return e.heightFor(width, math.MaxFloat32) }

func (e *engines) lines(width, room float32) []engineLine {
	return fit(e.blocks, room-endpointHeight, func(l engineLine) float32 { return e.lineHeight(l, width) })
}

func (e *engines) lineHeight(l engineLine, width float32) float32 {
	switch l.kind {
	case ofEngine:
		return engineHeight
	case ofModel:
		return modelHeight
	}
	if l.short {
		return lineHeight(textSmall) + detailPad
	}
	e.gauge.value = l.name
	room := width - engineIndent
	if l.action.deed != nothing {
		// By the longer of what the button may say, so that nothing moves.
		room -= stopWidth
	}
	return e.gauge.heightFor(room) + detailPad
}

// row is what draws a line: always the same for the same line, so that the
// focus stays with what it is on.
func (e *engines) row(id string) *engineRow {
	r := e.rows[id]
	if r == nil {
		r = newEngineRow(e.obey)
		e.rows[id] = r
	}
	return r
}

// CreateRenderer implements fyne.Widget.
func (e *engines) CreateRenderer() fyne.WidgetRenderer {
	e.ExtendBaseWidget(e)
	r := &renderer{widget: e, objects: []fyne.CanvasObject{e.endpoint, e.copy}, paint: func() {}}
	r.min = func() fyne.Size { return fyne.NewSize(240, e.wholeHeight(max(240, e.Size().Width))) }
	r.layout = func(size fyne.Size) {
		copyWidth := e.copy.width()
		put(e.endpoint, 0, 0, size.Width-copyWidth-gapSmall, buttonHeight)
		put(e.copy, size.Width-copyWidth, 0, copyWidth, buttonHeight)
		y := float32(endpointHeight)
		r.objects = r.objects[:2]
		before := e.rows
		e.rows = map[string]*engineRow{}
		for _, l := range e.lines(size.Width, size.Height) {
			if row := before[l.id]; row != nil {
				e.rows[l.id] = row
			}
			row, height := e.row(l.id), e.lineHeight(l, size.Width)
			row.set(l, e.doing)
			put(row, 0, y, size.Width, height)
			y += height
			r.objects = append(r.objects, row)
		}
	}
	return r.start()
}
