package chart_test

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"reflect"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"carpool/ui/chart"
)

// ramp is 101 points from 0 to 100.
func ramp() chart.Data {
	d := chart.Data{YMax: 100, FormatX: func(x float64) string { return fmt.Sprintf("at %.0f", x) }}
	for i := range 101 {
		d.X = append(d.X, float64(i))
	}
	d.Series = []chart.Series{{Name: "up", Values: d.X, Color: rgb(0x3DDC97)}}
	return d
}

// zooming is a chart in a window that writes down what was asked of it.
func zooming(t *testing.T, d chart.Data) (c *chart.Chart, w fyne.Window, asked *[][2]float64) {
	t.Helper()
	c, w = shown(t, true, 1, 440, 190, d)
	asked = &[][2]float64{}
	c.OnZoom = func(from, to float64) { *asked = append(*asked, [2]float64{from, to}) }
	c.OnReset = func() { *asked = append(*asked, [2]float64{}) }
	return c, w, asked
}

func TestChart_ZoomsIntoWhatIsDragged(t *testing.T) {
	c, w, asked := zooming(t, ramp())
	drag := func(from, dx float32) {
		at := fyne.NewPos(from+dx, 60)
		c.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: at}, Dragged: fyne.NewDelta(dx, 0)})
	}
	tests := []struct {
		name     string
		from, dx float32
		want     string
	}{
		{"to the right", 130, 200, "some"},
		{"to the left", 330, -200, "some"},
		{"beyond the edge", 330, 900, "some"},
		{"a click that slipped", 130, 5, "none"},
		{"from beside the plot", 3, 200, "none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			*asked = nil
			drag(tt.from, tt.dx)
			if tt.name == "to the right" {
				test.AssertImageMatches(t, "selection.png", w.Canvas().Capture())
			}
			c.DragEnd()
			if tt.want == "none" {
				if len(*asked) != 0 {
					t.Fatalf("asked for %v", *asked)
				}
				return
			}
			if len(*asked) != 1 {
				t.Fatalf("asked %d times", len(*asked))
			}
			if r := (*asked)[0]; r[0] < 0 || r[1] > 100 || r[1]-r[0] < 20 {
				t.Errorf("asked for %v", r)
			}
		})
	}
}

func TestChart_EscapeGivesUpASelection(t *testing.T) {
	c, w, asked := zooming(t, ramp())
	before := w.Canvas().Capture()
	c.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(300, 60)}, Dragged: fyne.NewDelta(100, 0)})
	typed(w, fyne.KeyEscape)
	c.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(320, 60)}, Dragged: fyne.NewDelta(20, 0)})
	c.DragEnd()
	typed(w, fyne.KeyEscape) // the cross-hair
	if len(*asked) != 0 {
		t.Errorf("zoomed to %v", *asked)
	}
	if !reflect.DeepEqual(before, w.Canvas().Capture()) {
		t.Error("something of the selection stays")
	}
	c.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(300, 60)}, Dragged: fyne.NewDelta(100, 0)})
	c.DragEnd()
	if len(*asked) != 1 {
		t.Error("the next selection does nothing")
	}
}

func TestChart_DoesNotZoomWithoutReceiver(t *testing.T) {
	c, w, _ := zooming(t, ramp())
	c.OnZoom, c.OnReset = nil, nil
	c.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(300, 60)}, Dragged: fyne.NewDelta(100, 0)})
	c.DragEnd()
	c.DoubleTapped(nil)
	w.Canvas().Focus(c)
	test.Type(w.Canvas().Focused(), "+-0")
}

func typed(w fyne.Window, keys ...fyne.KeyName) {
	for _, k := range keys {
		w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: k})
	}
}

