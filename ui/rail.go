package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"carpool/assets"
)

const (
	railWidth  = 136
	railItem   = 36
	railMargin = gapSmall
	railIcon   = 16
)

// rail names the pages at the left of the window; the arrow keys move along it.
type rail struct {
	widget.BaseWidget
	items []*railButton
}

func newRail(open func(pageName)) *rail {
	r := &rail{}
	for _, name := range pageOrder {
		r.items = append(r.items, newRailButton(r, name, open))
	}
	r.ExtendBaseWidget(r)
	return r
}

// mark shows which page is open.
func (r *rail) mark(name pageName) {
	for _, item := range r.items {
		if open := item.name == name; item.open != open {
			item.open = open
			item.Refresh()
		}
	}
}

// beside focuses the item so many below one.
func (r *rail) beside(b *railButton, by int) {
	for i, item := range r.items {
		if to := i + by; item == b && to >= 0 && to < len(r.items) {
			if c := fyne.CurrentApp().Driver().CanvasForObject(b); c != nil {
				c.Focus(r.items[to])
			}
		}
	}
}

// CreateRenderer implements fyne.Widget.
func (r *rail) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	ground, edge := canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	sign := canvas.NewImageFromResource(theme.NewColoredResource(
		fyne.NewStaticResource("sign.svg", assets.SignSVG), colorAccent))
	sign.FillMode = canvas.ImageFillContain
	name := newBold("Carpool", textHeading, colorText)
	s := &renderer{widget: r, objects: []fyne.CanvasObject{ground, edge, sign, name}}
	for _, item := range r.items {
		s.objects = append(s.objects, item)
	}
	s.min = func() fyne.Size { return fyne.NewSize(railWidth, 60+railItem*float32(len(r.items))) }
	s.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		put(edge, size.Width-1, 0, 1, size.Height)
		put(sign, 18, 19, 16, 22)
		put(name, 44, 18, size.Width-44, 24)
		for i, item := range r.items {
			put(item, railMargin, 60+float32(i)*(railItem+gapTiny), size.Width-2*railMargin-1, railItem)
		}
	}
	s.paint = func() {
		ground.FillColor, edge.FillColor = theme.Color(colorSurface), theme.Color(colorLine)
		sign.Refresh()
	}
	return s.start()
}

// railButton opens a page.
type railButton struct {
	widget.BaseWidget
	rail  *rail
	name  pageName
	label *text
	tap   func(pageName)
	open  bool

	focused, hovered bool
}

var (
	_ fyne.Focusable    = (*railButton)(nil)
	_ fyne.Tappable     = (*railButton)(nil)
	_ desktop.Hoverable = (*railButton)(nil)
)

func newRailButton(r *rail, name pageName, tap func(pageName)) *railButton {
	b := &railButton{rail: r, name: name, label: newText(name.title(), textBody, colorMuted), tap: tap}
	b.ExtendBaseWidget(b)
	return b
}

// Tapped implements fyne.Tappable.
func (b *railButton) Tapped(*fyne.PointEvent) { b.tap(b.name) }

// TypedKey implements fyne.Focusable.
func (b *railButton) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		b.tap(b.name)
	case fyne.KeyDown:
		b.rail.beside(b, 1)
	case fyne.KeyUp:
		b.rail.beside(b, -1)
	default:
		passOn(b, e)
	}
}

// TypedRune implements fyne.Focusable.
func (b *railButton) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (b *railButton) FocusGained() { b.focused = true; b.Refresh() }

// FocusLost implements fyne.Focusable.
func (b *railButton) FocusLost() { b.focused = false; b.Refresh() }

// MouseIn implements desktop.Hoverable.
func (b *railButton) MouseIn(*desktop.MouseEvent) { b.hovered = true; b.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (b *railButton) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (b *railButton) MouseOut() { b.hovered = false; b.Refresh() }

// CreateRenderer implements fyne.Widget.
func (b *railButton) CreateRenderer() fyne.WidgetRenderer {
	b.ExtendBaseWidget(b)
	ground := canvas.NewRectangle(nil)
	ground.CornerRadius = cornerButton
	picture := fyne.NewStaticResource(string(b.name)+".svg", assets.PageSVG(string(b.name)))
	lit := canvas.NewImageFromResource(theme.NewColoredResource(picture, colorAccent))
	dim := canvas.NewImageFromResource(theme.NewColoredResource(picture, colorMuted))
	r := &renderer{widget: b, objects: []fyne.CanvasObject{ground, lit, dim, b.label}}
	r.min = func() fyne.Size { return fyne.NewSize(railIcon+b.label.width()+3*gapSmall, railItem) }
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		put(lit, gapSmall, (size.Height-railIcon)/2, railIcon, railIcon)
		put(dim, gapSmall, (size.Height-railIcon)/2, railIcon, railIcon)
		put(b.label, 2*gapSmall+railIcon, 0, size.Width-2*gapSmall-railIcon, size.Height)
	}
	r.paint = func() {
		ground.Hidden = !b.open && !b.hovered && !b.focused
		ground.FillColor, ground.StrokeWidth = theme.Color(colorRaised), 0
		if b.focused {
			ground.StrokeColor, ground.StrokeWidth = theme.Color(colorAccent), 2
		}
		lit.Hidden, dim.Hidden = !b.open, b.open
		lit.Refresh()
		dim.Refresh()
		b.label.bold = b.open
		color := colorMuted
		if b.open || b.hovered {
			color = colorText
		}
		b.label.setColored(b.label.value, color)
		b.label.Refresh()
	}
	return r.start()
}
