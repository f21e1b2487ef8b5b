package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

const (
	minWidth, minHeight = railWidth + minInside, 480 // of the window
	minInside           = 760                        // of a page, margins included
	aboveCards          = gapTiny
)

// frame lays the window out: the rail at the left; a header, a strip and the open
// page beside it.
type frame struct {
	rail   *rail
	header *header
	strip  *strip
	pages  map[pageName]page
	open   pageName

	body      *fyne.Container // the open page alone
	whole     *fyne.Container
	lastStrip float32 // its height
}

func (f *frame) arrange() {
	f.body = container.NewStack()
	// The controls come in the order of the tab key.
	f.whole = container.New(frameLayout{f}, f.header, f.strip, f.body, f.rail)
}

// page is the one that is open.
func (f *frame) page() page { return f.pages[f.open] }

// turn opens a page.
func (f *frame) turn(to pageName) {
	f.open = to
	f.rail.mark(to)
	f.body.Objects = []fyne.CanvasObject{f.page().content()}
	f.body.Refresh()
}

// reshape lays the window out again if the height of the strip has changed.
func (f *frame) reshape() {
	if h := f.stripHeight(f.inside()); h != f.lastStrip {
		f.lastStrip = h
		f.whole.Layout.Layout(f.whole.Objects, f.whole.Size())
		f.whole.Refresh()
	}
	f.page().reshape()
}

func (f *frame) inside() float32 { return f.whole.Size().Width - railWidth - 2*gapLarge }

func (f *frame) stripHeight(width float32) float32 {
	if !f.strip.Visible() {
		return 0
	}
	return f.strip.heightFor(width) + gap
}

// frameLayout places the parts of the window.
type frameLayout struct{ f *frame }

// MinSize implements fyne.Layout.
func (frameLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(minWidth, minHeight) }

// Layout implements fyne.Layout.
func (l frameLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	f := l.f
	put(f.rail, 0, 0, railWidth, size.Height)
	left, inside := float32(railWidth+gapLarge), size.Width-railWidth-2*gapLarge
	y, height := float32(18), f.header.MinSize().Height
	put(f.header, left, y, inside, height)
	y += height + gap
	if strip := f.stripHeight(inside); strip > 0 {
		put(f.strip, left, y, inside, strip-gap)
		y += strip
	}
	// A page reaches the window's edges, so that its scroll bar does too, and a bit
	// above its cards, so that a scroll does not cut their outline.
	y -= aboveCards
	put(f.body, railWidth, y, size.Width-railWidth, size.Height-y)
}
