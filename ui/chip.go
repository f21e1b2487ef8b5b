package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// chip is a short remark on a ground of its own.
type chip struct {
	widget.BaseWidget
	label  *text
	strong bool // in the accent colour
}

func newChip(strong bool) *chip {
	c := &chip{label: newText("", textSmall, colorMuted)}
	c.label.align = fyne.TextAlignCenter
	c.ExtendBaseWidget(c)
	c.set("", strong)
	return c
}

func (c *chip) set(value string, strong bool) {
	color := colorMuted
	if strong {
		color = colorAccentText
	}
	if c.label.value == value && c.label.color == color && c.strong == strong {
		return
	}
	c.strong = strong
	c.label.setColored(value, color)
	c.Refresh()
}

func (c *chip) width() float32 { return c.label.width() + 2*gapSmall }

// CreateRenderer implements fyne.Widget.
func (c *chip) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	ground := canvas.NewRectangle(nil)
	height := lineHeight(textSmall)
	ground.CornerRadius = height / 2
	r := &renderer{widget: c, objects: []fyne.CanvasObject{ground, c.label}}
	r.min = func() fyne.Size { return fyne.NewSize(4*gapSmall, height) }
	r.layout = func(size fyne.Size) {
		y := (size.Height - height) / 2
		put(ground, 0, y, size.Width, height)
		put(c.label, gapSmall, y, size.Width-2*gapSmall, height)
	}
	r.paint = func() {
		ground.FillColor = theme.Color(colorRaised)
		if c.strong {
			ground.FillColor = theme.Color(colorAccentGround)
		}
		c.Hidden = c.label.value == ""
	}
	return r.start()
}
