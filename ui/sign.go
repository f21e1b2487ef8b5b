package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// signKind is what a sign's drawing means.
type signKind int

const (
	signCancel  signKind = iota // ×
	signToFront                 // ↑
)

const signSize = 24

// sign is a button without a word for one line of a list. It is drawn only while
// its line has the pointer, or itself the focus, so that a list at rest is quiet.
type sign struct {
	widget.BaseWidget
	kind  signKind
	line  *signs
	order order
	hint  string // what it does
	off   bool   // it is being done
	// armed is what it was for when the pointer or the focus came: a list that moves
	// on under the pointer does not turn a click against another request.
	armed *order

	near, focused, hovered bool
}

var (
	_ fyne.Focusable    = (*sign)(nil)
	_ fyne.Tappable     = (*sign)(nil)
	_ desktop.Hoverable = (*sign)(nil)
)

// set says what the sign is for; the zero order = for nothing, and it is gone.
func (s *sign) set(o order, hint string, doing map[order]bool) {
	s.order, s.hint = o, hint
	off, hidden := doing[o], o == order{}
	if s.off != off || s.Hidden != hidden {
		s.off, s.Hidden = off, hidden
		s.Refresh()
	}
}

func (s *sign) tap() {
	o := s.order
	if s.armed != nil {
		o = *s.armed
	}
	s.armed = nil
	if !s.off && o != (order{}) {
		s.line.host.obey(o)
	}
}

func (s *sign) arm(on bool) {
	s.armed = nil
	if on {
		o := s.order
		s.armed = &o
	}
	s.line.settle()
}

// Tapped implements fyne.Tappable.
func (s *sign) Tapped(*fyne.PointEvent) { s.tap() }

// TypedKey implements fyne.Focusable.
func (s *sign) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		s.tap()
		return
	}
	passOn(s, e)
}

// TypedRune implements fyne.Focusable.
func (s *sign) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (s *sign) FocusGained() { s.focused = true; s.arm(true); s.Refresh(); s.line.host.reveal(s) }

// FocusLost implements fyne.Focusable.
func (s *sign) FocusLost() { s.focused = false; s.arm(false); s.Refresh() }

// MouseIn implements desktop.Hoverable.
func (s *sign) MouseIn(*desktop.MouseEvent) { s.hovered = true; s.arm(true); s.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (s *sign) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (s *sign) MouseOut() { s.hovered = false; s.arm(false); s.Refresh() }

// CreateRenderer implements fyne.Widget.
func (s *sign) CreateRenderer() fyne.WidgetRenderer {
	s.ExtendBaseWidget(s)
	ground := canvas.NewRectangle(nil)
	ground.CornerRadius = cornerButton
	strokes := s.strokes()
	r := &renderer{widget: s, objects: []fyne.CanvasObject{ground}}
	for _, stroke := range strokes {
		r.objects = append(r.objects, stroke.line)
	}
	r.min = func() fyne.Size { return fyne.NewSquareSize(signSize) }
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		for _, stroke := range strokes {
			stroke.line.Position1 = fyne.NewPos(size.Width/2+stroke.from.X, size.Height/2+stroke.from.Y)
			stroke.line.Position2 = fyne.NewPos(size.Width/2+stroke.to.X, size.Height/2+stroke.to.Y)
		}
	}
	r.paint = func() {
		shown := s.near || s.hovered || s.focused
		ground.Hidden = !shown
		ground.FillColor, ground.StrokeWidth = theme.Color(colorSurface), 0
		letters := colorMuted
		if s.hovered && !s.off {
			ground.FillColor, letters = theme.Color(colorRaised), colorText
		}
		if s.focused {
			ground.StrokeColor, ground.StrokeWidth = theme.Color(colorAccent), 2
		}
		for _, stroke := range strokes {
			stroke.line.Hidden = !shown
			stroke.line.StrokeColor, stroke.line.StrokeWidth = theme.Color(letters), chartLine
		}
	}
	return r.start()
}

// stroke is a line of a sign, from the sign's middle.
type stroke struct {
	line     *canvas.Line
	from, to fyne.Position
}

func (s *sign) strokes() []stroke {
	ends := [][2]fyne.Position{{{X: -4, Y: -4}, {X: 4, Y: 4}}, {{X: -4, Y: 4}, {X: 4, Y: -4}}}
	if s.kind == signToFront {
		ends = [][2]fyne.Position{{{X: 0, Y: 5}, {X: 0, Y: -5}}, {{X: -4, Y: -1}, {X: 0, Y: -5}}, {{X: 4, Y: -1}, {X: 0, Y: -5}}}
	}
	var all []stroke
	for _, e := range ends {
		all = append(all, stroke{canvas.NewLine(nil), e[0], e[1]})
	}
	return all
}

// signHost is the page that signs stand on.
type signHost struct {
	obey   func(order)
	says   func(hint string) // of what has the pointer or the focus; "" = no more
	reveal func(fyne.CanvasObject)
}

// signs are those of one line.
type signs struct {
	all  []*sign
	host signHost
	line string // what the line itself says under the pointer
	over bool   // the line has the pointer
	said string
}

func newSigns(host signHost, kinds ...signKind) *signs {
	l := &signs{host: host}
	for _, kind := range kinds {
		s := &sign{kind: kind, line: l}
		s.Hidden = true
		s.ExtendBaseWidget(s)
		l.all = append(l.all, s)
	}
	return l
}

func (l *signs) hover(on bool) {
	l.over = on
	l.settle()
}

// settle draws all signs while the line has the pointer or one of them the focus,
// and tells what the one in question does.
func (l *signs) settle() {
	near, says := l.over, ""
	if l.over {
		says = l.line
	}
	for _, s := range l.all {
		if s.hovered || s.focused {
			near = true
			if s.hovered || says == "" {
				says = s.hint
			}
		}
	}
	for _, s := range l.all {
		if s.near != near {
			s.near = near
			s.Refresh()
		}
	}
	if says != l.said {
		l.said = says
		l.host.says(says)
	}
}

// place puts the signs at the right end of a line.
func (l *signs) place(size fyne.Size) {
	x := size.Width
	for i := len(l.all) - 1; i >= 0; i-- {
		x -= signSize
		put(l.all[i], x, (size.Height-signSize)/2, signSize, signSize)
	}
}
