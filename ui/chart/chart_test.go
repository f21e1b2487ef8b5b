package chart_test

import (
	"fmt"
	"image/color"
	"math"
	"reflect"
	"strconv"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/test"

	"carpool/ui/chart"
)

func rgb(v uint32) color.Color {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

func style(dark bool) chart.Style {
	s := chart.Style{Text: rgb(0x1A1D23), Muted: rgb(0x5C6575), Grid: rgb(0xD9DDE4), Surface: rgb(0xFFFFFF), Raised: rgb(0xECEEF2), Focus: rgb(0x0B8F5E)}
	if dark {
		s = chart.Style{Text: rgb(0xE7EAF0), Muted: rgb(0x9AA3B4), Grid: rgb(0x2F3540), Surface: rgb(0x1B1E24), Raised: rgb(0x242932), Focus: rgb(0x3DDC97)}
	}
	s.TextSize, s.SmallSize, s.LineWidth, s.Corner, s.Gap = 14, 11, 1.75, 6, 14
	return s
}

// wave is 120 points with a gap, a step series and a lone point.
func wave(in ink) chart.Data {
	d := chart.Data{YMax: 1, Unit: " tok/s", XMin: -120, XMax: 0, Title: "Tokens per second",
		XTicks:  []chart.Tick{{At: -120, Label: "−2 min"}, {At: 0, Label: "now"}},
		FormatX: func(x float64) string { return fmt.Sprintf("%.0f s ago", -x) }}
	smooth, steps, limit := []float64{}, []float64{}, []float64{}
	for i := range 120 {
		d.X = append(d.X, float64(i-119))
		v := 90 + 60*math.Sin(float64(i)/9) + 8*math.Sin(float64(i)*2.3)
		if i > 50 && i < 60 || i == 64 || i == 66 {
			v = math.NaN()
		}
		smooth = append(smooth, v)
		steps = append(steps, float64(20*(i/17%4)))
		limit = append(limit, 120)
	}
	d.Series = []chart.Series{
		{Name: "limit", Values: limit, Color: in.muted, Shape: chart.Step, Dash: true},
		{Name: "running", Values: steps, Color: in.orange, Shape: chart.Step},
		{Name: "out", Values: smooth, Color: in.green, Area: true},
	}
	return d
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const minute = 60.0 // s

// ink is the colours of a theme.
type ink struct{ green, orange, sky, pink, vermilion, muted, grey color.Color }

func inks(dark bool) ink {
	if dark {
		return ink{rgb(0x3DDC97), rgb(0xE69F00), rgb(0x56B4E9), rgb(0xCC79A7), rgb(0xFF7A45), rgb(0x9AA3B4), rgb(0x3A404C)}
	}
	return ink{rgb(0x0B8F5E), rgb(0xB26F00), rgb(0x0072B2), rgb(0xA5427F), rgb(0xC8451B), rgb(0x5C6575), rgb(0xC3C9D3)}
}

// stacked is an area on another one, both with a gap, in bytes.
func stacked(in ink) chart.Data {
	d := chart.Data{Measure: chart.Bytes, XMin: -120, XMax: 0, Title: "GPU memory",
		XTicks: []chart.Tick{{At: -120, Label: "−2 min"}, {At: 0, Label: "now"}}}
	ours, others, total := []float64{}, []float64{}, []float64{}
	for i := range 120 {
		d.X = append(d.X, float64(i-119))
		v, o := 8+3*math.Sin(float64(i)/11), 1.5
		if i > 60 {
			o = 9
		}
		if i > 30 && i < 40 {
			v, o = math.NaN(), math.NaN()
		}
		ours, others, total = append(ours, v*(1<<30)), append(others, o*(1<<30)), append(total, 24*(1<<30))
	}
	d.Series = []chart.Series{
		{Name: "ours", Values: ours, Color: in.sky, Area: true, Opacity: 0.75},
		{Name: "others", Values: others, Base: ours, Color: in.orange, Area: true, Opacity: 0.75},
		{Name: "of", Values: total, Color: in.grey},
	}
	return d
}

// curve is measured up to a size, guessed beyond, with a point where it is now.
func curve(in ink) chart.Data {
	now := 4.0
	var sizes []chart.Tick
	for n := 1; n <= 8; n++ {
		sizes = append(sizes, chart.Tick{At: float64(n), Label: strconv.Itoa(n)})
	}
	return chart.Data{Title: "What size does", Unit: " tok/s", X: []float64{1, 2, 4, 6, 8}, XTicks: sizes, XLabel: "requests at once",
		Now: &now, NowLabel: "now", Shade: []chart.Span{{From: 5, To: 8, Label: "not measured yet"}},
		FormatX: func(x float64) string { return fmt.Sprintf("%.0f at once", x) },
		Series: []chart.Series{
			{Name: "tokens/s", Values: []float64{58, 104, 176, 214, 232}, Hollow: []bool{false, false, false, true, true}, Color: in.green, Dots: true},
			{Name: "alone", Values: []float64{58, 58, 58, 58, 58}, Color: in.pink, Dash: true},
		}}
}

// events is two hours of local time in seconds, with steps and marks.
func events(in ink) chart.Data {
	from, to := noon, noon.Add(2*time.Hour)
	d := chart.Data{Measure: chart.Seconds, Title: "Time to first token", XMin: chart.Unix(from), XMax: chart.Unix(to), XTicks: chart.Calendar{}.Ticks(from, to, 400),
		FormatX: func(x float64) string { return time.Unix(int64(x), 0).UTC().Format("Mon 2 Jan, 15:04:05") },
		Marks: []chart.Mark{{X: chart.Unix(from) + 25*minute, Label: "limit 4 → 6"}, {X: chart.Unix(from) + 80*minute, Label: "engine lost", Color: in.vermilion},
			{X: chart.Unix(from) + 81*minute, Label: "engine back"}},
		Shade: []chart.Span{{From: chart.Unix(from) + 80*minute, To: chart.Unix(from) + 110*minute, Label: "off"}}}
	var p50, p95 []float64
	for i := range 121 {
		d.X = append(d.X, chart.Unix(from)+float64(i)*minute)
		p50 = append(p50, 0.2+0.05*math.Sin(float64(i)/5))
		p95 = append(p95, 0.4+0.2*float64(i*7%11)/11)
	}
	d.Series = []chart.Series{{Name: "p50", Values: p50, Color: in.sky, Shape: chart.Step}, {Name: "p95", Values: p95, Color: in.pink, Dash: true}}
	return d
}

// many is more points than columns: a line that jumps, steps and an area.
func many(in ink) chart.Data {
	const n = 10_000
	d := chart.Data{Title: "Prompt tokens", XTicks: []chart.Tick{{At: 0, Label: "first"}, {At: n - 1, Label: "last"}}}
	smooth, noise, steps := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		smooth[i] = 6e6 + 3e6*math.Sin(float64(i)/900)
		noise[i] = 9e6 + 1.5e6*math.Sin(float64(i)/500) + 1e6*math.Sin(float64(i)*1.9)
		steps[i] = 1e6 * float64(1+i/1500%3)
		if i > 4000 && i < 4600 {
			smooth[i], noise[i] = math.NaN(), math.NaN()
		}
	}
	d.Series = []chart.Series{
		{Name: "steps", Values: steps, Color: in.orange, Shape: chart.Step},
		{Name: "limit", Values: make([]float64, n), Color: in.muted, Dash: true},
		{Name: "smooth", Values: smooth, Color: in.sky, Area: true},
		{Name: "noise", Values: noise, Color: in.green},
	}
	for i := range n {
		d.Series[1].Values[i] = 11.5e6
	}
	return d
}

// shown is a chart of a size under its legend, if there is room for one.
func shown(t *testing.T, dark bool, scale, width, height float32, d chart.Data) (*chart.Chart, fyne.Window) {
	t.Helper()
	test.NewTempApp(t)
	s := style(dark)
	c := chart.New(func() chart.Style { return s })
	c.Plot(d)
	legend := container.NewHBox(layout.NewSpacer(), c.Legend())
	legend.Hidden = legend.MinSize().Width > width
	w := test.NewTempWindow(t, container.NewStack(canvas.NewRectangle(s.Surface), container.NewBorder(legend, nil, nil, nil, c)))
	w.Canvas().(interface{ SetScale(float32) }).SetScale(scale)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(width, height))
	return c, w
}

