package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

const (
	useHeadHeight = 26
	barPart       = 0.35 // of the room that is left over
)

// useTable is one line for each app, sortable by a click on a column's head. One
// line is chosen.
type useTable struct {
	widget.BaseWidget
	columns []useColumn
	heads   []*sortHead
	lines   *rows[*useRow]

	by     int // the column sorted by
	rising bool
	uses   []app.AppUse
	chosen string // the app of the chosen line
	shares func(app string) string
	choose func(app string)
	sorted func() // after the user sorted
}

func newUseTable(shares func(app string) string, choose func(app string), sorted func(), reveal func(fyne.CanvasObject)) *useTable {
	t := &useTable{shares: shares, choose: choose, sorted: sorted}
	t.setColumns(useColumns("", 0))
	t.by = slices.IndexFunc(t.columns, func(c useColumn) bool { return c.bar })
	t.lines = newRows(func() *useRow { return newUseRow(t, reveal) })
	t.ExtendBaseWidget(t)
	return t
}

// setColumns changes what is told; the column sorted by stays if it can.
func (t *useTable) setColumns(columns []useColumn) {
	if len(columns) == len(t.columns) {
		return
	}
	t.columns = columns
	for len(t.heads) < len(columns) {
		i := len(t.heads)
		t.heads = append(t.heads, newSortHead(columns[i].title, columns[i].names, func() { t.sortBy(i) }))
	}
	t.by = min(t.by, len(columns)-1)
}

// sortBy is what a click on a head does: the figures fall at first, and turn with
// the next click.
func (t *useTable) sortBy(i int) {
	if t.by == i {
		t.rising = !t.rising
	} else {
		t.by, t.rising = i, t.columns[i].names
	}
	t.sorted()
}

// show shows the uses, at most most lines, and a note below them.
func (t *useTable) show(uses []app.AppUse, chosen, note string, most int) {
	t.uses, t.chosen = sorted(uses, t.columns[t.by], t.rising), chosen
	for i, h := range t.heads {
		h.set(i == t.by, t.rising)
	}
	var total float64
	for _, u := range uses {
		total += u.Run.Seconds()
	}
	t.lines.show(min(len(uses), most), note, func(i int, r *useRow) { r.set(t.uses[i], total) })
	t.Refresh()
}

func (t *useTable) heightFor(width float32) float32 { return t.head() + t.lines.heightFor(width) }

// head is the height of the heads, which a table without lines has not.
func (t *useTable) head() float32 {
	if len(t.uses) == 0 {
		return 0
	}
	return useHeadHeight
}

// slot is where a column stands; a column without a width is left out.
type slot struct{ x, width float32 }

// slots divides a width: what is left over goes to the names and, a part of it, to
// the bars.
func (t *useTable) slots(width float32) []slot {
	shown := fitted(t.columns, width)
	left := width
	for _, c := range shown {
		left -= c.width
	}
	all := make([]slot, len(t.heads))
	x := float32(0)
	for i, c := range t.columns {
		if !slices.ContainsFunc(shown, func(s useColumn) bool { return s.title == c.title }) {
			continue
		}
		w := c.width
		switch {
		case c.names:
			w += max(0, left*(1-barPart))
		case c.bar:
			w += max(0, left*barPart)
		}
		all[i] = slot{x, w}
		x += w
	}
	return all
}

// CreateRenderer implements fyne.Widget.
func (t *useTable) CreateRenderer() fyne.WidgetRenderer {
	t.ExtendBaseWidget(t)
	r := &renderer{widget: t}
	r.min = func() fyne.Size { return fyne.NewSize(320, t.heightFor(max(320, t.Size().Width))) }
	r.layout = func(size fyne.Size) {
		for i, s := range t.slots(size.Width) {
			h := t.heads[i]
			h.Hidden = s.width == 0 || len(t.uses) == 0
			put(h, s.x, 0, s.width, useHeadHeight-gapTiny)
		}
		put(t.lines, 0, t.head(), size.Width, size.Height-t.head())
	}
	r.paint = func() {
		r.objects = r.objects[:0]
		for _, h := range t.heads {
			r.objects = append(r.objects, h)
		}
		r.objects = append(r.objects, t.lines)
	}
	return r.start()
}
