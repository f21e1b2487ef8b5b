package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// tableRow is a line of a table: a cell for each column.
type tableRow struct {
	id    string // by which it stays chosen
	cells []string
	tones []fyne.ThemeColorName // of the cells; "" or none = of the text
}

// table is a page of rows with a head. It is one stop of the tab key: Up and Down
// choose a row and Enter opens it, Left and Right choose the column to sort by and
// Space turns the order, PageUp and PageDown turn the page.
type table struct {
	widget.BaseWidget
	columns []tableColumn
	rows    []tableRow
	note    *text // in place of rows

	sort      string
	ascending bool
	chosen    string // id; "" = none

	open   func(i int)                       // a row
	sorted func(sort string, ascending bool) // nil = it cannot be sorted
	turn   func(by int)                      // the page
	gained func()                            // the focus; nil = not told
	reveal func(y, height float32)           // a row that was chosen by key; nil = not told

	heads   []*text
	cells   [][]*text
	focused bool
	hovered int // row; -1 = none, headRow = the head
	inHead  int // column below the pointer
}

const (
	headRow     = -2
	headHeight  = 28
	tableLine   = 27
	columnGap   = gap
	leastGrown  = 96 // of a column that grows
	cellPad     = 6  // at the left and right of a row
	noRow       = -1
	tableNoteAt = headHeight + gapSmall
)

var (
	_ fyne.Focusable    = (*table)(nil)
	_ fyne.Tappable     = (*table)(nil)
	_ desktop.Hoverable = (*table)(nil)
)

func newTable(open func(i int)) *table {
	t := &table{open: open, hovered: noRow, note: newParagraph("", colorMuted)}
	t.ExtendBaseWidget(t)
	return t
}

// setColumns changes what the table is of, and forgets its rows.
func (t *table) setColumns(columns []tableColumn, sort string, ascending bool) {
	t.columns, t.sort, t.ascending, t.rows, t.chosen = columns, sort, ascending, nil, ""
	t.heads, t.cells = nil, nil
	for _, c := range columns {
		t.heads = append(t.heads, t.newCell(c, textSmall, colorMuted))
	}
	t.Refresh()
}

func (t *table) newCell(c tableColumn, size float32, color fyne.ThemeColorName) *text {
	cell := newText("", size, color)
	if c.number {
		cell.align = fyne.TextAlignTrailing
	}
	return cell
}

// show shows a page of rows, or a note in their place.
func (t *table) show(rows []tableRow, note string) {
	t.rows = rows
	for len(t.cells) < len(rows) {
		line := make([]*text, len(t.columns))
		for i, c := range t.columns {
			line[i] = t.newCell(c, textBody, colorText)
		}
		t.cells = append(t.cells, line)
	}
	for r, row := range rows {
		for i, cell := range t.cells[r] {
			tone := colorText
			if i < len(row.tones) && row.tones[i] != "" {
				tone = row.tones[i]
			}
			cell.setColored(row.cells[i], tone)
		}
	}
	t.note.set(note)
	t.Refresh()
}

// index is the row that is chosen; noRow = none.
func (t *table) index() int {
	return slices.IndexFunc(t.rows, func(r tableRow) bool { return r.id == t.chosen })
}

func (t *table) heightFor(width float32) float32 {
	if len(t.rows) == 0 {
		return tableNoteAt + t.note.heightFor(width)
	}
	return headHeight + float32(len(t.rows))*tableLine
}

// columnAt is the column at x; -1 = none.
func (t *table) columnAt(x float32) int {
	left := float32(cellPad)
	for i, w := range columnWidths(t.columns, t.Size().Width-2*cellPad) {
		if w == 0 {
			continue
		}
		if x >= left-columnGap/2 && x < left+w+columnGap/2 {
			return i
		}
		left += w + columnGap
	}
	return -1
}

func (t *table) rowAt(y float32) int {
	if y < headHeight {
		return headRow
	}
	if i := int((y - headHeight) / tableLine); i < len(t.rows) {
		return i
	}
	return noRow
}

// sortBy sorts by a column, or turns the order if it is that already.
func (t *table) sortBy(i int) {
	if i < 0 || t.sorted == nil || t.columns[i].sort == "" {
		return
	}
	c := t.columns[i]
	if c.sort == t.sort {
		t.ascending = !t.ascending
	} else {
		t.sort, t.ascending = c.sort, !c.number
	}
	t.Refresh()
	t.sorted(t.sort, t.ascending)
}

// sortBeside sorts by the next column that can be sorted by, to the left or right.
func (t *table) sortBeside(by int) {
	at := slices.IndexFunc(t.columns, func(c tableColumn) bool { return c.sort == t.sort })
	widths := columnWidths(t.columns, t.Size().Width-2*cellPad)
	for i := at + by; i >= 0 && i < len(t.columns); i += by {
		if t.columns[i].sort != "" && widths[i] > 0 {
			t.sortBy(i)
			return
		}
	}
}

// choose chooses a row by key.
func (t *table) choose(i int) {
	if len(t.rows) == 0 {
		return
	}
	i = min(max(0, i), len(t.rows)-1)
	t.chosen = t.rows[i].id
	t.Refresh()
	if t.reveal != nil {
		t.reveal(headHeight+float32(i)*tableLine, tableLine)
	}
}