func show(t *testing.T, d chart.Data) (*chart.Chart, fyne.Canvas) {
	t.Helper()
	c, w := shown(t, true, 1, 440, 190, d)
	return c, w.Canvas()
}

// The pictures in testdata are each kind as it should look: open them.
func TestChart_Looks(t *testing.T) {
	kinds := map[string]func(ink) chart.Data{"lines": wave, "stacked": stacked, "curve": curve, "events": events, "many": many}
	for kind, data := range kinds {
		for _, v := range []struct {
			dark                 bool
			scale, width, height float32
		}{{true, 1, 640, 260}, {false, 1, 300, 120}, {true, 2, 300, 120}, {false, 2, 640, 260}} {
			name := fmt.Sprintf("%s-%s-%.0fx%.0f-%gx", kind, map[bool]string{true: "dark", false: "light"}[v.dark], v.width, v.height, v.scale)
			t.Run(name, func(t *testing.T) {
				_, w := shown(t, v.dark, v.scale, v.width, v.height, data(inks(v.dark)))
				test.AssertImageMatches(t, name+".png", w.Canvas().Capture())
			})
		}
	}
}

func TestChart_ShowsTheValuesAtThePointer(t *testing.T) {
	_, c := show(t, wave(inks(true)))
	before := c.Capture()
	test.MoveMouse(c, fyne.NewPos(330, 90))
	test.AssertImageMatches(t, "pointer.png", c.Capture())
	test.MoveMouse(c, fyne.NewPos(10, 5))
	if !reflect.DeepEqual(before, c.Capture()) {
		t.Error("the cross-hair stays when the pointer has left")
	}
}

func TestChart_SaysWhatWillAppear(t *testing.T) {
	_, c := show(t, chart.Data{YMax: 10, Empty: "The first answer draws a line here.",
		Series: []chart.Series{{Name: "out", Color: rgb(0x3DDC97), Values: []float64{math.NaN()}}}})
	test.AssertImageMatches(t, "empty.png", c.Capture())
	test.MoveMouse(c, fyne.NewPos(200, 90)) // nothing to point at, nothing to crash
}

func TestChart_SaysItWithoutMarks(t *testing.T) {
	d := chart.Data{YMax: 10, XMax: 10, Empty: "The first answer draws a line here."}
	_, without := show(t, d)
	before := without.Capture()
	d.Marks = []chart.Mark{{X: 5}}
	_, with := show(t, d)
	if !reflect.DeepEqual(before, with.Capture()) {
		t.Error("a mark is drawn through the words")
	}
}

func TestChart_SaysMoreThanALineHolds(t *testing.T) {
	_, c := show(t, chart.Data{YMax: 10, Empty: "Not measured: this build was made without cgo, so it cannot read NVIDIA GPUs, and there is no AMD GPU."})
	test.AssertImageMatches(t, "empty-long.png", c.Capture())
}
