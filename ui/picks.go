package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// picks is a choice of any from a few. It calls changed for what the user does, not
// for set. The arrow keys move along them, the space bar picks and drops.
type picks struct {
	widget.BaseWidget
	labels  []*text
	picked  []bool
	changed func()

	focused bool
	at      int // where the keys are
	hovered int // -1 = none
}

var (
	_ fyne.Focusable    = (*picks)(nil)
	_ fyne.Tappable     = (*picks)(nil)
	_ desktop.Hoverable = (*picks)(nil)
)

func newPicks(names []string, changed func()) *picks {
	p := &picks{picked: make([]bool, len(names)), hovered: -1, changed: changed}
	for _, name := range names {
		label := newText(name, textBody, colorMuted)
		label.align = fyne.TextAlignCenter
		p.labels = append(p.labels, label)
	}
	p.ExtendBaseWidget(p)
	return p
}

func (p *picks) set(picked []bool) {
	copy(p.picked, picked)
	p.Refresh()
}

// flip is what the user does.
func (p *picks) flip(i int) {
	p.at = i
	p.picked[i] = !p.picked[i]
	p.Refresh()
	p.changed()
}

func (p *picks) under(pos fyne.Position) int {
	return min(max(0, int(pos.X/p.Size().Width*float32(len(p.labels)))), len(p.labels)-1)
}

// Tapped implements fyne.Tappable.
func (p *picks) Tapped(e *fyne.PointEvent) { p.flip(p.under(e.Position)) }

// TypedKey implements fyne.Focusable.
func (p *picks) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyLeft:
		p.move(p.at - 1)
	case fyne.KeyRight:
		p.move(p.at + 1)
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		p.flip(p.at)
	default:
		passOn(p, e)
	}
}

func (p *picks) move(to int) {
	p.at = min(max(0, to), len(p.labels)-1)
	p.Refresh()
}

// TypedRune implements fyne.Focusable.
func (p *picks) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (p *picks) FocusGained() { p.focused = true; p.Refresh() }

// FocusLost implements fyne.Focusable.
func (p *picks) FocusLost() { p.focused = false; p.Refresh() }

// MouseIn implements desktop.Hoverable.
func (p *picks) MouseIn(e *desktop.MouseEvent) { p.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable.
func (p *picks) MouseMoved(e *desktop.MouseEvent) {
	if i := p.under(e.Position); i != p.hovered {
		p.hovered = i
		p.Refresh()
	}
}

// MouseOut implements desktop.Hoverable.
func (p *picks) MouseOut() { p.hovered = -1; p.Refresh() }

// CreateRenderer implements fyne.Widget.
func (p *picks) CreateRenderer() fyne.WidgetRenderer {
	p.ExtendBaseWidget(p)
	var grounds []*canvas.Rectangle
	r := &renderer{widget: p}
	for _, label := range p.labels {
		ground := canvas.NewRectangle(nil)
		ground.CornerRadius = cornerButton
		grounds = append(grounds, ground)
		r.objects = append(r.objects, ground, label)
	}
	r.min = func() fyne.Size { return fyne.NewSize(float32(len(p.labels))*32, buttonHeight) }
	r.layout = func(size fyne.Size) {
		each := (size.Width + gapTiny) / float32(len(p.labels))
		for i, label := range p.labels {
			put(grounds[i], each*float32(i), 0, each-gapTiny, size.Height)
			put(label, each*float32(i), 0, each-gapTiny, size.Height)
		}
	}
	r.paint = func() {
		for i, label := range p.labels {
			ground, letters := colorRaised, colorMuted
			if p.picked[i] {
				ground, letters = colorAccentGround, colorAccentText
			} else if i == p.hovered {
				letters = colorText
			}
			grounds[i].FillColor, grounds[i].StrokeWidth = theme.Color(ground), 0
			if p.focused && i == p.at {
				grounds[i].StrokeColor, grounds[i].StrokeWidth = theme.Color(colorAccent), 2
			}
			label.bold = p.picked[i]
			label.setColored(label.value, letters)
		}
	}
	return r.start()
}
