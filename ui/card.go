package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

const cardHeader = 44 // from the card's top to its content

// card is a titled surface. aside stands at the right of the title.
type card struct {
	widget.BaseWidget
	title   *text
	aside   fyne.CanvasObject
	content fyne.CanvasObject
}

func newCard(title string, aside, content fyne.CanvasObject) *card {
	c := &card{title: newBold(title, textBody, colorText), aside: aside, content: content}
	c.ExtendBaseWidget(c)
	return c
}

// heightAround is the height of a card for content of a height.
func heightAround(content float32) float32 { return cardHeader + content + gap }

// widthInside is the width that a card of a width leaves to its content.
func widthInside(card float32) float32 { return card - 2*gap }

// CreateRenderer implements fyne.Widget.
func (c *card) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	ground := canvas.NewRectangle(nil)
	ground.CornerRadius, ground.StrokeWidth = cornerCard, 1
	r := &renderer{widget: c, objects: []fyne.CanvasObject{ground, c.title, c.content}}
	if c.aside != nil {
		r.objects = append(r.objects, c.aside)
	}
	r.min = func() fyne.Size {
		return fyne.NewSize(c.content.MinSize().Width+2*gap, heightAround(c.content.MinSize().Height))
	}
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		const top, line = 12, 20
		inside := widthInside(size.Width)
		title := min(c.title.width()+1, inside)
		put(c.title, gap, top, title, line)
		if c.aside != nil {
			put(c.aside, gap+title+gap, top, inside-title-gap, line)
		}
		put(c.content, gap, cardHeader, inside, size.Height-cardHeader-gap)
	}
	r.paint = func() {
		ground.FillColor, ground.StrokeColor = theme.Color(colorSurface), theme.Color(colorLine)
	}
	return r.start()
}
