package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// segments is a choice of one from a few. It calls changed for what the user
// does, not for set. The arrow keys move the choice.
type segments struct {
	widget.BaseWidget
	labels  []*text
	chosen  int // -1 = none
	changed func(i int)
	gained  func() // the focus; nil = not told

	focused bool
	hovered int // -1 = none
}

var (
	_ fyne.Focusable    = (*segments)(nil)
	_ fyne.Tappable     = (*segments)(nil)
	_ desktop.Hoverable = (*segments)(nil)
)

func newSegments(names []string, changed func(int)) *segments {
	s := &segments{chosen: -1, hovered: -1, changed: changed}
	for _, name := range names {
		label := newText(name, textBody, colorMuted)
		label.align = fyne.TextAlignCenter
		s.labels = append(s.labels, label)
	}
	s.ExtendBaseWidget(s)
	return s
}

func (s *segments) set(i int) {
	if s.chosen != i {
		s.chosen = i
		s.Refresh()
	}
}

// choose is what the user does.
func (s *segments) choose(i int) {
	if i == s.chosen || i < 0 || i >= len(s.labels) {
		return
	}
	s.set(i)
	s.changed(i)
}

func (s *segments) at(p fyne.Position) int {
	return min(max(0, int(p.X/s.Size().Width*float32(len(s.labels)))), len(s.labels)-1)
}

// Tapped implements fyne.Tappable.
func (s *segments) Tapped(e *fyne.PointEvent) { s.choose(s.at(e.Position)) }

// TypedKey implements fyne.Focusable.
func (s *segments) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyLeft:
		s.choose(s.chosen - 1)
	case fyne.KeyRight:
		s.choose(s.chosen + 1)
	default:
		passOn(s, e)
	}
}

// TypedRune implements fyne.Focusable.
func (s *segments) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (s *segments) FocusGained() {
	s.focused = true
	s.Refresh()
	if s.gained != nil {
		s.gained()
	}
}

// FocusLost implements fyne.Focusable.
func (s *segments) FocusLost() { s.focused = false; s.Refresh() }

// MouseIn implements desktop.Hoverable.
func (s *segments) MouseIn(e *desktop.MouseEvent) { s.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable.
func (s *segments) MouseMoved(e *desktop.MouseEvent) {
	if i := s.at(e.Position); i != s.hovered {
		s.hovered = i
		s.Refresh()
	}
}

// MouseOut implements desktop.Hoverable.
func (s *segments) MouseOut() { s.hovered = -1; s.Refresh() }

// CreateRenderer implements fyne.Widget.
func (s *segments) CreateRenderer() fyne.WidgetRenderer {
	s.ExtendBaseWidget(s)
	const height, inset = 34, 3
	ground, mark := canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	ground.CornerRadius, mark.CornerRadius = cornerButton+2, cornerButton
	r := &renderer{widget: s, objects: []fyne.CanvasObject{ground, mark}}
	for _, label := range s.labels {
		r.objects = append(r.objects, label)
	}
	r.min = func() fyne.Size { return fyne.NewSize(float32(len(s.labels))*60, height) }
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		each := (size.Width - 2*inset) / float32(len(s.labels))
		mark.Hidden = s.chosen < 0
		put(mark, inset+each*float32(s.chosen), inset, each, size.Height-2*inset)
		for i, label := range s.labels {
			put(label, inset+each*float32(i), 0, each, size.Height)
		}
	}
	r.paint = func() {
		ground.FillColor, ground.StrokeWidth = theme.Color(colorRaised), 0
		if s.focused {
			ground.StrokeColor, ground.StrokeWidth = theme.Color(colorAccent), 2
		}
		mark.FillColor = theme.Color(colorSurface)
		for i, label := range s.labels {
			color := colorMuted
			if i == s.chosen || i == s.hovered {
				color = colorText
			}
			label.bold = i == s.chosen
			label.color = color
			label.Refresh()
		}
	}
	return r.start()
}
