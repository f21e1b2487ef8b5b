package ui

import (
	"image/color"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// dial is a slider over whole numbers with its name, its value and a line of
// help. It calls changed for what the user does, not for set; final is true
// when the user let go.
type dial struct {
	widget.BaseWidget
	name, value, help *text
	slider            *widget.Slider
	stops             []int // the values that the slider can take, rising
	unit              string
	figure            func(value int) string // writes the value, without unit; nil = as it is
	changed           func(value int, final bool)
}

func newDial(name string, changed func(value int, final bool)) *dial {
	d := &dial{
		name: newBold(name, textBody, colorText), value: newBold("", textBody, colorText),
		help: newParagraph("", colorMuted), slider: widget.NewSlider(0, 1), changed: changed,
	}
	d.value.align = fyne.TextAlignTrailing
	d.slider.OnChanged = func(at float64) { d.moved(int(at), false) }
	d.slider.OnChangeEnded = func(at float64) { d.moved(int(at), true) }
	d.ExtendBaseWidget(d)
	return d
}

// setStops says which values there are.
func (d *dial) setStops(stops []int, unit string) {
	d.stops, d.unit = stops, unit
	d.slider.Min, d.slider.Max = 0, float64(max(1, len(stops)-1))
	d.slider.Refresh()
}

// set shows a value from elsewhere: the slider goes to the nearest stop, the
// figure tells it exactly.
func (d *dial) set(v int) {
	d.show(v)
	if at := float64(d.nearest(v)); at != d.slider.Value {
		d.slider.Value = at
		d.slider.Refresh()
	}
}

func (d *dial) moved(at int, final bool) {
	if at < 0 || at >= len(d.stops) {
		return
	}
	// A slider that was dragged takes the arrow keys, like one that was clicked.
	if c := fyne.CurrentApp().Driver().CanvasForObject(d.slider); c != nil && c.Focused() != d.slider {
		c.Focus(d.slider)
	}
	d.show(d.stops[at])
	d.changed(d.stops[at], final)
}

func (d *dial) show(v int) {
	s := strconv.Itoa(v)
	if d.figure != nil {
		s = d.figure(v)
	}
	if d.unit != "" {
		s += " " + d.unit
	}
	if d.value.value != s {
		d.value.set(s)
		d.Refresh()
	}
}

// shownValue is the value of the slider's stop.
func (d *dial) shownValue() int {
	if at := int(d.slider.Value); at >= 0 && at < len(d.stops) {
		return d.stops[at]
	}
	return 0
}

func (d *dial) nearest(v int) int {
	best := 0
	for i, stop := range d.stops {
		if abs(stop-v) < abs(d.stops[best]-v) {
			best = i
		}
	}
	return best
}

func abs(v int) int { return max(v, -v) }

const (
	sliderHeight = 24
	sliderEnd    = 8 // half the thumb: the track begins where the text does
)

func (d *dial) heightFor(width float32) float32 {
	return lineHeight(textBody) + sliderHeight + d.help.heightFor(width)
}

// CreateRenderer implements fyne.Widget.
func (d *dial) CreateRenderer() fyne.WidgetRenderer {
	d.ExtendBaseWidget(d)
	slider := container.NewThemeOverride(d.slider, sliderTheme{})
	r := &renderer{widget: d, objects: []fyne.CanvasObject{d.name, d.value, slider, d.help}, paint: func() {}}
	r.min = func() fyne.Size { return fyne.NewSize(120, d.heightFor(max(120, d.Size().Width))) }
	r.layout = func(size fyne.Size) {
		line := lineHeight(textBody)
		value := min(d.value.width()+1, size.Width)
		put(d.name, 0, 0, size.Width-value-gapSmall, line)
		put(d.value, size.Width-value, 0, value, line)
		put(slider, -sliderEnd, line, size.Width+2*sliderEnd, sliderHeight)
		put(d.help, 0, line+sliderHeight, size.Width, d.help.heightFor(size.Width))
	}
	return r.start()
}

// sliderTheme gives Fyne's slider the accent colour and lets its thumb reach
// the ends.
type sliderTheme struct{}

func (sliderTheme) base() fyne.Theme { return fyne.CurrentApp().Settings().Theme() }

func (t sliderTheme) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	if name == theme.ColorNameForeground {
		name = colorAccent
	}
	return t.base().Color(name, v)
}

func (t sliderTheme) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameInputBorder:
		return 2
	case theme.SizeNameInnerPadding:
		return 1.5
	}
	return t.base().Size(name)
}

func (t sliderTheme) Font(s fyne.TextStyle) fyne.Resource { return t.base().Font(s) }

func (t sliderTheme) Icon(name fyne.ThemeIconName) fyne.Resource { return t.base().Icon(name) }
