package ui

import (
	"context"
	"fmt"
	"slices"

	"github.com/dustin/go-humanize"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

// perPage is how many rows a page of the table has.
const perPage = 20

// What the table of the page History can be of.
const (
	ofRequests = iota
	ofBatches
)

// records is the table of requests, or of batches, with its filters. It is of the
// history page, and read in the same way: off Fyne's goroutine, the last wins.
type records struct {
	w     *Window
	kinds *segments
	apps, models,
	engines, outcomes *filterBy
	clear          *button
	table          *table
	count          *text
	earlier, later *button // pages
	content        *fyne.Container

	reads    readings
	period   app.Range // as of the last read
	offset   int
	total    int64
	requests []app.RequestRow // of the page, where it is of requests
	batches  []app.BatchRow
	resized  func() // after the height may have changed
}

func newRecords(w *Window, open func(i int), resized func()) *records {
	r := &records{w: w, table: newTable(open), count: newText("", textBody, colorMuted), resized: resized}
	again := func() { r.from(0) }
	r.kinds = newSegments([]string{tr("Requests"), tr("Batches")}, func(int) {
		r.columns()
		again()
	})
	r.kinds.set(ofRequests)
	r.apps, r.models = newFilterBy(tr("App"), again), newFilterBy(tr("Model"), again)
	r.engines, r.outcomes = newFilterBy(tr("Engine"), again), newFilterBy(tr("Outcome"), again)
	r.outcomes.name = outcomeName
	r.clear = newLink(tr("Clear"), func() {
		for _, f := range r.filters() {
			f.set("")
		}
		again()
	})
	r.earlier, r.later = newLink(tr("Previous"), func() { r.turn(-1) }), newLink(tr("Next"), func() { r.turn(1) })
	r.table.sorted = func(string, bool) { again() }
	r.table.turn = r.turn
	r.content = container.New(recordsLayout{r}, r.kinds, r.apps, r.models, r.engines, r.outcomes, r.clear, r.table, r.count, r.earlier, r.later)
	r.columns()
	return r
}

func (r *records) ofBatches() bool { return r.kinds.chosen == ofBatches }

func (r *records) filters() []*filterBy { return []*filterBy{r.apps, r.models, r.engines, r.outcomes} }

// columns fits table and filters to what the table is of.
func (r *records) columns() {
	r.requests, r.batches = nil, nil
	if r.ofBatches() {
		r.table.setColumns(batchColumns(), "started", false)
	} else {
		r.table.setColumns(requestColumns(), "started", false)
	}
	for _, f := range []*filterBy{r.apps, r.outcomes} { // a batch has neither
		f.Hidden = r.ofBatches()
	}
	r.content.Refresh()
}

// offer has the filters list what is in the history.
func (r *records) offer(n app.Names) {
	r.apps.offer(n.Apps)
	r.models.offer(n.Models)
	r.engines.offer(n.Engines)
	r.outcomes.offer(n.Outcomes)
}

// filter is what the next read asks for.
func (r *records) filter() app.Filter {
	f := app.Filter{Query: r.period, Engine: r.engines.value, Model: r.models.value, Sort: r.table.sort, Ascending: r.table.ascending, Offset: r.offset}
	f.Limit = perPage
	if !r.ofBatches() {
		f.App, f.Outcome = r.apps.value, r.outcomes.value
	}
	return f
}

// filtered says whether anything is left out.
func (r *records) filtered() bool {
	f := r.filter()
	return f.App+f.Model+f.Engine+f.Outcome != ""
}

// turn turns the page.
func (r *records) turn(by int) {
	to := r.offset + by*perPage
	if to >= 0 && int64(to) < r.total {
		r.table.chosen = ""
		r.from(to)
	}
}

func (r *records) from(offset int) {
	r.offset = offset
	r.read(r.period)
}

// read reads the page of rows that is shown.
func (r *records) read(period app.Range) {
	r.period = period
	number, f, batches := r.reads.ask(), r.filter(), r.ofBatches()
	r.w.errands.put(func(ctx context.Context) {
		var requests []app.RequestRow
		var rows []app.BatchRow
		var total int64
		var err error
		if batches {
			rows, total, err = r.w.carpool.FindBatches(ctx, f)
		} else {
			requests, total, err = r.w.carpool.FindRequests(ctx, f)
		}
		r.w.do(func() {
			if r.reads.answer(number) {
				r.requests, r.batches, r.total = requests, rows, total
				r.show(err)
			}
		})
	})
}

func (r *records) show(err error) {
	var rows []tableRow
	for _, q := range r.requests {
		rows = append(rows, requestRow(q, r.w.last.At))
	}
	for _, b := range r.batches {
		rows = append(rows, batchRow(b, r.w.last.At))
	}
	r.table.show(rows, r.note(err))
	r.count.set(r.counted(len(rows)))
	r.earlier.set(r.earlier.label.value, r.offset == 0)
	r.later.set(r.later.label.value, int64(r.offset+perPage) >= r.total)
	for _, o := range []fyne.CanvasObject{r.earlier, r.later} {
		setHidden(o, r.total <= perPage)
	}
	setHidden(r.clear, !r.filtered())
	r.content.Refresh()
	r.resized()
}

func setHidden(o fyne.CanvasObject, hidden bool) {
	if hidden {
		o.Hide()
	} else {
		o.Show()
	}
}

// note says why there are no rows.
func (r *records) note(err error) string {
	switch {
	case err != nil:
		return tr("Not read: %s", sentenceOf(err.Error()))
	case r.filtered():
		return tr("Nothing in this time is like that. Clear the filters to see all.")
	case r.ofBatches():
		return tr("No batch ended in this time. Requests that were released together appear here as one.")
	}
	return tr("No request ended in this time. Each that goes through Carpool appears here when it has ended.")
}

func (r *records) counted(rows int) string {
	if rows == 0 {
		return ""
	}
	total := humanize.Comma(r.total)
	if r.total <= perPage {
		if r.ofBatches() {
			return trn(int(r.total), "%d batch", "%d batches")
		}
		return trn(int(r.total), "%d request", "%d requests")
	}
	return tr("%s to %s of %s", humanize.Comma(int64(r.offset+1)), humanize.Comma(int64(r.offset+rows)), total)
}

func (r *records) heightFor(width float32) float32 {
	return filterHeight + gap + r.table.heightFor(width) + gapSmall + linkHeight
}

const (
	filterHeight = 36
	kindsWidth   = 176
	leastFilter  = 104
	mostFilter   = 190
)

// recordsLayout places the filters, the table and what turns its pages.
type recordsLayout struct{ r *records }

// MinSize implements fyne.Layout.
func (l recordsLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(640, l.r.heightFor(max(640, l.r.content.Size().Width)))
}

// Layout implements fyne.Layout.
func (l recordsLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	r := l.r
	put(r.kinds, 0, 1, kindsWidth, filterHeight-2)
	clear := r.clear.width()
	x := float32(kindsWidth + gap)
	var shown []*filterBy
	for _, f := range r.filters() {
		if !f.Hidden {
			shown = append(shown, f)
		}
	}
	room := size.Width - x - clear - gapSmall
	each := min(max(leastFilter, room/float32(len(shown))-gapSmall), mostFilter)
	for _, f := range shown {
		put(f, x, 0, each, filterHeight)
		x += each + gapSmall
	}
	put(r.clear, size.Width-clear+linkPad, (filterHeight-linkHeight)/2, clear, linkHeight)
	y := float32(filterHeight + gap)
	table := r.table.heightFor(size.Width)
	put(r.table, 0, y, size.Width, table)
	y += table + gapSmall
	later, earlier := r.later.width(), r.earlier.width()
	put(r.later, size.Width-later+linkPad, y, later, linkHeight)
	put(r.earlier, size.Width-later-earlier+linkPad, y, earlier, linkHeight)
	put(r.count, cellPad, y, size.Width-later-earlier-gap, linkHeight)
}

// filterBy is a choice of one name, or of all, which it names while none is chosen.
type filterBy struct {
	drop
	all     string
	value   string              // "" = all
	values  []string            // of the options, after the first
	name    func(string) string // of a value for people; nil = itself
	changed func()
}

func newFilterBy(all string, changed func()) *filterBy {
	f := &filterBy{all: all, changed: changed}
	f.Options, f.Selected = []string{all}, all
	f.OnChanged = func(string) {
		value := ""
		if i := f.SelectedIndex(); i > 0 {
			value = f.values[i-1]
		}
		if value != f.value {
			f.value = value
			f.changed()
		}
	}
	f.ExtendBaseWidget(f)
	return f
}

// offer lists values; what is chosen stays.
func (f *filterBy) offer(values []string) {
	if f.value != "" && !slices.Contains(values, f.value) {
		values = append(slices.Clone(values), f.value)
	}
	if slices.Equal(values, f.values) {
		return
	}
	f.values = values
	options := []string{f.all}
	for _, v := range values {
		options = append(options, f.label(v))
	}
	f.Options = options
	f.Refresh()
}

func (f *filterBy) label(value string) string {
	if f.name != nil {
		return f.name(value)
	}
	return fmt.Sprint(value)
}

// set chooses without telling.
func (f *filterBy) set(value string) {
	f.value = value
	f.Selected = f.all
	if value != "" {
		f.Selected = f.label(value)
	}
	f.Refresh()
}
