package ui

import (
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

// memoryOpacity is of the stack of memory, which reads as a split.
const memoryOpacity = 0.75

func newCharts(reveal func(fyne.CanvasObject)) *charts {
	c := &charts{}
	together := chart.NewGroup()
	add := func(title string) *chart.Chart {
		made := chart.New(chartStyle)
		together.Add(made)
		made.OnFocus = func() { reveal(made) }
		c.cards = append(c.cards, newCard(title, made.Legend(), made))
		return made
	}
	c.tokens = add(tr("Tokens"))
	c.requests = add(tr("Requests"))
	c.first = add(tr("First token"))
	c.memory = add(tr("GPU"))
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
	x, out, in, running, waiting, limit []float64
	p50, p95                            []float64 // seconds
	used, ours, others, taken, free     []float64 // bytes; taken is what free stands on
	busy, total                         []float64 // bytes; busy is the utilization as a part of total
}

func columns(s app.Snapshot) samples {
	var c samples
	for _, l := range s.Live {
		c.x = append(c.x, l.At.Sub(s.At).Seconds())
		c.out, c.in = append(c.out, l.TokensPS), append(c.in, l.TokensInPS)
		c.running = append(c.running, float64(l.Running))
		c.waiting = append(c.waiting, float64(l.Waiting))
		limit := math.NaN() // no bound
		if l.Limit > 0 {
			limit = float64(l.Limit)
		}
		c.limit = append(c.limit, limit)
		c.p50, c.p95 = append(c.p50, known(l.FirstP50)), append(c.p95, known(l.FirstP95))
		used, ours, others, total := known(l.MemoryUsed), known(l.MemoryOurs), known(l.MemoryOthers), known(l.MemoryTotal)
		taken := used
		if split := ours + others; !math.IsNaN(split) {
			taken = split
		}
		c.used, c.ours, c.others, c.taken = append(c.used, used), append(c.ours, ours), append(c.others, others), append(c.taken, taken)
		c.free, c.total = append(c.free, max(0, total-taken)), append(c.total, total)
		c.busy = append(c.busy, total*known(l.Utilization))
	}
	return c
}

// known is *v; NaN where it was not measured.
func known[N float64 | uint64](v *N) float64 {
	if v == nil {
		return math.NaN()
	}
	return float64(*v)
}

func (c *charts) show(s app.Snapshot) {
	v := columns(s)
	frame := timeFrame(v.x)

	d := frame
	d.YMax, d.Unit = 10, " tok/s"
	d.Series = []chart.Series{
		{Name: tr("in"), Values: v.in, Color: theme.Color(colorSky)},
		{Name: tr("out"), Values: v.out, Color: theme.Color(colorAccent)},
	}
	c.tokens.Plot(d)

	d = frame
	d.YMax, d.Whole = 4, true
	d.Series = []chart.Series{
		{Name: tr("limit"), Values: v.limit, Color: theme.Color(colorMuted), Shape: chart.Step},
		{Name: tr("waiting"), Values: v.waiting, Color: theme.Color(colorOrange), Shape: chart.Step},
		{Name: tr("running"), Values: v.running, Color: theme.Color(colorAccent), Shape: chart.Step},
	}
	c.requests.Plot(d)

	d = frame
	d.YMax, d.Measure, d.Empty = 0.1, chart.Seconds, tr("The next answers draw their waits here.")
	d.Series = []chart.Series{
		{Name: tr("p50"), Values: v.p50, Color: theme.Color(colorSky)},
		{Name: tr("p95"), Values: v.p95, Color: theme.Color(colorPink)},
	}
	c.first.Plot(d)

	d = frame
	d.Measure, d.Empty = chart.Bytes, tr("The first reading draws a line here.")
	if !s.GPU.Available && s.GPU.Reason != "" {
		d.Empty = tr("Not measured: %s", s.GPU.Reason)
	}
	d.Series = memorySeries(s, v)
	c.memory.Plot(d)
}

// memorySeries is the memory as a stack that reaches up to all there is, and how
// hard the GPU works in percent of that height.
func memorySeries(s app.Snapshot, v samples) []chart.Series {
	stack := []chart.Series{{Name: tr("used"), Values: v.used, Color: theme.Color(colorSky), Area: true, Opacity: memoryOpacity}}
	if s.GPU.Ours.Memory != nil && s.GPU.Others.Memory != nil {
		stack = []chart.Series{
			{Name: tr("ours"), Values: v.ours, Color: theme.Color(colorSky), Area: true, Opacity: memoryOpacity},
			{Name: tr("others"), Values: v.others, Base: v.ours, Color: theme.Color(colorOrange), Area: true, Opacity: memoryOpacity},
		}
	}
	stack = append(stack, chart.Series{Name: tr("free"), Values: v.free, Base: v.taken, Color: theme.Color(colorGrey), Area: true})
	if n := len(v.total); s.GPU.Utilization != nil && n > 0 {
		stack = append(stack, chart.Series{Name: tr("busy"), Values: v.busy, Of: v.total[n-1], Color: theme.Color(colorMuted)})
	}
	return stack
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
		XTicks:  []chart.Tick{{At: -minutes * 60, Label: tr("%g min ago", minutes)}, {At: 0, Label: tr("now")}},
		FormatX: ago,
	}
}

// ago names a moment x seconds from now.
func ago(x float64) string {
	seconds := int(math.Round(-x))
	switch {
	case seconds < 1:
		return tr("now")
	case seconds < 60:
		return tr("%d s ago", seconds)
	}
	return tr("%d:%02d min ago", seconds/60, seconds%60)
}

func (c *charts) objects() []fyne.CanvasObject {
	var all []fyne.CanvasObject
	for _, each := range c.cards {
		all = append(all, each)
	}
	return all
}
