package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// adviceCard is the content of a card with one piece of advice: its text, and the
// button that follows it.
type adviceCard struct {
	widget.BaseWidget
	advice app.Advice
	text   *text
	follow *button // strong: does what the advice says
	fine   *button // for advice that nothing can be done about
}

// newAdviceCard calls follow for advice that Carpool can act on, and dismiss for
// what the user has read.
func newAdviceCard(follow, dismiss func(app.Advice)) *adviceCard {
	c := &adviceCard{text: newParagraph("", colorMuted)}
	c.follow = newStrongButton("", func() { follow(c.advice) })
	c.fine = newButton(tr("Fine"), func() { dismiss(c.advice) })
	c.ExtendBaseWidget(c)
	return c
}

func (c *adviceCard) set(a app.Advice) {
	c.advice = a
	c.text.set(a.Text)
	c.follow.set(a.Button, false)
	c.Refresh()
}

func (c *adviceCard) acts() bool { return c.advice.Key != "" || c.advice.Engine != "" }

func (c *adviceCard) heightFor(width float32) float32 {
	return c.text.heightFor(width) + gapSmall + buttonHeight
}

// CreateRenderer implements fyne.Widget.
func (c *adviceCard) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	r := &renderer{widget: c, objects: []fyne.CanvasObject{c.text, c.follow, c.fine}}
	r.min = func() fyne.Size { return fyne.NewSize(160, c.heightFor(max(160, c.Size().Width))) }
	r.layout = func(size fyne.Size) {
		put(c.text, 0, 0, size.Width, c.text.heightFor(size.Width))
		y := size.Height - buttonHeight
		put(c.follow, 0, y, c.follow.width(), buttonHeight)
		put(c.fine, 0, y, c.fine.width(), buttonHeight)
	}
	r.paint = func() {
		c.follow.Hidden, c.fine.Hidden = !c.acts(), c.acts()
	}
	return r.start()
}
