package ui

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// totals is the content of the card "Since the start": four figures, two to a
// line.
type totals struct {
	widget.BaseWidget
	names, values [4]*text
}

const totalsHeight = 2 * rowHeight

func newTotals() *totals {
	t := &totals{}
	for i, name := range []string{"Requests", "Batches", "At once, mean", "Batch size, mean"} {
		t.names[i] = newText(name, textBody, colorMuted)
		t.values[i] = newFigure(colorText)
		t.values[i].bold = true
	}
	t.ExtendBaseWidget(t)
	return t
}

func (t *totals) show(s app.Snapshot) {
	b := s.Batching
	values := [4]string{humanize.Comma(int64(b.Requests)), humanize.Comma(int64(b.Batches)), "–", "–"}
	if b.Batches > 0 {
		values[2], values[3] = fmt.Sprintf("%.1f", b.AvgConcurrency), fmt.Sprintf("%.1f", b.AvgBatchSize)
	}
	changed := false
	for i, v := range values {
		changed = changed || t.values[i].value != v
		t.values[i].value = v
	}
	if changed {
		t.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (t *totals) CreateRenderer() fyne.WidgetRenderer {
	t.ExtendBaseWidget(t)
	rules := [2]*canvas.Rectangle{canvas.NewRectangle(nil), canvas.NewRectangle(nil)}
	r := &renderer{widget: t, objects: []fyne.CanvasObject{rules[0], rules[1]}}
	for i := range t.names {
		r.objects = append(r.objects, t.names[i], t.values[i])
	}
	r.min = func() fyne.Size { return fyne.NewSize(240, totalsHeight) }
	r.layout = func(size fyne.Size) {
		left := (size.Width - gap) * 0.46
		for i := range t.names {
			x, w, y := float32(0), left, float32(i/2)*rowHeight
			if i%2 == 1 {
				x, w = left+gap, size.Width-left-gap
			}
			put(rules[i/2], 0, y, size.Width, 1)
			value := min(t.values[i].width()+1, w)
			put(t.names[i], x, y+1, w-value-gapTiny, rowHeight-1)
			put(t.values[i], x+w-value, y+1, value, rowHeight-1)
			t.values[i].Refresh()
		}
	}
	r.paint = func() {
		for _, rule := range rules {
			rule.FillColor = theme.Color(colorLine)
		}
	}
	return r.start()
}
