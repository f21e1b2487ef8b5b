package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// shares are the weights of a few apps as sliders, side by side.
type shares struct {
	widget.BaseWidget
	names   []string
	dials   []*dial
	changed func(app, value string, final bool)
}

func newShares(changed func(app, value string, final bool)) *shares {
	s := &shares{changed: changed}
	s.ExtendBaseWidget(s)
	return s
}

func (s *shares) count() int { return len(s.names) }

// show shows the weights of apps, unless the user is changing one.
func (s *shares) show(names, items []string, busy func() bool) {
	for len(s.dials) < len(names) {
		i := len(s.dials)
		d := newDial("", func(v int, final bool) {
			s.changed(s.names[i], unless(v == usualWeight, figureOf(v)), final)
		})
		d.figure = figureOf
		d.setStops(weights, "")
		s.dials = append(s.dials, d)
	}
	s.names = names
	for i, name := range names {
		s.dials[i].name.set(name)
		if !busy() {
			s.dials[i].set(weightOf(itemOf(items, name)))
		}
	}
	s.Refresh()
}

const shareDial = 200 // the least width of one

func (s *shares) columns(width float32) int {
	return max(1, min(len(s.names), int((width+gapLarge)/(shareDial+gapLarge))))
}

func (s *shares) heightFor(width float32) float32 {
	if len(s.names) == 0 {
		return 0
	}
	lines := (len(s.names) + s.columns(width) - 1) / s.columns(width)
	return float32(lines)*(lineHeight(textBody)+sliderHeight+gapSmall) - gapSmall
}

// CreateRenderer implements fyne.Widget.
func (s *shares) CreateRenderer() fyne.WidgetRenderer {
	s.ExtendBaseWidget(s)
	r := &renderer{widget: s}
	r.min = func() fyne.Size { return fyne.NewSize(shareDial, s.heightFor(max(shareDial, s.Size().Width))) }
	r.layout = func(size fyne.Size) {
		n := s.columns(size.Width)
		each := (size.Width - float32(n-1)*gapLarge) / float32(n)
		height := lineHeight(textBody) + float32(sliderHeight)
		for i := range s.names {
			put(s.dials[i], float32(i%n)*(each+gapLarge), float32(i/n)*(height+gapSmall), each, height)
		}
	}
	r.paint = func() {
		r.objects = r.objects[:0]
		for i := range s.names {
			r.objects = append(r.objects, s.dials[i])
		}
	}
	return r.start()
}
