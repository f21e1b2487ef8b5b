package ui

import (
	"reflect"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// connect says how apps are pointed at Carpool: the address, a list of apps, and
// the steps for the one chosen.
type connect struct {
	widget.BaseWidget
	says    *text
	address *command
	apps    *choices
	guides  []app.ConnectGuide
	pages   []*steps // by app
	reveal  func(*command)
	changed func() // the height
	copying
}

func newConnect(reveal func(fyne.CanvasObject), changed func()) *connect {
	c := &connect{says: newParagraph(tr("Any app that talks to Ollama, LM Studio or OpenAI takes this address in place of the engine's:"), colorMuted), changed: changed}
	c.reveal = func(shown *command) { reveal(shown) }
	c.address = newCommand("", c.copy)
	c.address.copy.gained = func() { c.reveal(c.address) }
	c.apps = newChoices(listLook, func(int) {
		c.Refresh()
		c.changed()
	})
	c.ExtendBaseWidget(c)
	return c
}

func (c *connect) setEndpoint(endpoint string) {
	if c.address.value != endpoint {
		c.address.value = endpoint
		c.address.Refresh()
	}
}

// setGuides shows other guides; the app chosen stays if it is among them.
func (c *connect) setGuides(guides []app.ConnectGuide) {
	if reflect.DeepEqual(guides, c.guides) {
		return
	}
	chosen := ""
	if i := c.apps.chosen; i >= 0 && i < len(c.guides) {
		chosen = c.guides[i].App
	}
	c.guides, c.pages = guides, nil
	names, at := make([]string, len(guides)), -1
	for i, g := range guides {
		var all []step
		for _, s := range g.Steps {
			all = append(all, step{s.Do, s.Copy})
		}
		c.pages = append(c.pages, newSteps(all, c.copy, c.reveal))
		names[i] = g.App
		if g.App == chosen || at < 0 {
			at = i
		}
	}
	c.settle(time.Now().Add(copied)) // it may not be shown any more
	c.apps.chosen = at
	c.apps.setNames(names)
	c.Refresh()
}

const connectList = 148 // the width of the list of apps

// page is the steps of the chosen app; nil without any.
func (c *connect) page() *steps {
	if i := c.apps.chosen; i >= 0 && i < len(c.pages) {
		return c.pages[i]
	}
	return nil
}

func (c *connect) heightFor(width float32) float32 {
	height := c.apps.height()
	if p := c.page(); p != nil {
		height = max(height, p.heightFor(width-connectList-gapLarge))
	}
	return c.top(width) + height
}

// top is where the list begins, below the address.
func (c *connect) top(width float32) float32 {
	return c.says.heightFor(width) + gapTiny + c.address.heightFor(width) + gap + 1 + gap
}

// CreateRenderer implements fyne.Widget.
func (c *connect) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	rule := canvas.NewRectangle(nil)
	r := &renderer{widget: c}
	r.min = func() fyne.Size { return fyne.NewSize(320, c.heightFor(max(320, c.Size().Width))) }
	r.layout = func(size fyne.Size) {
		y := c.says.heightFor(size.Width)
		put(c.says, 0, 0, size.Width, y)
		y += gapTiny
		put(c.address, 0, y, size.Width, c.address.heightFor(size.Width))
		top := c.top(size.Width)
		put(rule, 0, top-gap-1, size.Width, 1)
		put(c.apps, 0, top, connectList, c.apps.height())
		if p := c.page(); p != nil {
			p.width = size.Width - connectList - gapLarge
			put(p.content, connectList+gapLarge, top, p.width, size.Height-top)
			p.content.Refresh()
		}
	}
	r.paint = func() {
		rule.FillColor = theme.Color(colorLine)
		r.objects = append(r.objects[:0], c.says, c.address, rule, c.apps)
		if p := c.page(); p != nil {
			r.objects = append(r.objects, p.content)
		}
	}
	return r.start()
}
