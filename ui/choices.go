package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// choices is a choice of one from a list, one below the other. It calls changed
// for what the user does, not for set. The arrow keys move the choice.
type choices struct {
	widget.BaseWidget
	look    choicesLook
	labels  []*text
	chosen  int // -1 = none
	changed func(i int)

	focused bool
	hovered int // -1 = none
}

// choicesLook are the measures of a list: the least width, the height of a line, and
// what is left free beside its name.
type choicesLook struct{ width, line, left, right float32 }

var (
	listLook  = choicesLook{width: 120, line: 28, left: gapSmall, right: gapSmall}
	indexLook = choicesLook{width: 80, line: 30, left: gap, right: gapTiny} // of the names of a page's parts
)

var (
	_ fyne.Focusable    = (*choices)(nil)
	_ fyne.Tappable     = (*choices)(nil)
	_ desktop.Hoverable = (*choices)(nil)
)

func newChoices(look choicesLook, changed func(int)) *choices {
	c := &choices{look: look, chosen: -1, hovered: -1, changed: changed}
	c.ExtendBaseWidget(c)
	return c
}

// setNames replaces the list.
func (c *choices) setNames(names []string) {
	c.labels = nil
	for _, name := range names {
		c.labels = append(c.labels, newText(name, textBody, colorMuted))
	}
	c.Refresh()
}

func (c *choices) set(i int) {
	if c.chosen != i {
		c.chosen = i
		c.Refresh()
	}
}

// choose is what the user does.
func (c *choices) choose(i int) {
	if i == c.chosen || i < 0 || i >= len(c.labels) {
		return
	}
	c.set(i)
	c.changed(i)
}

func (c *choices) at(p fyne.Position) int { return int(p.Y / c.look.line) }

func (c *choices) height() float32 { return float32(len(c.labels)) * c.look.line }

// Tapped implements fyne.Tappable.
func (c *choices) Tapped(e *fyne.PointEvent) { c.choose(c.at(e.Position)) }

// TypedKey implements fyne.Focusable.
func (c *choices) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyUp:
		c.choose(c.chosen - 1)
	case fyne.KeyDown:
		c.choose(c.chosen + 1)
	default:
		passOn(c, e)
	}
}

// TypedRune implements fyne.Focusable.
func (c *choices) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (c *choices) FocusGained() { c.focused = true; c.Refresh() }

// FocusLost implements fyne.Focusable.
func (c *choices) FocusLost() { c.focused = false; c.Refresh() }

// MouseIn implements desktop.Hoverable.
func (c *choices) MouseIn(e *desktop.MouseEvent) { c.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable.
func (c *choices) MouseMoved(e *desktop.MouseEvent) {
	if i := c.at(e.Position); i != c.hovered {
		c.hovered = i
		c.Refresh()
	}
}

// MouseOut implements desktop.Hoverable.
func (c *choices) MouseOut() { c.hovered = -1; c.Refresh() }

// CreateRenderer implements fyne.Widget.
func (c *choices) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	mark := canvas.NewRectangle(nil)
	mark.CornerRadius = cornerButton
	r := &renderer{widget: c}
	r.min = func() fyne.Size { return fyne.NewSize(c.look.width, c.height()) }
	r.layout = func(size fyne.Size) {
		line := c.look.line
		put(mark, 0, float32(c.chosen)*line, size.Width, line)
		for i, label := range c.labels {
			put(label, c.look.left, float32(i)*line, size.Width-c.look.left-c.look.right, line)
		}
	}
	r.paint = func() {
		mark.Hidden = c.chosen < 0
		mark.FillColor, mark.StrokeWidth = theme.Color(colorRaised), 0
		if c.focused {
			mark.StrokeColor, mark.StrokeWidth = theme.Color(colorAccent), 2
		}
		r.objects = append(r.objects[:0], mark)
		for i, label := range c.labels {
			label.bold = i == c.chosen
			label.color = colorMuted
			if i == c.chosen || i == c.hovered {
				label.color = colorText
			}
			label.Refresh()
			r.objects = append(r.objects, label)
		}
	}
	return r.start()
}
