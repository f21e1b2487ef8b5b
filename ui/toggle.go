package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// toggle is a switch, with a name in a pill where it stands alone. It calls changed
// for what the user does, not for set.
type toggle struct {
	widget.BaseWidget
	label   *text // "" = no name, and no pill
	on      bool
	changed func(on bool)
	gained  func() // the focus; nil = not told

	focused, hovered bool
}

var (
	_ fyne.Focusable    = (*toggle)(nil)
	_ fyne.Tappable     = (*toggle)(nil)
	_ desktop.Hoverable = (*toggle)(nil)
)

func newToggle(label string, changed func(bool)) *toggle {
	t := &toggle{label: newBold(label, textBody, colorText), changed: changed}
	t.ExtendBaseWidget(t)
	return t
}

func (t *toggle) set(on bool) {
	if t.on != on {
		t.on = on
		t.Refresh()
	}
}

// flip is what the user does.
func (t *toggle) flip() {
	t.set(!t.on)
	t.changed(t.on)
}

// Tapped implements fyne.Tappable.
func (t *toggle) Tapped(*fyne.PointEvent) { t.flip() }

// TypedKey implements fyne.Focusable.
func (t *toggle) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		t.flip()
	}
}

// TypedRune implements fyne.Focusable.
func (t *toggle) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (t *toggle) FocusGained() {
	t.focused = true
	t.Refresh()
	if t.gained != nil {
		t.gained()
	}
}

// FocusLost implements fyne.Focusable.
func (t *toggle) FocusLost() { t.focused = false; t.Refresh() }

// MouseIn implements desktop.Hoverable.
func (t *toggle) MouseIn(*desktop.MouseEvent) { t.hovered = true; t.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (t *toggle) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (t *toggle) MouseOut() { t.hovered = false; t.Refresh() }

// CreateRenderer implements fyne.Widget.
func (t *toggle) CreateRenderer() fyne.WidgetRenderer {
	t.ExtendBaseWidget(t)
	const height, width, knobSize, inset = 36, 40, 16, 3
	const switchHeight = knobSize + 2*inset
	pill, track, knob := canvas.NewRectangle(nil), canvas.NewRectangle(nil), canvas.NewCircle(nil)
	pill.CornerRadius, track.CornerRadius = height/2, switchHeight/2
	r := &renderer{widget: t, objects: []fyne.CanvasObject{pill, t.label, track, knob}}
	r.min = func() fyne.Size {
		if t.label.value == "" {
			return fyne.NewSize(width+2*inset, switchHeight+2*inset)
		}
		return fyne.NewSize(16+t.label.width()+10+width+8, height)
	}
	r.layout = func(size fyne.Size) {
		put(pill, 0, 0, size.Width, size.Height)
		put(t.label, 16, 0, t.label.width()+1, size.Height)
		x, y := size.Width-8-width, (size.Height-switchHeight)/2
		if t.label.value == "" {
			x = size.Width - inset - width
		}
		put(track, x, y, width, switchHeight)
		if t.on {
			x += width - 2*inset - knobSize
		}
		put(knob, x+inset, y+inset, knobSize, knobSize)
	}
	r.paint = func() {
		pill.FillColor, pill.StrokeColor, pill.StrokeWidth = theme.Color(colorSurface), theme.Color(colorLine), 1
		if t.hovered {
			pill.FillColor = theme.Color(colorRaised)
		}
		if t.focused {
			pill.StrokeColor, pill.StrokeWidth = theme.Color(colorAccent), 2
		}
		if t.label.value == "" {
			pill.CornerRadius = (switchHeight + 2*inset) / 2
			pill.Hidden = !t.focused
		}
		track.FillColor, knob.FillColor = theme.Color(colorMuted), theme.Color(colorSurface)
		if t.on {
			track.FillColor, knob.FillColor = theme.Color(colorAccent), theme.Color(colorSurface)
		}
	}
	return r.start()
}
