package ui

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

const (
	guideWidth = 680
	leastSteps = 280 // the height of the steps where there are several ways
	numberRoom = 20  // of a step's number
)

// guide says over the whole window, step by step, how to give an engine more
// slots. The escape key closes it.
type guide struct {
	canvas fyne.Canvas
	title  *text
	says   *text
	ways   *segments // nil = there is but one
	guides []app.EngineGuide
	pages  []*steps // by way
	first  int      // the way that was shown first
	scroll *container.Scroll
	close  *button
	copying
}

// openGuide shows the guide of a check; closed is called once.
func openGuide(c fyne.Canvas, check app.EngineCheck, closed func()) *guide {
	g := &guide{canvas: c, title: newBold("", textHeading, colorText), says: newParagraph(sentenceOf(check.Says), colorMuted),
		guides: []app.EngineGuide{check.Guide}}
	if len(check.Ways) > 0 {
		names := make([]string, len(check.Ways))
		g.guides = make([]app.EngineGuide, len(check.Ways))
		for i, w := range check.Ways {
			names[i], g.guides[i] = w.Name, w.Guide
		}
		g.ways = newSegments(names, g.choose)
		g.first = max(0, slices.IndexFunc(g.guides, func(o app.EngineGuide) bool { return o.Title == check.Guide.Title }))
		g.ways.set(g.first)
	}
	for _, o := range g.guides {
		g.pages = append(g.pages, newSteps(stepsOf(o), g.copy, func(c *command) { reveal(g.scroll, c) }))
	}
	var hide func()
	shut := func() {
		hide()
		closed()
	}
	g.close = newButton(tr("Close"), shut)
	g.scroll = container.NewVScroll(nil)
	objects := []fyne.CanvasObject{g.title, g.says}
	if g.ways != nil {
		objects = append(objects, g.ways)
	}
	g.choose(g.first)
	hide = showOver(c, container.New(g, append(objects, g.scroll, g.close)...), shut)
	c.Focus(g.close)
	return g
}

// choose shows another way.
func (g *guide) choose(i int) {
	g.title.set(g.guides[i].Title)
	g.scroll.Content = g.pages[i].content
	g.scroll.Offset = fyne.Position{}
	g.scroll.Refresh()
}

// above is the height of what stands above the steps.
func (g *guide) above(width float32) float32 {
	height := gap + lineHeight(textHeading) + gapTiny + g.says.heightFor(width-2*gap) + gap
	if g.ways != nil {
		height += g.ways.MinSize().Height + gap
	}
	return height
}

const belowSteps = gap + buttonHeight + gap

// MinSize implements fyne.Layout: high enough for the first way, if the window
// is. It stays so, so that a choice moves nothing.
func (g *guide) MinSize([]fyne.CanvasObject) fyne.Size {
	room := g.canvas.Size().SubtractWidthHeight(2*gapLarge, 2*gapLarge)
	width := min(guideWidth, room.Width)
	height := g.pages[g.first].heightFor(width - 2*gap)
	if g.ways != nil {
		height = max(height, leastSteps)
	}
	return fyne.NewSize(width, min(g.above(width)+height+belowSteps, room.Height))
}

// Layout implements fyne.Layout.
func (g *guide) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	inside := size.Width - 2*gap
	y := float32(gap)
	put(g.title, gap, y, inside, lineHeight(textHeading))
	y += lineHeight(textHeading) + gapTiny
	says := g.says.heightFor(inside)
	put(g.says, gap, y, inside, says)
	y += says + gap
	if g.ways != nil {
		ways := g.ways.MinSize().Height
		put(g.ways, gap, y, inside, ways)
		y += ways + gap
	}
	// The scroll reaches the edge, so that its bar stands beside the steps.
	for _, p := range g.pages {
		p.width = inside
	}
	put(g.scroll, gap, y, size.Width-gap, size.Height-y-belowSteps)
	g.scroll.Refresh()
	put(g.close, size.Width-gap-g.close.width(), size.Height-gap-buttonHeight, g.close.width(), buttonHeight)
}

// step is something to do.
type step struct{ do, copy string } // copy is what to paste there; "" = nothing

func stepsOf(g app.EngineGuide) []step {
	var all []step
	for _, s := range g.Steps {
		all = append(all, step{s.Text, s.Command})
	}
	return all
}

// steps lays out the steps of a guide.
type steps struct {
	numbers, texts []*text
	commands       []*command // nil where there is nothing to type
	content        *fyne.Container
	width          float32 // as the dialog has it
}

func newSteps(all []step, copied, gained func(*command)) *steps {
	s := &steps{}
	var objects []fyne.CanvasObject
	for i, step := range all {
		number, says := newText(fmt.Sprint(i+1), textBody, colorMuted), newParagraph(step.do, colorText)
		s.numbers, s.texts = append(s.numbers, number), append(s.texts, says)
		objects = append(objects, number, says)
		var c *command
		if step.copy != "" {
			c = newCommand(step.copy, copied)
			c.copy.gained = func() { gained(c) }
			objects = append(objects, c)
		}
		s.commands = append(s.commands, c)
	}
	s.content = container.New(s, objects...)
	return s
}

// heightFor is the height at the width of the dialog's content.
func (s *steps) heightFor(width float32) float32 {
	return s.place(width, func(fyne.CanvasObject, float32, float32, float32, float32) {})
}

// place puts each part where it belongs and returns the height of all.
func (s *steps) place(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) (height float32) {
	inside := width - numberRoom
	for i, says := range s.texts {
		if i > 0 {
			height += gap
		}
		h := says.heightFor(inside)
		put(s.numbers[i], 0, height, numberRoom, lineHeight(textBody))
		put(says, numberRoom, height, inside, h)
		height += h
		if c := s.commands[i]; c != nil {
			height += gapTiny
			h = c.heightFor(inside)
			put(c, numberRoom, height, inside, h)
			height += h
		}
	}
	return height
}

// MinSize implements fyne.Layout.
func (s *steps) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(0, s.heightFor(s.width))
}

// Layout implements fyne.Layout.
func (s *steps) Layout([]fyne.CanvasObject, fyne.Size) { s.place(s.width, put) }
