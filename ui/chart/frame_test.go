package chart

import (
	"image"
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"
)

func TestNiceScale_ReachesTheTopInFewRoundSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top := math.Pow(10, rapid.Float64Range(-6, 12).Draw(t, "log10 of the top"))
		measure := rapid.SampledFrom([]Measure{Number, Bytes, Seconds}).Draw(t, "measure")
		whole := rapid.Bool().Draw(t, "whole")
		s := niceScale(top, measure, whole)
		if s.top < top*(1-1e-8) {
			t.Fatalf("ends at %v below %v", s.top, top)
		}
		if n := s.ticks(); n < 2 || n > intervals+1 {
			t.Fatalf("%d ticks", n)
		}
		if whole && s.step < 1 {
			t.Fatalf("whole numbers in steps of %v", s.step)
		}
		if top > 1 && s.top > 4*top {
			t.Fatalf("%v leaves %v at the foot", s.top, top)
		}
		seen := map[string]bool{}
		for i := range s.ticks() {
			if seen[s.label(i)] {
				t.Fatalf("two ticks read %q", s.label(i))
			}
			seen[s.label(i)] = true
			if len([]rune(s.label(i))) > 14 {
				t.Fatalf("a tick reads %q", s.label(i))
			}
		}
	})
}

// values are of a series with gaps, spikes and rings, times a size.
func values(t *rapid.T, n int, size float64) Series {
	s := Series{Color: color.White, Shape: rapid.SampledFrom([]Shape{Line, Step}).Draw(t, "shape"), Area: rapid.Bool().Draw(t, "area"),
		Dash: rapid.Bool().Draw(t, "dash"), Dots: rapid.Bool().Draw(t, "dots"), Values: make([]float64, n)}
	seed := rapid.Float64Range(0, 100).Draw(t, "seed")
	for i := range s.Values {
		s.Values[i] = size * 100 * math.Abs(math.Sin(seed+float64(i)*seed))
		if i%17 == int(seed)%17 {
			s.Values[i] = math.NaN()
		}
	}
	if rapid.Bool().Draw(t, "hollow") {
		s.Hollow = make([]bool, n)
		for i := range s.Hollow {
			s.Hollow[i] = i%3 == 0
		}
	}
	return s
}

// Whatever the values, what is drawn of a line within the axis is within the
// frame, but for the width of the line and its points.
func TestPlotter_StaysInTheFrame(t *testing.T) {
	ground := color.RGBA{A: 255}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 2, 5, 100, 3000}).Draw(t, "points")
		size := rapid.SampledFrom([]float64{1, 1, 1, 1e18, -1}).Draw(t, "size")
		s := values(t, n, size)
		w, h := rapid.IntRange(0, 300).Draw(t, "width"), rapid.IntRange(0, 120).Draw(t, "height")
		d := &Data{Series: []Series{s}}
		const in = 20 // more than a line and its points take
		f := frame{data: d, y: niceScale(d.top(), Number, false), inset: in, width: 1.75, grid: 1, ground: ground, lines: ground, raised: ground, mark: color.Black}
		var p plotter
		img := p.plot(w, h, f)
		if size != 1 || w < 2*in || h < 2*in {
			return // no crash is enough
		}
		for y := range h {
			for x := range w {
				if image.Pt(x, y).In(image.Rect(in-6, in-6, w-in+6, h-in+6)) {
					continue
				}
				if img.RGBAAt(x, y) != ground {
					t.Fatalf("drawn at %d, %d of %d by %d", x, y, w, h)
				}
			}
		}
	})
}

// The labels of the x axis stay within the chart and do not touch each other.
func TestChart_LabelsDoNotOverlap(t *testing.T) {
	test.NewTempApp(t)
	c := New(look)
	r := test.WidgetRenderer(c)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "ticks")
		d := Data{XMax: 100, Series: []Series{{Values: []float64{1, 2}, Color: color.White}}}
		at := -5.0
		for range n {
			at += rapid.Float64Range(0.1, 12).Draw(t, "on")
			d.XTicks = append(d.XTicks, Tick{at, rapid.SampledFrom([]string{"1", "14:05", "Mon 24", "12:00:00 and more"}).Draw(t, "label")})
		}
		width := rapid.Float32Range(60, 700).Draw(t, "width")
		c.Resize(fyne.NewSize(width, 120))
		c.Plot(d)
		var shown []*canvas.Text
		for _, o := range r.Objects() {
			if l, ok := o.(*canvas.Text); ok && l.Visible() && c.isXLabel(l) {
				shown = append(shown, l)
			}
		}
		for i, a := range shown {
			if a.Position().X < 0 || a.Position().X+a.Size().Width > width+0.5 {
				t.Fatalf("%q is cut", a.Text)
			}
			for _, b := range shown[:i] {
				if a.Position().X < b.Position().X+b.Size().Width && b.Position().X < a.Position().X+a.Size().Width {
					t.Fatalf("%q lies on %q", a.Text, b.Text)
				}
			}
		}
	})
}

func (c *Chart) isXLabel(t *canvas.Text) bool {
	for _, l := range c.xLabels.made {
		if l.Text == t {
			return true
		}
	}
	return false
}

func TestSeries_LiesBetweenItsValues(t *testing.T) {
	d := Data{X: []float64{0, 10, 20}}
	line := Series{Values: []float64{0, 10, math.NaN()}, Base: []float64{1, 1, 1}}
	step := Series{Values: []float64{0, 10, 20}, Shape: Step}
	for _, tt := range []struct {
		s    Series
		x    float64
		want float64
	}{{line, 5, 6}, {line, 10, 11}, {line, 15, math.NaN()}, {line, -1, math.NaN()}, {line, 30, math.NaN()}, {step, 19, 10}, {step, 20, 20}} {
		if got := tt.s.at(&d, tt.x); got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("at %v it lies at %v, want %v", tt.x, got, tt.want)
		}
	}
}

func TestData_NearestPoint(t *testing.T) {
	d := Data{X: []float64{0, 10, 30}}
	for x, want := range map[float64]int{-5: 0, 4: 0, 6: 1, 19: 1, 21: 2, 99: 2} {
		if got := d.nearest(x); got != want {
			t.Errorf("nearest to %v is %d, want %d", x, got, want)
		}
	}
	if got := (&Data{}).nearest(1); got != -1 {
		t.Errorf("without points the nearest is %d", got)
	}
}
