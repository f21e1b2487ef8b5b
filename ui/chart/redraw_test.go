package chart

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
)

var looks = Style{Text: color.White, Muted: color.NRGBA{154, 163, 180, 255}, Grid: color.NRGBA{47, 53, 64, 255}, Surface: color.NRGBA{27, 30, 36, 255},
	Raised: color.NRGBA{36, 41, 50, 255}, Focus: color.NRGBA{61, 220, 151, 255}, TextSize: 14, SmallSize: 11, LineWidth: 1.75, Corner: 6, Gap: 14}

func look() Style { return looks }

// second is a chart's data at a second: the values move, their number stays.
func second(at, points int) Data {
	d := Data{X: make([]float64, points), Unit: " tok/s", XTicks: []Tick{{0, "−10 min"}, {float64(points - 1), "now"}},
		Marks: []Mark{{X: float64(points / 3), Label: "limit 4"}}, Shade: []Span{{From: 0, To: float64(points / 4), Label: "before"}}}
	now := float64(points - 1 - at)
	d.Now, d.NowLabel = &now, "now"
	line, area := make([]float64, points), make([]float64, points)
	for i := range points {
		d.X[i] = float64(i)
		line[i] = 100 + 60*math.Sin(float64(i+at)/float64(points/9)) + 20*math.Sin(float64(i)*1.9)
		area[i] = 20 + 10*math.Sin(float64(i+at)/float64(points/5))
	}
	d.Series = []Series{
		{Name: "line", Values: line, Color: color.NRGBA{61, 220, 151, 255}},
		{Name: "area", Values: area, Color: color.NRGBA{86, 180, 233, 255}, Area: true, Opacity: 0.75},
	}
	return d
}

// six is the charts of a page, shown in a window, and a function that plots and
// draws them all as of a second.
func six(t testing.TB, points int) (charts []*Chart, redraw func(at int)) {
	test.NewTempApp(t)
	grid := container.NewGridWithColumns(2)
	for range 6 {
		c := New(look)
		charts = append(charts, c)
		grid.Add(container.NewBorder(c.Legend(), nil, nil, nil, c))
	}
	w := test.NewTempWindow(t, grid)
	w.Resize(fyne.NewSize(1100, 760))
	seconds := []Data{second(0, points), second(1, points), second(2, points)}
	return charts, func(at int) {
		for _, c := range charts {
			c.Plot(seconds[at%len(seconds)])
			c.raster.Generator(int(c.raster.Size().Width), int(c.raster.Size().Height))
			test.WidgetRenderer(c).Objects()
			test.WidgetRenderer(c.Legend()).Objects()
		}
	}
}

func TestChart_RedrawsWithoutAllocation(t *testing.T) {
	for name, points := range map[string]int{"few points": 600, "more points than columns": 10_000} {
		t.Run(name, func(t *testing.T) {
			_, redraw := six(t, points)
			at := 0
			next := func() { redraw(at); at++ }
			for range 3 {
				next()
			}
			if got := testing.AllocsPerRun(12, next); got != 0 {
				t.Errorf("six charts allocate %v times per redraw", got)
			}
		})
	}
}

// One operation is what a page of six charts costs each second, so ns/op over a
// second is its share of a core.
func BenchmarkSixCharts(b *testing.B) {
	for name, points := range map[string]int{"600points": 600, "10000points": 10_000} {
		b.Run(name, func(b *testing.B) {
			_, redraw := six(b, points)
			for at := range 3 {
				redraw(at)
			}
			at := 0
			b.ReportAllocs()
			for b.Loop() {
				at++
				redraw(at)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e9*100, "%core@1Hz")
		})
	}
}

func BenchmarkImage(b *testing.B) {
	test.NewTempApp(b)
	c := New(look)
	c.Plot(second(0, 10_000))
	for b.Loop() {
		c.Image(900, 360, 2)
	}
}
