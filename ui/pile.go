package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// tall is an object whose height follows from its width.
type tall interface {
	fyne.CanvasObject
	heightFor(width float32) float32
}

// pilePad is above and below each part of a pile.
const pilePad = 10

// pile is a column of parts with rules between them.
type pile struct {
	widget.BaseWidget
	parts []tall
}

func newPile() *pile {
	p := &pile{}
	p.ExtendBaseWidget(p)
	return p
}

func (p *pile) set(parts []tall) {
	p.parts = parts
	p.Refresh()
}

func (p *pile) heightFor(width float32) (height float32) {
	for _, part := range p.parts {
		height += 1 + 2*pilePad + part.heightFor(width)
	}
	return height
}

// CreateRenderer implements fyne.Widget.
func (p *pile) CreateRenderer() fyne.WidgetRenderer {
	p.ExtendBaseWidget(p)
	var rules []*canvas.Rectangle
	r := &renderer{widget: p}
	r.min = func() fyne.Size { return fyne.NewSize(320, p.heightFor(max(320, p.Size().Width))) }
	r.layout = func(size fyne.Size) {
		y := float32(0)
		for i, part := range p.parts {
			put(rules[i], 0, y, size.Width, 1)
			height := part.heightFor(size.Width)
			put(part, 0, y+1+pilePad, size.Width, height)
			y += 1 + 2*pilePad + height
		}
	}
	r.paint = func() {
		for len(rules) < len(p.parts) {
			rules = append(rules, canvas.NewRectangle(nil))
		}
		r.objects = r.objects[:0]
		for i, part := range p.parts {
			rules[i].FillColor = theme.Color(colorLine)
			r.objects = append(r.objects, rules[i], part)
		}
	}
	return r.start()
}
