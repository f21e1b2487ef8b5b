package ui

import (
	"math"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"carpool/app"
	"carpool/ui/chart"
)

// pastCharts are a period of the history in four pictures, those of the page Now.
type pastCharts struct {
	tokens, requests, first, memory *chart.Chart
	cards                           []*card // in the order of reading
}

// newPastCharts calls zoomed for a range that is picked in one of them, and back
// for a double click.
func newPastCharts(zoomed func(from, to time.Time), back func()) *pastCharts {
	c := &pastCharts{}
	together := chart.NewGroup()
	add := func(title string) *chart.Chart {
		made := chart.New(chartStyle)
		together.Add(made)
		made.OnZoom = func(from, to float64) { zoomed(momentAt(from), momentAt(to)) }
		made.OnReset = back
		c.cards = append(c.cards, newCard(title, made.Legend(), made))
		return made
	}
	c.tokens = add(tr("Tokens per second"))
	c.requests = add(tr("Requests"))
	c.first = add(tr("Time to first token"))
	c.memory = add(tr("GPU"))
	return c
}

// momentAt is the time at a place on the axis, to the millisecond.
func momentAt(x float64) time.Time { return time.UnixMilli(int64(math.Round(x * 1000))) }

// pastColumns are points as columns, with a gap wherever nothing was sampled.
type pastColumns struct {
	x, out, in, running, waiting, limit []float64
	p50, p95                            []float64 // seconds
	used, ours, others, taken, free     []float64 // bytes; taken is what free stands on
	busy                                []float64 // bytes: the utilization as a part of total
	total                               float64   // bytes, as of the last point that knows; 0 = none
	split, works                        bool      // ours and others, and the utilization, are known
}

func columnsOf(p app.Points) pastColumns {
	var c pastColumns
	for i, at := range p.Points {
		if i > 0 && at.At.Sub(p.Points[i-1].At) > p.Step*3/2 {
			c.add(chart.Unix(p.Points[i-1].At.Add(p.Step*3/2)), nil)
		}
		// In the middle of its span.
		c.add(chart.Unix(at.At.Add(p.Step/2)), &p.Points[i])
	}
	return c
}

// add appends a point; nil is a gap.
func (c *pastColumns) add(x float64, p *app.Point) {
	gap := math.NaN()
	out, in, running, waiting, limit := gap, gap, gap, gap, gap
	p50, p95, used, ours, others, total, busy := gap, gap, gap, gap, gap, gap, gap
	if p != nil {
		out, in, running, waiting = p.TokensOut, p.TokensIn, p.Running, p.Waiting
		if p.Limit > 0 {
			limit = p.Limit
		}
		p50, p95 = known(p.FirstP50), known(p.FirstP95)
		used, total, ours, others = known(p.MemoryUsed), known(p.MemoryTotal), known(p.MemoryOurs), known(p.MemoryOthers)
		busy = total * known(p.Utilization)
	}
	taken := used
	if both := ours + others; !math.IsNaN(both) {
		taken, c.split = both, true
	}
	if !math.IsNaN(total) {
		c.total = total
	}
	c.works = c.works || !math.IsNaN(busy)
	c.x, c.busy = append(c.x, x), append(c.busy, busy)
	c.out, c.in, c.running, c.waiting, c.limit = append(c.out, out), append(c.in, in), append(c.running, running), append(c.waiting, waiting), append(c.limit, limit)
	c.p50, c.p95 = append(c.p50, p50), append(c.p95, p95)
	c.used, c.ours, c.others = append(c.used, used), append(c.ours, ours), append(c.others, others)
	c.taken, c.free = append(c.taken, taken), append(c.free, max(0, total-taken))
}

// past is what was read of the history for the charts.
type past struct {
	from, to time.Time
	points   app.Points
	events   []app.Event
	empty    string // what to say where there is nothing
}

func (c *pastCharts) show(p past) {
	v := columnsOf(p.points)
	width := c.tokens.Size().Width
	dates := calendar()
	frame := chart.Data{
		X: v.x, XMin: chart.Unix(p.from), XMax: chart.Unix(p.to), XTicks: dates.Ticks(p.from.Local(), p.to.Local(), width),
		FormatX: dates.Format, Marks: marks(p.events, p.from, p.to, width), Empty: p.empty,
	}

	d := frame
	d.YMax, d.Unit = 10, " tok/s"
	d.Series = []chart.Series{
		{Name: tr("in"), Values: v.in, Color: theme.Color(colorSky)},
		{Name: tr("out"), Values: v.out, Color: theme.Color(colorAccent)},
	}
	c.tokens.Plot(d)

	d = frame
	d.YMax, d.Whole = 4, p.points.Step <= time.Second
	d.Series = []chart.Series{
		{Name: tr("limit"), Values: v.limit, Color: theme.Color(colorMuted), Shape: chart.Step},
		{Name: tr("waiting"), Values: v.waiting, Color: theme.Color(colorOrange), Shape: chart.Step},
		{Name: tr("running"), Values: v.running, Color: theme.Color(colorAccent), Shape: chart.Step},
	}
	c.requests.Plot(d)

	d = frame
	d.YMax, d.Measure = 0.1, chart.Seconds
	if len(p.points.Points) > 0 {
		d.Empty = tr("No answer began in this time.")
	}
	d.Series = []chart.Series{
		{Name: tr("p50"), Values: v.p50, Color: theme.Color(colorSky), Dots: len(v.x) < fewPoints},
		{Name: tr("p95"), Values: v.p95, Color: theme.Color(colorPink), Dots: len(v.x) < fewPoints},
	}
	c.first.Plot(d)

	d = frame
	d.Measure = chart.Bytes
	if len(p.points.Points) > 0 {
		d.Empty = tr("The GPU was not measured in this time.")
	}
	d.Series = v.memory()
	c.memory.Plot(d)
}

// fewPoints is up to how many each has its dot, so that one alone is seen.
const fewPoints = 30

// stackOpacity is of the stack of memory, which reads as a split.
const stackOpacity = 0.75

// memory is the memory as a stack that reaches up to all there is, and how hard the
// GPU worked in percent of that height.
func (c *pastColumns) memory() []chart.Series {
	stack := []chart.Series{{Name: tr("used"), Values: c.used, Color: theme.Color(colorSky), Area: true, Opacity: stackOpacity}}
	if c.split {
		stack = []chart.Series{
			{Name: tr("ours"), Values: c.ours, Color: theme.Color(colorSky), Area: true, Opacity: stackOpacity},
			{Name: tr("others"), Values: c.others, Base: c.ours, Color: theme.Color(colorOrange), Area: true, Opacity: stackOpacity},
		}
	}
	stack = append(stack, chart.Series{Name: tr("free"), Values: c.free, Base: c.taken, Color: theme.Color(colorGrey), Area: true})
	if c.works {
		stack = append(stack, chart.Series{Name: tr("busy"), Values: c.busy, Of: c.total, Color: theme.Color(colorMuted)})
	}
	return stack
}

func (c *pastCharts) objects() []fyne.CanvasObject {
	var all []fyne.CanvasObject
	for _, each := range c.cards {
		all = append(all, each)
	}
	return all
}
