package ui

import (
	"fmt"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"carpool/app"
	"carpool/ui/chart"
)

// charts are the last minutes in four pictures.
type charts struct {
	tokens, requests, first, memory *chart.Chart
	cards                           []*card // in the order of reading
}

func newCharts() *charts {
	c := &charts{}
	add := func(title string) *chart.Chart {
		made := chart.New(chartStyle)
		c.cards = append(c.cards, newCard(title, made.Legend(), made))
		return made
	}
	c.tokens = add("Tokens per second")
	c.requests = add("Running and waiting")
	c.first = add("Time to first token")
	c.memory = add("GPU memory")
	return c
}

func chartStyle() chart.Style {
	return chart.Style{
		Text: theme.Color(colorText), Muted: theme.Color(colorMuted), Grid: theme.Color(colorLine),
		Surface: theme.Color(colorSurface), Raised: theme.Color(colorRaised), Focus: theme.Color(colorAccent),
		TextSize: textBody, SmallSize: textAxis, LineWidth: chartLine, Corner: cornerButton, Gap: gap,
	}
}

// samples is a snapshot's Live as columns.
type samples struct {
	x, tokens, running, waiting, limit, p50, p95 []float64
	used, ours, others, total                    []float64 // GiB
}

const gib = 1 << 30

func columns(s app.Snapshot) samples {
	var c samples
	for _, l := range s.Live {
		c.x = append(c.x, l.At.Sub(s.At).Seconds())
		c.tokens = append(c.tokens, l.TokensPS)
		c.running = append(c.running, float64(l.Running))
		c.waiting = append(c.waiting, float64(l.Waiting))
		limit := math.NaN() // no bound
		if l.Limit > 0 {
			limit = float64(l.Limit)
		}
		c.limit = append(c.limit, limit)
		c.p50 = append(c.p50, known(l.FirstP50, 1))
		c.p95 = append(c.p95, known(l.FirstP95, 1))
		c.used = append(c.used, known(l.MemoryUsed, gib))
		c.ours = append(c.ours, known(l.MemoryOurs, gib))
		c.others = append(c.others, known(l.MemoryOthers, gib))
		c.total = append(c.total, known(l.MemoryTotal, gib))
	}
	return c
}

// known is *v in a unit; NaN where it was not measured.
func known[N float64 | uint64](v *N, unit float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return float64(*v) / unit
}

func (c *charts) show(s app.Snapshot) {
	v := columns(s)
	frame := timeFrame(v.x)

	d := frame
	d.YMax, d.Unit = 10, " tok/s"
	d.Series = []chart.Series{{Name: "out", Values: v.tokens, Color: theme.Color(colorAccent)}}
	c.tokens.Plot(d)

	d = frame
	d.YMax, d.Whole = 4, true
	d.Series = []chart.Series{
		{Name: "limit", Values: v.limit, Color: theme.Color(colorMuted), Shape: chart.Step},
		{Name: "waiting", Values: v.waiting, Color: theme.Color(colorOrange), Shape: chart.Step},
		{Name: "running", Values: v.running, Color: theme.Color(colorAccent), Shape: chart.Step},
	}
	c.requests.Plot(d)

	d = frame
	d.YMax, d.Unit, d.Empty = 0.1, " s", "The next answers draw their waits here."
	d.Series = []chart.Series{
		{Name: "p50", Values: v.p50, Color: theme.Color(colorSky)},
		{Name: "p95", Values: v.p95, Color: theme.Color(colorPink)},
	}
	c.first.Plot(d)

	d = frame
	d.Unit, d.Empty = " GiB", "The first reading draws a line here."
	if !s.GPU.Available && s.GPU.Reason != "" {
		d.Empty = "Not measured: " + s.GPU.Reason
	}
	whole := chart.Series{Name: "of", Values: v.total, Color: theme.Color(colorGrey)}
	d.Series = []chart.Series{{Name: "used", Values: v.used, Color: theme.Color(colorMuted), Area: true}, whole}
	if s.GPU.Ours.Memory != nil && s.GPU.Others.Memory != nil {
		d.Series = []chart.Series{
			{Name: "ours", Values: v.ours, Color: theme.Color(colorSky), Area: true},
			{Name: "others", Values: v.others, Base: v.ours, Color: theme.Color(colorOrange), Area: true},
			whole,
		}
	}
	c.memory.Plot(d)
}

// timeFrame is the time axis for samples at x seconds: the shortest of a few
// spans that holds them all, ending now.
func timeFrame(x []float64) chart.Data {
	oldest := 0.0
	if len(x) > 0 {
		oldest = -x[0]
	}
	minutes := 10.0
	for _, m := range []float64{1, 2, 5} {
		if oldest <= m*60 {
			minutes = m
			break
		}
	}
	return chart.Data{
		X: x, XMin: -minutes * 60,
		XTicks:  []chart.Tick{{At: -minutes * 60, Label: fmt.Sprintf("−%g min", minutes)}, {At: 0, Label: "now"}},
		FormatX: ago,
	}
}

// ago names a moment x seconds from now.
func ago(x float64) string {
	seconds := int(math.Round(-x))
	switch {
	case seconds < 1:
		return "now"
	case seconds < 60:
		return fmt.Sprintf("%d s ago", seconds)
	}
	return fmt.Sprintf("%d:%02d min ago", seconds/60, seconds%60)
}

func (c *charts) objects() []fyne.CanvasObject {
	var all []fyne.CanvasObject
	for _, each := range c.cards {
		all = append(all, each)
	}
	return all
}
