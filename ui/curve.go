package ui

import (
	"math"
	"strconv"
	"time"

	"fyne.io/fyne/v2/theme"

	"carpool/app"
	"carpool/ui/chart"
)

const (
	// leastSeconds is what a point of the curve must rest on: with less, one long
	// prompt is the figure.
	leastSeconds = 5
	leastCurve   = 8 // requests at once that the axis reaches at the least
	aheadOfCurve = 2 // times the largest number measured: how far ahead is drawn
)

// curve is what so many at once gave, the fewest first.
type curve struct {
	points []curvePoint
	from   string // where the figures come from, for people
	note   string // what to say while there are none
}

type curvePoint struct {
	running  int
	tokensPS float64
	first    float64 // p95 in seconds; NaN = not known
}

// newCurve takes what was seen in use or, where that is less than two numbers at
// once, the newest benchmark of the engine and model.
func newCurve(seen []app.CurvePoint, trials []app.Trial, engine, model string) curve {
	c := curve{from: tr("seen in the last 30 days")}
	for _, p := range seen {
		if p.Seconds >= leastSeconds {
			first := math.NaN()
			if p.FirstP95 != nil {
				first = *p.FirstP95
			}
			c.points = append(c.points, curvePoint{p.Running, p.TokensPS, first})
		}
	}
	if len(c.points) > 1 {
		return c
	}
	for _, t := range trials {
		if t.Engine != engine || t.Model != model {
			continue
		}
		b := curve{from: tr("benchmark of %s", dateOf(t.At))}
		for _, r := range t.Rows {
			if r.Size > 0 {
				b.points = append(b.points, curvePoint{r.Size, r.TokensPS, r.FirstP95.Seconds()})
			}
		}
		if len(b.points) > len(c.points) {
			return b
		}
	}
	return c
}

// curveNote says how a curve comes about.
func curveNote(s app.Snapshot) string {
	if !s.Config.History.Enabled {
		return tr("The history is off, so no curve is kept. Turn it on in Settings.")
	}
	return tr("Use it for a minute, or run a benchmark, and the curve of this model appears here.")
}

// data are the two charts: tokens per second and the first token, by how many run
// at once. now is the limit in force, and most the largest that may be set.
func (c curve) data(now, most int) (tokens, first chart.Data) {
	last := 0
	if n := len(c.points); n > 0 {
		last = c.points[n-1].running
	}
	end := max(leastCurve, min(most, aheadOfCurve*last), last)
	var d chart.Data
	d.XMin, d.XMax, d.XLabel, d.Empty = 1, float64(end), tr("requests at once"), c.note
	for x := 1; x <= end; x += max(1, end/8) {
		d.XTicks = append(d.XTicks, chart.Tick{At: float64(x), Label: strconv.Itoa(x)})
	}
	d.FormatX = func(x float64) string { return tr("%d at once", int(x)) }
	var rates, firsts []float64
	var hollow []bool
	for _, p := range c.points {
		d.X = append(d.X, float64(p.running))
		rates, firsts, hollow = append(rates, p.tokensPS), append(firsts, p.first), append(hollow, false)
	}
	if last > 0 && last < end {
		// Nobody knows how it goes on: drawn flat, with rings.
		for x := last + 1; x <= end; x++ {
			if x == end || x%max(1, end/8) == 0 {
				d.X = append(d.X, float64(x))
				rates, firsts = append(rates, c.points[len(c.points)-1].tokensPS), append(firsts, math.NaN())
				hollow = append(hollow, true)
			}
		}
		d.Shade = []chart.Span{{From: float64(last) + 0.5, To: float64(end), Label: tr("not measured yet")}}
	}
	tokens, first = d, d
	tokens.Unit, tokens.YMax = " tok/s", 10
	for _, rate := range rates {
		tokens.YMax = max(tokens.YMax, 1.2*rate) // room for the words above the points
	}
	tokens.Series = []chart.Series{{Name: tr("tokens/s"), Values: rates, Hollow: hollow, Dots: true, Color: theme.Color(colorAccent)}}
	if c.has(now) {
		at := float64(now)
		tokens.Now, tokens.NowLabel = &at, tr("now")
		first.Now = &at
	}
	// Numbers and not chart.Seconds, whose longer labels would move the axis out of line.
	first.XLabel, first.Shade, first.YMax, first.Unit = "", nil, 0.1, " s"
	first.Empty = tr("no first token seen yet")
	if len(c.points) == 0 {
		first.Empty = " "
	}
	first.Series = []chart.Series{{Name: tr("first token p95"), Values: firsts, Dots: true, Color: theme.Color(colorPink)}}
	return tokens, first
}

func (c curve) has(running int) bool {
	for _, p := range c.points {
		if p.running == running {
			return true
		}
	}
	return false
}

// curveEvery is how often the open page reads the curve again.
const curveEvery = 10 * time.Second