// Tapped implements fyne.Tappable: a head sorts, a row opens.
func (t *table) Tapped(e *fyne.PointEvent) {
	switch i := t.rowAt(e.Position.Y); i {
	case headRow:
		t.sortBy(t.columnAt(e.Position.X))
	case noRow:
	default:
		t.chosen = t.rows[i].id
		t.Refresh()
		t.open(i)
	}
}

// TypedKey implements fyne.Focusable.
func (t *table) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyUp:
		t.choose(t.index() - 1)
	case fyne.KeyDown:
		t.choose(t.index() + 1)
	case fyne.KeyHome:
		t.choose(0)
	case fyne.KeyEnd:
		t.choose(len(t.rows) - 1)
	case fyne.KeyPageUp:
		t.turnPage(-1)
	case fyne.KeyPageDown:
		t.turnPage(1)
	case fyne.KeyLeft:
		t.sortBeside(-1)
	case fyne.KeyRight:
		t.sortBeside(1)
	case fyne.KeySpace:
		t.sortBy(slices.IndexFunc(t.columns, func(c tableColumn) bool { return c.sort == t.sort }))
	case fyne.KeyReturn, fyne.KeyEnter:
		if i := t.index(); i >= 0 {
			t.open(i)
		}
	default:
		passOn(t, e)
	}
}

func (t *table) turnPage(by int) {
	if t.turn != nil {
		t.turn(by)
	}
}

// TypedRune implements fyne.Focusable.
func (t *table) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (t *table) FocusGained() {
	t.focused = true
	t.Refresh()
	if t.gained != nil {
		t.gained()
	}
}

// FocusLost implements fyne.Focusable.
func (t *table) FocusLost() { t.focused = false; t.Refresh() }

// MouseIn implements desktop.Hoverable.
func (t *table) MouseIn(e *desktop.MouseEvent) { t.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable.
func (t *table) MouseMoved(e *desktop.MouseEvent) {
	row, column := t.rowAt(e.Position.Y), -1
	if row == headRow {
		column = t.columnAt(e.Position.X)
	}
	if row != t.hovered || column != t.inHead {
		t.hovered, t.inHead = row, column
		t.Refresh()
	}
}

// MouseOut implements desktop.Hoverable.
func (t *table) MouseOut() { t.hovered = noRow; t.Refresh() }

// CreateRenderer implements fyne.Widget.
func (t *table) CreateRenderer() fyne.WidgetRenderer {
	t.ExtendBaseWidget(t)
	rule, hover, chosen, ring := canvas.NewRectangle(nil), canvas.NewRectangle(nil), canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	for _, ground := range []*canvas.Rectangle{hover, chosen, ring} {
		ground.CornerRadius = cornerButton
	}
	r := &renderer{widget: t}
	r.min = func() fyne.Size { return fyne.NewSize(320, t.heightFor(max(320, t.Size().Width))) }
	r.layout = func(size fyne.Size) {
		put(rule, 0, headHeight-1, size.Width, 1)
		put(ring, 0, 0, size.Width, size.Height)
		put(t.note, cellPad, tableNoteAt, size.Width-2*cellPad, size.Height-tableNoteAt)
		line := func(i int) float32 { return headHeight + float32(i)*tableLine }
		put(hover, 0, line(max(0, t.hovered)), size.Width, tableLine)
		put(chosen, 0, line(max(0, t.index())), size.Width, tableLine)
		x := float32(cellPad)
		for i, w := range columnWidths(t.columns, size.Width-2*cellPad) {
			t.heads[i].Hidden = w == 0
			put(t.heads[i], x, 0, w, headHeight-1)
			for r := range t.rows {
				t.cells[r][i].Hidden = w == 0
				put(t.cells[r][i], x, line(r), w, tableLine)
			}
			if w > 0 {
				x += w + columnGap
			}
		}
	}
	r.paint = func() {
		rule.FillColor, hover.FillColor, chosen.FillColor = theme.Color(colorLine), theme.Color(theme.ColorNameHover), theme.Color(colorRaised)
		ring.FillColor, ring.StrokeColor, ring.StrokeWidth = nil, theme.Color(colorAccent), 2
		hover.Hidden, chosen.Hidden, ring.Hidden = t.hovered < 0 || t.hovered >= len(t.rows), t.index() < 0, !t.focused
		r.objects = append(r.objects[:0], rule, chosen, hover)
		for i, c := range t.columns {
			t.paintHead(i, c)
			r.objects = append(r.objects, t.heads[i])
			for row := range t.rows {
				r.objects = append(r.objects, t.cells[row][i])
			}
		}
		t.note.Hidden = len(t.rows) > 0
		r.objects = append(r.objects, t.note, ring)
	}
	return r.start()
}

// paintHead marks the column that the rows are sorted by.
func (t *table) paintHead(i int, c tableColumn) {
	title, color := c.title, colorMuted
	if c.sort != "" && c.sort == t.sort {
		color = colorText
		title += " ↓"
		if t.ascending {
			title = c.title + " ↑"
		}
	}
	if t.hovered == headRow && t.inHead == i && c.sort != "" && t.sorted != nil {
		color = colorText
	}
	t.heads[i].setColored(title, color)
}
