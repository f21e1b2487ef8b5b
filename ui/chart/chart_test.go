package chart_test

import (
	"fmt"
	"image/color"
	"math"
	"reflect"
	"testing"

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
func wave() chart.Data {
	green, orange, grey := rgb(0x3DDC97), rgb(0xE69F00), rgb(0x9AA3B4)
	d := chart.Data{YMax: 1, Unit: " tok/s", XMin: -120, XMax: 0,
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
		{Name: "limit", Values: limit, Color: grey, Shape: chart.Step},
		{Name: "running", Values: steps, Color: orange, Shape: chart.Step},
		{Name: "out", Values: smooth, Color: green, Area: true},
	}
	return d
}

// stacked is an area on another one, both with a gap.
func stacked() chart.Data {
	d := chart.Data{Unit: " GiB", XMin: -120, XMax: 0, XTicks: []chart.Tick{{At: -120, Label: "−2 min"}, {At: 0, Label: "now"}}}
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
		ours, others, total = append(ours, v), append(others, o), append(total, 24)
	}
	d.Series = []chart.Series{
		{Name: "ours", Values: ours, Color: rgb(0x56B4E9), Area: true},
		{Name: "others", Values: others, Base: ours, Color: rgb(0xE69F00), Area: true},
		{Name: "of", Values: total, Color: rgb(0x3A404C)},
	}
	return d
}

func show(t *testing.T, dark bool, scale float32, d chart.Data) (*chart.Chart, fyne.Canvas) {
	t.Helper()
	test.NewTempApp(t)
	s := style(dark)
	c := chart.New(func() chart.Style { return s })
	c.Plot(d)
	ground := canvas.NewRectangle(s.Surface)
	content := container.NewStack(ground, container.NewBorder(
		container.NewHBox(layout.NewSpacer(), c.Legend()), nil, nil, nil, c))
	w := test.NewTempWindow(t, content)
	w.Canvas().(interface{ SetScale(float32) }).SetScale(scale)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(440, 190))
	return c, w.Canvas()
}

func TestChart_Looks(t *testing.T) {
	for _, dark := range []bool{true, false} {
		for _, scale := range []float32{1, 2} {
			name := fmt.Sprintf("lines-%s-%gx", map[bool]string{true: "dark", false: "light"}[dark], scale)
			t.Run(name, func(t *testing.T) {
				_, c := show(t, dark, scale, wave())
				test.AssertImageMatches(t, name+".png", c.Capture())
			})
		}
	}
}

func TestChart_StacksAreas(t *testing.T) {
	for name, dark := range map[string]bool{"dark": true, "light": false} {
		_, c := show(t, dark, 1, stacked())
		test.AssertImageMatches(t, "stacked-"+name+".png", c.Capture())
	}
}

func TestChart_ShowsTheValuesAtThePointer(t *testing.T) {
	_, c := show(t, true, 1, wave())
	before := c.Capture()
	test.MoveMouse(c, fyne.NewPos(330, 90))
	test.AssertImageMatches(t, "pointer.png", c.Capture())
	test.MoveMouse(c, fyne.NewPos(10, 5))
	if !reflect.DeepEqual(before, c.Capture()) {
		t.Error("the cross-hair stays when the pointer has left")
	}
}

func TestChart_SaysWhatWillAppear(t *testing.T) {
	_, c := show(t, true, 1, chart.Data{YMax: 10, Empty: "The first answer draws a line here.",
		Series: []chart.Series{{Name: "out", Color: rgb(0x3DDC97), Values: []float64{math.NaN()}}}})
	test.AssertImageMatches(t, "empty.png", c.Capture())
	test.MoveMouse(c, fyne.NewPos(200, 90)) // nothing to point at, nothing to crash
}

func TestChart_SaysMoreThanALineHolds(t *testing.T) {
	_, c := show(t, true, 1, chart.Data{YMax: 10, Empty: "Not measured: this build was made without cgo, so it cannot read NVIDIA GPUs, and there is no AMD GPU."})
	test.AssertImageMatches(t, "empty-long.png", c.Capture())
}
