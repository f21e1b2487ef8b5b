package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"

	"carpool/app"
)

// useRow is an app's line of a useTable. A press chooses it.
type useRow struct {
	pressLine
	table   *useTable
	app     string
	chosen  bool
	figures []*text // by column
	bar     *bar
	share   *chip // its priority and weight, if they are not the usual ones
}

func newUseRow(t *useTable, reveal func(fyne.CanvasObject)) *useRow {
	r := &useRow{table: t, bar: newBar(), share: newChip(false)}
	r.press, r.reveal = func() { t.choose(r.app) }, reveal
	r.becomes(r)
	return r
}

// set shows a use; total is the GPU time of all in seconds.
func (r *useRow) set(u app.AppUse, total float64) {
	for len(r.figures) < len(r.table.columns) {
		figure := newFigure(colorText)
		if r.table.columns[len(r.figures)].names {
			figure.align = fyne.TextAlignLeading
		}
		r.figures = append(r.figures, figure)
	}
	for i, c := range r.table.columns {
		value := c.figure(u)
		color := colorText
		if value == "–" {
			color = colorMuted
		}
		r.figures[i].setColored(value, color)
	}
	if total > 0 {
		r.bar.set(float32(u.Run.Seconds() / total))
	}
	r.app, r.chosen = u.App, u.App == r.table.chosen
	r.share.set(r.table.shares(u.App), false)
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *useRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	ground := canvas.NewRectangle(nil)
	ground.CornerRadius = cornerButton
	s := &renderer{widget: r}
	s.min = func() fyne.Size { return fyne.NewSize(320, rowHeight-1) }
	s.layout = func(size fyne.Size) {
		// The ground reaches out of the line, so that its figures stay in their columns.
		put(ground, -gapSmall, 1, size.Width+2*gapSmall, size.Height-2)
		const figure = 56 // of the column with the bar
		for i, at := range r.table.slots(size.Width) {
			if i >= len(r.figures) {
				break
			}
			f := r.figures[i]
			f.Hidden = at.width == 0
			put(f, at.x, 0, at.width, size.Height)
			if f.Hidden {
				continue
			}
			switch c := r.table.columns[i]; {
			case c.names:
				const least = 40 // of the remark; with less it is left out
				name := min(f.width()+1, at.width-gapSmall)
				put(f, at.x, 0, name, size.Height)
				share := min(r.share.width()+1, at.width-name-2*gapSmall)
				r.share.Hidden = r.share.label.value == "" || share < min(least, r.share.width())
				put(r.share, at.x+name+gapSmall, 0, share, size.Height)
			case c.bar:
				put(r.bar, at.x+gap, 0, at.width-gap-figure, size.Height)
			}
		}
	}
	s.paint = func() {
		ground.Hidden = !r.chosen && !r.hovered && !r.focused
		ground.FillColor, ground.StrokeWidth = theme.Color(colorRaised), 0
		if r.focused {
			ground.StrokeColor, ground.StrokeWidth = theme.Color(colorAccent), 2
		}
		s.objects = append(s.objects[:0], ground, r.bar, r.share)
		for _, f := range r.figures {
			s.objects = append(s.objects, f)
		}
	}
	return s.start()
}
