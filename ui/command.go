package ui

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// command is something to type, with a button that copies it.
type command struct {
	widget.BaseWidget
	value string
	copy  *button
	lines []*canvas.Text
}

func newCommand(value string, copied func(*command)) *command {
	c := &command{value: value}
	c.copy = newLink(tr("Copy"), func() { copied(c) })
	c.ExtendBaseWidget(c)
	return c
}

// copier copies commands, and has the last one say so for a while.
type copier struct {
	last *command
	at   time.Time
}

func (k *copier) copy(c *command) {
	fyne.CurrentApp().Clipboard().SetContent(c.value)
	k.settle(time.Now().Add(copied))
	k.last, k.at = c, time.Now()
	c.copy.set(tr("Copied"), false)
	c.Refresh()
}

// settle ends what is said of a copy after a while.
func (k *copier) settle(now time.Time) {
	if k.last != nil && now.Sub(k.at) >= copied {
		k.last.copy.set(tr("Copy"), false)
		k.last.Refresh()
		k.last = nil
	}
}

const (
	commandPad = gapSmall
	copyRoom   = 64 // of the button, whatever it says
)

func (c *command) heightFor(width float32) float32 {
	return 2*commandPad + float32(len(c.broken(width)))*lineHeight(textSmall)
}

// broken is the command as lines that fit, as it is shown; what is copied has
// its own lines.
func (c *command) broken(width float32) []string {
	letter := fyne.MeasureText("m", textSmall, fyne.TextStyle{Monospace: true}).Width
	return wrapCommand(c.value, int((width-2*commandPad-copyRoom)/letter))
}

// wrapCommand breaks the lines of s that have more than columns letters, between
// words where it can, and indents what follows.
func wrapCommand(s string, columns int) []string {
	const indent = "  "
	columns = max(columns, 2*len(indent))
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		rest := []rune(line)
		for len(rest) > columns {
			end := columns
			for i := columns; i > len(rest)-len([]rune(strings.TrimLeft(string(rest), " "))); i-- {
				if rest[i] == ' ' {
					end = i
					break
				}
			}
			lines = append(lines, string(rest[:end]))
			rest = []rune(indent + strings.TrimLeft(string(rest[end:]), " "))
		}
		lines = append(lines, string(rest))
	}
	return lines
}

// CreateRenderer implements fyne.Widget.
func (c *command) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	ground := canvas.NewRectangle(nil)
	ground.CornerRadius = cornerButton
	r := &renderer{widget: c}
	r.min = func() fyne.Size { return fyne.NewSize(240, c.heightFor(max(240, c.Size().Width))) }
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		button := c.copy.width()
		put(c.copy, size.Width-button-gapTiny, commandPad-(linkHeight-lineHeight(textSmall))/2, button, linkHeight)
		r.objects = append(r.objects[:0], ground)
		for i, s := range c.broken(size.Width) {
			if i == len(c.lines) {
				line := canvas.NewText("", nil)
				line.TextSize, line.TextStyle.Monospace = textSmall, true
				c.lines = append(c.lines, line)
			}
			line := c.lines[i]
			line.Text, line.Color = s, theme.Color(colorText)
			natural := line.MinSize().Height
			put(line, commandPad, commandPad+float32(i)*lineHeight(textSmall)+(lineHeight(textSmall)-natural)/2, size.Width-2*commandPad, natural)
			r.objects = append(r.objects, line)
		}
		r.objects = append(r.objects, c.copy)
	}
	r.paint = func() { ground.FillColor = theme.Color(colorRaised) }
	return r.start()
}
