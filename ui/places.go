package ui

import (
	"fmt"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// maxRows is how many lines the two lists have at the most.
const maxRows = 8

// place is a line of "On the GPU": a request, or free places.
type place struct {
	number, app, model, rate, age string
	faint                         bool    // not a request that runs
	done                          float32 // part of the tokens it may make; below 0 = not known
	count                         string  // in place of done
}

// places are the lines for a snapshot.
func places(s app.Snapshot) []place {
	var busy []place
	limit, bounded := 0, false
	for _, q := range s.Queues {
		if len(q.Running) > 0 {
			limit += max(q.Limit, 0)
			bounded = bounded || q.Limit > 0
		}
		for _, r := range q.Running {
			p := place{number: fmt.Sprint(len(busy) + 1), app: r.App, model: short(q.Model), done: -1, age: brief(s.At.Sub(r.Released))}
			switch {
			case r.Leaving:
				p.rate, p.faint = "leaving", true
			case r.Tokens == 0 || r.FirstToken.IsZero():
				p.rate = "starting"
			default:
				p.rate = rate(r.Tokens, s.At.Sub(r.FirstToken))
			}
			switch {
			case r.MaxTokens > 0:
				p.done = float32(r.Tokens) / float32(r.MaxTokens)
			case r.Tokens > 0:
				p.count = plural(r.Tokens, "token", "tokens")
			}
			busy = append(busy, p)
		}
	}
	if len(busy) == 0 {
		limit = s.Limits.InFlight()
		bounded = limit > 0
	}
	if s.Limits.Mode == "serial" {
		limit = 1 // one place for all models
	}
	if len(busy) > maxRows {
		more := len(busy) - (maxRows - 1)
		return append(busy[:maxRows-1:maxRows-1], place{app: fmt.Sprintf("and %d more", more), faint: true, done: -1})
	}
	if free := limit - len(busy); bounded && free > 0 {
		busy = append(busy, freePlaces(len(busy)+1, free, maxRows-len(busy))...)
	}
	return busy
}

// freePlaces are lines for free places from number first on, the last standing
// for all that have no line of their own.
func freePlaces(first, free, lines int) []place {
	var all []place
	for i := range min(free, lines) {
		p := place{number: fmt.Sprint(first + i), app: "free", faint: true, done: -1}
		if i == lines-1 && free > lines {
			p.number, p.app = "", fmt.Sprintf("%d more free", free-i)
		}
		all = append(all, p)
	}
	return all
}

// short is a model's name without the tag that says nothing.
func short(model string) string { return strings.TrimSuffix(model, ":latest") }

// rate is tokens per second since the first token; its own moment is not
// counted, so one token has no rate yet.
func rate(tokens int, since time.Duration) string {
	if tokens < 2 || since < 100*time.Millisecond {
		return ""
	}
	perSecond := float64(tokens-1) / since.Seconds()
	if perSecond < 9.5 {
		return fmt.Sprintf("%.1f tok/s", perSecond)
	}
	return fmt.Sprintf("%.0f tok/s", perSecond)
}

// brief is a duration in its largest unit.
func brief(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Truncate(time.Second).Seconds())
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0f min", d.Truncate(time.Minute).Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Truncate(time.Hour).Hours())
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// placeRow draws a place.
type placeRow struct {
	widget.BaseWidget
	number, app, model, count, rate, age *text
	bar                                  *bar
}

func newPlaceRow() *placeRow {
	r := &placeRow{
		number: newText("", textBody, colorMuted), app: newText("", textBody, colorText),
		model: newText("", textBody, colorMuted), count: newText("", textBody, colorMuted),
		rate: newFigure(colorText), age: newFigure(colorMuted), bar: newBar(),
	}
	r.ExtendBaseWidget(r)
	return r
}

func (r *placeRow) set(p place) {
	strong := colorText
	if p.faint {
		strong = colorMuted
	}
	moved := (r.model.value == "") != (p.model == "")
	r.number.set(p.number)
	r.app.setColored(p.app, strong)
	r.model.set(p.model)
	r.count.set(p.count)
	rate := strong
	if p.rate == "starting" {
		rate = colorMuted
	}
	r.rate.setColored(p.rate, rate)
	r.age.set(p.age)
	r.bar.set(p.done)
	if hidden := p.done < 0; hidden != r.bar.Hidden {
		r.bar.Hidden = hidden
		r.bar.Refresh()
	}
	if moved {
		r.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (r *placeRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	objects := []fyne.CanvasObject{r.number, r.app, r.model, r.bar, r.count, r.rate, r.age}
	s := &renderer{widget: r, objects: objects, paint: func() {}}
	s.min = func() fyne.Size { return fyne.NewSize(320, rowHeight-1) }
	s.layout = func(size fyne.Size) {
		const number, rate, age = 28, 74, 46
		shared := size.Width - number - rate - age - 3*gap
		app := shared * 0.38
		model := shared * 0.30
		x := float32(0)
		put(r.number, x, 0, number-gapTiny, size.Height)
		x += number
		if r.model.value == "" { // free places and remarks may use the whole line
			app = size.Width - x
		}
		put(r.app, x, 0, app, size.Height)
		x += app + gap
		put(r.model, x, 0, model, size.Height)
		x += model + gap
		done := shared - app - model
		put(r.bar, x, 0, done, size.Height)
		put(r.count, x, 0, done, size.Height)
		put(r.rate, size.Width-age-gap/2-rate, 0, rate, size.Height)
		put(r.age, size.Width-age, 0, age, size.Height)
	}
	return s.start()
}
