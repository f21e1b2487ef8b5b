package ui

import (
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

// keyOrder is the setting of which engines go first.
const keyOrder = "engines.order"

// twoEngines is the width from which on there are two columns of engines.
const twoEngines = 1000

// enginesPage is what answers, and how it is.
type enginesPage struct {
	w       *Window
	copying copying

	address *text
	copy    *button // of the address
	hint    *text
	none    *text                  // without engines
	cards   []*engineCard          // in the order of preference
	made    map[string]*engineCard // by the name of the engine
	order   []string               // of preference, as the user wants it
	line    *fyne.Container        // of the address
	top     *card
	body    *fyne.Container
	scroll  *container.Scroll
	shape   float32 // the height of all when it was laid out last
}

func newEnginesPage(w *Window) *enginesPage {
	p := &enginesPage{w: w, made: map[string]*engineCard{},
		address: newBold("", textBody, colorText), copy: newButton(tr("Copy"), w.CopyEndpoint),
		hint: newText(tr("Point apps here, as at Ollama or at a server with OpenAI's API."), textBody, colorMuted),
		none: newParagraph(tr("No engine yet. Start Ollama, LM Studio, llama.cpp, KoboldCpp or vLLM on this machine, and it appears here. One elsewhere is named in engines.list."), colorMuted)}
	p.line = container.New(addressLayout{p}, p.address, p.hint, p.copy)
	p.top = newCard(tr("Address for apps"), nil, p.line)
	p.body = container.New(enginesLayout{p})
	p.scroll = container.NewVScroll(p.body)
	return p
}

func (p *enginesPage) content() fyne.CanvasObject { return p.scroll }

func (p *enginesPage) heading(s app.Snapshot) (title, basis string) {
	up := 0
	for _, e := range s.Engines {
		if !e.Simulated && e.Health == "up" {
			up++
		}
	}
	basis = tr("A request goes to the first engine that has its model.")
	switch {
	case up == 0 && s.Simulated:
		return tr("The demo engine answers"), basis
	case up == 0:
		return tr("No engine is up"), basis
	case up == 1:
		return tr("One engine is up"), basis
	}
	return trn(up, "%d engine is up", "%d engines are up"), basis
}

func (p *enginesPage) show(s app.Snapshot) {
	p.copying.settle(time.Now())
	if p.address.value != s.Endpoint {
		p.address.set(s.Endpoint)
		p.line.Refresh()
	}
	if !p.w.busy(keyOrder) {
		p.order = s.Config.Engines.Order
	}
	sheets := engineSheets(s, p.order)
	movable := 0
	for _, sheet := range sheets {
		if sheet.ranks {
			movable++
		}
	}
	made, at := p.made, 0
	p.made, p.cards = map[string]*engineCard{}, nil
	p.body.Objects = []fyne.CanvasObject{p.top}
	for _, sheet := range sheets {
		c := made[sheet.name]
		if c == nil {
			c = newEngineCard(p.w.obey, p.move, p.reshape, p.copying.copy,
				func(o fyne.CanvasObject) { reveal(p.scroll, o) })
		}
		c.set(sheet, at == 0, at == movable-1, p.w.doing)
		if sheet.ranks {
			at++
		}
		p.made[sheet.name] = c
		p.cards = append(p.cards, c)
		p.body.Objects = append(p.body.Objects, c)
	}
	if len(p.cards) == 0 {
		p.body.Objects = append(p.body.Objects, p.none)
	}
	p.reshape()
}

// move changes the order of preference.
func (p *enginesPage) move(name string, by int) {
	p.order = moved(p.w.last.Engines, p.order, name, by)
	p.w.change(keyOrder, strings.Join(p.order, ","), true)
	p.show(p.w.last)
}

func (p *enginesPage) reshape() {
	p.body.Layout.Layout(p.body.Objects, p.body.Size())
	if height := p.height(p.body.Size().Width); height != p.shape {
		p.shape = height
		p.scroll.Refresh()
	}
	p.body.Refresh()
}

// height is that of the page at a width.
func (p *enginesPage) height(width float32) float32 {
	return p.place(width, func(fyne.CanvasObject, float32, float32, float32, float32) {})
}

// place puts each card where it belongs, the next into the shorter column, and
// returns the height of all.
func (p *enginesPage) place(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	inside := width - 2*gapLarge
	top := heightAround(buttonHeight)
	put(p.top, gapLarge, aboveCards, inside, top)
	bottoms := []float32{aboveCards + top + gap}
	if inside >= twoEngines && len(p.cards) > 1 {
		bottoms = append(bottoms, bottoms[0])
	}
	each := (inside - gap*float32(len(bottoms)-1)) / float32(len(bottoms))
	for _, c := range p.cards {
		column := 0
		if bottoms[len(bottoms)-1] < bottoms[0] {
			column = len(bottoms) - 1
		}
		height := c.heightFor(each)
		put(c, gapLarge+float32(column)*(each+gap), bottoms[column], each, height)
		bottoms[column] += height + gap
	}
	if len(p.cards) == 0 {
		height := p.none.heightFor(inside)
		put(p.none, gapLarge, bottoms[0], inside, height)
		bottoms[0] += height
	}
	return slices.Max(bottoms) - gap + gapLarge
}

// enginesLayout places the cards.
type enginesLayout struct{ p *enginesPage }

// MinSize implements fyne.Layout.
func (l enginesLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(minInside, l.p.height(max(minInside, l.p.scroll.Size().Width)))
}

// Layout implements fyne.Layout.
func (l enginesLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) { l.p.place(size.Width, put) }

// addressLayout places the address, what it is for, and the button that copies it.
type addressLayout struct{ p *enginesPage }

// MinSize implements fyne.Layout.
func (addressLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(320, buttonHeight) }

// Layout implements fyne.Layout.
func (l addressLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	const room = 84 // of the button, whatever it says
	address := l.p.address.width() + 1
	put(l.p.address, 0, 0, address, size.Height)
	put(l.p.hint, address+gap, 0, size.Width-address-2*gap-room, size.Height)
	put(l.p.copy, size.Width-room, 0, room, buttonHeight)
}
