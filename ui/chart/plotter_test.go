package chart

import (
	"image"
	"image/color"
	"math"
	"testing"
)

func series(n int, shape Shape, area bool) Series {
	s := Series{Color: color.NRGBA{G: 200, A: 255}, Shape: shape, Area: area}
	for i := range n {
		s.Values = append(s.Values, 100+50*math.Sin(float64(i)/7)+20*math.Sin(float64(i)*1.9))
	}
	return s
}

func frameOf(s ...Series) frame {
	return frame{data: &Data{Series: s}, y: niceScale(170, Number, false), inset: 3, width: 1.75, grid: 1,
		ground: opaque(color.Black), lines: opaque(color.Gray{Y: 60})}
}

func TestPlotter_AllocatesNothingPerFrame(t *testing.T) {
	for name, n := range map[string]int{"few points": 600, "more points than columns": 10_000} {
		t.Run(name, func(t *testing.T) {
			var p plotter
			f := frameOf(series(n, Line, true), series(n, Step, false))
			p.plot(900, 300, f)
			if got := testing.AllocsPerRun(10, func() { p.plot(900, 300, f) }); got != 0 {
				t.Errorf("a frame allocates %v times", got)
			}
		})
	}
}

func TestPlotter_LeavesAGapWhereAValueIsMissing(t *testing.T) {
	s := Series{Color: color.White, Values: []float64{5, 5, 5, math.NaN(), math.NaN(), 5, 5, 5}}
	var p plotter
	img := p.plot(706, 106, frame{data: &Data{Series: []Series{s}}, y: niceScale(10, Number, false), inset: 3, width: 2,
		grid: 1, ground: opaque(color.Black), lines: opaque(color.Black)})
	row := func(x int) color.Color { return img.At(x, 53) }
	if row(100) == (color.RGBA{A: 255}) {
		t.Error("nothing drawn where there are values")
	}
	for x := 210; x < 495; x++ {
		for y := range 106 {
			if img.At(x, y) != (color.RGBA{A: 255}) {
				t.Fatalf("drawn at %d, %d, inside the gap", x, y)
			}
		}
	}
}

// A line over many points must show each extreme: none may fall between columns.
func TestPlotter_KeepsASingleSpikeAmongManyPoints(t *testing.T) {
	s := Series{Color: color.White, Values: make([]float64, 10_000)}
	s.Values[6789] = 10
	var p plotter
	img := p.plot(300, 100, frame{data: &Data{Series: []Series{s}}, y: niceScale(10, Number, false), inset: 3, width: 2,
		grid: 1, ground: opaque(color.Black), lines: opaque(color.Black)})
	if highest(img) > 5 {
		t.Errorf("the spike reaches row %d, want the top", highest(img))
	}
}

func highest(img *image.RGBA) int {
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if img.RGBAAt(x, y).R > 128 {
				return y
			}
		}
	}
	return img.Rect.Dy()
}

func TestPlotter_SurvivesOddSizesAndValues(t *testing.T) {
	for _, size := range []image.Point{{0, 0}, {1, 1}, {7, 3}, {3, 200}} {
		var p plotter
		odd := Series{Color: color.White, Area: true, Values: []float64{0, -5, 1e18, math.NaN(), 3, math.Inf(1)}}
		p.plot(size.X, size.Y, frameOf(odd, Series{Color: color.White}, series(5, Step, true)))
	}
}

func BenchmarkPlotter(b *testing.B) {
	benchmarks := map[string]frame{
		"2x600lines":   frameOf(series(600, Line, false), series(600, Line, false)),
		"2x10000lines": frameOf(series(10_000, Line, false), series(10_000, Line, false)),
		"600area":      frameOf(series(600, Line, true)),
	}
	for name, f := range benchmarks {
		b.Run(name, func(b *testing.B) {
			var p plotter
			p.plot(900, 300, f)
			b.ReportAllocs()
			for b.Loop() {
				p.plot(900, 300, f)
			}
		})
	}
}
