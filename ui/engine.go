package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

const (
	searchWidth, searchHeight = 200, 34
	engineHeader              = 40 // from the card's top to its first fact
	dotSize                   = 8
)

// headModels is the id of the line above the models.
const headModels = "models"

// engineCard is one engine: how it is, its models, and what can be done about it.
type engineCard struct {
	widget.BaseWidget
	obey func(order)
	move func(name string, by int)
	tidy func() // after the height may have changed
	copy func(*command)
	show func(fyne.CanvasObject) // that got the focus

	sheet    engineSheet
	title    *text
	place    *text
	chip     *chip
	up, down *button
	search   *widget.Entry

	lines    []engineLine
	rows     map[string]*engineRow // by the id of their line, so that the focus stays with what it is on
	commands map[string]*command
	doing    map[order]bool
}

func newEngineCard(obey func(order), move func(string, int), tidy func(), copy func(*command), show func(fyne.CanvasObject)) *engineCard {
	c := &engineCard{obey: obey, move: move, tidy: tidy, copy: copy, show: show,
		title: newBold("", textBody, colorText), place: newText("", textSmall, colorMuted), chip: newChip(true),
		search: widget.NewEntry(), rows: map[string]*engineRow{}, commands: map[string]*command{}}
	c.up = newLink(tr("Earlier"), func() { c.move(c.sheet.name, -1) })
	c.down = newLink(tr("Later"), func() { c.move(c.sheet.name, 1) })
	c.up.gained, c.down.gained = func() { c.show(c.up) }, func() { c.show(c.down) }
	c.search.SetPlaceHolder(tr("Find a model"))
	c.search.OnChanged = func(string) {
		c.arrange()
		c.tidy()
	}
	c.ExtendBaseWidget(c)
	return c
}

// set takes over a sheet; first and last are its place among those that can be
// moved.
func (c *engineCard) set(s engineSheet, first, last bool, doing map[order]bool) {
	c.sheet, c.doing = s, doing
	c.title.set(s.title)
	c.place.set(s.place)
	preferred := ""
	if s.preferred {
		preferred = tr("preferred")
	}
	c.chip.set(preferred, true)
	c.up.set(c.up.label.value, first)
	c.down.set(c.down.label.value, last)
	c.arrange()
}

// arrange lists the lines and gives each its widget.
func (c *engineCard) arrange() {
	lines := append([]engineLine(nil), c.sheet.facts...)
	all, loaded := c.sheet.modelCount()
	if len(c.sheet.models) > 0 {
		text := ""
		if all > 0 {
			text = tr("%d, %d loaded", all, loaded)
		}
		lines = append(lines, engineLine{kind: ofHeading, id: headModels, name: tr("Models"), text: text, tone: colorMuted})
		listed, matching := c.sheet.modelsMatching(c.wanted())
		lines = append(lines, listed...)
		switch {
		case all > 0 && matching == 0:
			lines = append(lines, engineLine{kind: ofNote, id: "more", text: tr("No model has that in its name."), tone: colorMuted})
		case matching > maxModels:
			lines = append(lines, engineLine{kind: ofNote, id: "more", text: trn(matching-maxModels, "and %d more: type a part of its name above", "and %d more: type a part of a name above"), tone: colorMuted})
		}
	}
	if len(c.sheet.reloads)+len(c.sheet.reloadAdvice) > 0 {
		lines = append(lines, engineLine{kind: ofHeading, id: "reloads", name: tr("Loaded again in the last hour"), tone: colorMuted})
		lines = append(lines, c.sheet.reloads...)
		lines = append(lines, c.sheet.reloadAdvice...)
	}
	c.lines = lines
	rows, commands := c.rows, c.commands
	c.rows, c.commands = map[string]*engineRow{}, map[string]*command{}
	for _, l := range lines {
		if l.kind == ofCommand {
			if c.commands[l.id] = commands[l.id]; c.commands[l.id] == nil || c.commands[l.id].value != l.name {
				made := newCommand(l.name, c.copy)
				made.copy.gained = func() { c.show(made) }
				c.commands[l.id] = made
			}
			continue
		}
		if c.rows[l.id] = rows[l.id]; c.rows[l.id] == nil {
			made := newEngineRow(c.obey)
			made.button.gained = func() { c.show(made) }
			c.rows[l.id] = made
		}
		c.rows[l.id].set(l, c.doing)
	}
	c.Refresh()
}

// searches says whether there are too many models to list.
func (c *engineCard) searches() bool {
	all, _ := c.sheet.modelCount()
	return all > maxModels
}

// wanted is the part of a name that was typed.
func (c *engineCard) wanted() string {
	if !c.searches() {
		return ""
	}
	return c.search.Text
}

// heightFor is the height at a width.
func (c *engineCard) heightFor(width float32) float32 {
	return c.put(width, func(fyne.CanvasObject, float32, float32, float32, float32) {})
}

// put places the lines and returns the height of the card.
func (c *engineCard) put(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) (height float32) {
	inside := widthInside(width)
	height = engineHeader
	for _, l := range c.lines {
		if l.kind == ofCommand {
			made := c.commands[l.id]
			h := made.heightFor(inside)
			put(made, gap, height, inside, h)
			height += h + gapSmall
			continue
		}
		row, room := c.rows[l.id], inside
		h := row.heightFor(inside)
		if l.kind == ofHeading {
			height += gapSmall
			if l.id == headModels && c.searches() {
				h, room = searchHeight, inside-searchWidth-gap
				put(c.search, gap+inside-searchWidth, height, searchWidth, searchHeight)
			}
		}
		put(row, gap, height, room, h)
		height += h
	}
	return height + gapSmall
}

// CreateRenderer implements fyne.Widget.
func (c *engineCard) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	ground, dot := canvas.NewRectangle(nil), canvas.NewCircle(nil)
	ground.CornerRadius, ground.StrokeWidth = cornerCard, 1
	r := &renderer{widget: c}
	r.min = func() fyne.Size { return fyne.NewSize(320, c.heightFor(max(320, c.Size().Width))) }
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		const top = 12
		line := lineHeight(textBody)
		put(dot, gap, top+(line-dotSize)/2, dotSize, dotSize)
		right := size.Width - gap + linkPad
		for _, b := range []*button{c.down, c.up} {
			if c.sheet.ranks {
				right -= b.width()
				put(b, right, top+(line-linkHeight)/2, b.width(), linkHeight)
			}
		}
		left := float32(gap + dotSize + gapSmall)
		title := min(c.title.width()+1, right-left)
		put(c.title, left, top, title, line)
		left += title + gapSmall
		if c.sheet.preferred {
			put(c.chip, left, top, c.chip.width()+1, line)
			left += c.chip.width() + gapSmall
		}
		put(c.place, left, top+1, right-left-gapSmall, line)
		c.put(size.Width, put)
	}
	r.paint = func() {
		ground.FillColor, ground.StrokeColor = theme.Color(colorSurface), theme.Color(colorLine)
		dot.FillColor = theme.Color(c.sheet.mark)
		r.objects = append(r.objects[:0], ground, dot, c.title, c.place)
		if c.sheet.preferred {
			r.objects = append(r.objects, c.chip)
		}
		if c.sheet.ranks {
			r.objects = append(r.objects, c.up, c.down)
		}
		for _, l := range c.lines {
			if l.kind == ofCommand {
				r.objects = append(r.objects, c.commands[l.id])
				continue
			}
			r.objects = append(r.objects, c.rows[l.id])
			if l.id == headModels && c.searches() {
				r.objects = append(r.objects, c.search)
			}
		}
	}
	return r.start()
}
