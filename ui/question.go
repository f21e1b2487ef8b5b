package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

const questionWidth = 400

// question asks for yes or no over the whole window. The escape key says no.
type question struct {
	title   *text
	body    *text
	yes, no *button
}

// ask shows a question; answered is called once.
func ask(c fyne.Canvas, title, body, yes, no string, answered func(bool)) {
	q := &question{title: newBold(title, textHeading, colorText), body: newParagraph(body, colorMuted)}
	var hide func()
	answer := func(yes bool) func() {
		return func() {
			hide()
			answered(yes)
		}
	}
	q.yes, q.no = newButton(yes, answer(true)), newButton(no, answer(false))
	hide = showOver(c, container.New(q, q.title, q.body, q.no, q.yes), answer(false))
	c.Focus(q.no)
}

// MinSize implements fyne.Layout.
func (q *question) MinSize([]fyne.CanvasObject) fyne.Size {
	inside := float32(questionWidth - 2*gap)
	return fyne.NewSize(questionWidth, 3*gap+lineHeight(textHeading)+gapSmall+q.body.heightFor(inside)+buttonHeight)
}

// Layout implements fyne.Layout.
func (q *question) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	inside := size.Width - 2*gap
	put(q.title, gap, gap, inside, lineHeight(textHeading))
	y := gap + lineHeight(textHeading) + gapSmall
	put(q.body, gap, y, inside, q.body.heightFor(inside))
	y = size.Height - gap - buttonHeight
	yes, no := q.yes.width(), q.no.width()
	put(q.yes, size.Width-gap-yes, y, yes, buttonHeight)
	put(q.no, size.Width-gap-yes-gapSmall-no, y, no, buttonHeight)
}