func TestChart_IsUsedByKeys(t *testing.T) {
	c, w, asked := zooming(t, ramp())
	passed := []fyne.KeyName{}
	w.Canvas().SetOnTypedKey(func(e *fyne.KeyEvent) { passed = append(passed, e.Name) })
	w.Canvas().FocusNext()
	if w.Canvas().Focused() != fyne.Focusable(c) {
		t.Fatal("Tab does not reach the chart")
	}
	typed(w, fyne.KeyHome)
	for range 25 {
		typed(w, fyne.KeyRight)
	}
	test.AssertImageMatches(t, "keys.png", w.Canvas().Capture())
	test.Type(w.Canvas().Focused(), "+-0")
	if want := [][2]float64{{12.5, 62.5}, {-25, 175}, {}}; !reflect.DeepEqual(*asked, want) {
		t.Errorf("asked for %v, want %v", *asked, want)
	}
	typed(w, fyne.KeyEscape, fyne.KeyEscape, fyne.KeyUp)
	if want := []fyne.KeyName{fyne.KeyEscape, fyne.KeyUp}; !reflect.DeepEqual(passed, want) {
		t.Errorf("the window gets %v, want %v", passed, want)
	}
	*asked = nil
	test.Type(w.Canvas().Focused(), "+") // without a cross-hair around the middle
	if want := [][2]float64{{25, 75}}; !reflect.DeepEqual(*asked, want) {
		t.Errorf("asked for %v, want %v", *asked, want)
	}
	c.DoubleTapped(nil)
	if len(*asked) != 2 {
		t.Error("a double click does not reset")
	}
}

func TestChart_KeysStayInTheData(t *testing.T) {
	d := chart.Data{Series: []chart.Series{{Name: "many", Values: make([]float64, 10_000), Color: rgb(0x3DDC97)}}}
	_, w, _ := zooming(t, d)
	w.Canvas().FocusNext()
	for _, key := range []fyne.KeyName{fyne.KeyEnd, fyne.KeyRight, fyne.KeyRight, fyne.KeyHome, fyne.KeyLeft, fyne.KeyLeft} {
		typed(w, key)
	}
	shots := map[string]bool{}
	for range 5 { // each press is seen
		typed(w, fyne.KeyRight)
		var b bytes.Buffer
		if err := png.Encode(&b, w.Canvas().Capture()); err != nil {
			t.Fatal(err)
		}
		shots[b.String()] = true
	}
	if len(shots) < 4 {
		t.Errorf("5 presses give %d pictures", len(shots))
	}
}

func TestChart_KeysOfAnEmptyChart(t *testing.T) {
	_, w, asked := zooming(t, chart.Data{Empty: "Nothing yet."})
	w.Canvas().FocusNext()
	typed(w, fyne.KeyLeft, fyne.KeyRight, fyne.KeyHome, fyne.KeyEnd)
	test.Type(w.Canvas().Focused(), "+-")
	if len(*asked) != 0 {
		t.Errorf("zoomed to %v", *asked)
	}
}

func TestGroup_ShowsTheSameMomentInAll(t *testing.T) {
	test.NewTempApp(t)
	s := style(true)
	g := chart.NewGroup()
	grid := container.NewGridWithColumns(2)
	var charts []*chart.Chart
	half := ramp() // as many points
	half.X = nil
	for x := range 51 {
		half.X = append(half.X, float64(2*x))
	}
	half.Series[0].Values = half.X
	for i := range 3 {
		c := chart.New(func() chart.Style { return s })
		d := ramp()
		if i == 1 {
			d = half
		}
		if i == 2 {
			d.XMin, d.XMax = 200, 300 // elsewhere
		}
		c.Plot(d)
		g.Add(c)
		charts = append(charts, c)
		grid.Add(c)
	}
	w := test.NewTempWindow(t, grid)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(700, 320))
	before := w.Canvas().Capture()
	test.MoveMouse(w.Canvas(), fyne.NewPos(200, 70))
	test.AssertImageMatches(t, "group.png", w.Canvas().Capture())
	charts[0].MouseOut()
	charts[1].Plot(half) // and does not come back with new values
	if !reflect.DeepEqual(before, w.Canvas().Capture()) {
		t.Error("the cross-hairs stay when the pointer has left")
	}
}

func TestChart_ExportsAPicture(t *testing.T) {
	for name, d := range map[string]chart.Data{"export": events(inks(true)), "export-narrow": wave(inks(true))} {
		width := 640
		if name == "export-narrow" {
			width = 360
		}
		c, _ := show(t, d)
		var b bytes.Buffer
		if err := c.PNG(&b, width, 260, 1.5); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := img.Bounds().Dx(), int(math.Round(float64(width)*1.5)); got != want {
			t.Errorf("%d pixels wide, want %d", got, want)
		}
		test.AssertImageMatches(t, name+".png", img)
	}
}

func TestChart_NamesAnEventNearThePointer(t *testing.T) {
	d := events(inks(true))
	_, c := show(t, d)
	test.MoveMouse(c, fyne.NewPos(304, 90))
	test.AssertImageMatches(t, "event.png", c.Capture())
}
