package ui

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

const (
	welcomeWidth = 520
	welcomeFound = 2 // lines for what was found
)

// welcome greets at the first start: the engines found, the address for apps, and
// what to do next. The escape key closes it.
type welcome struct {
	w     *Window
	title *text
	says  *text

	found, detail  *text
	offer          *button // hidden where there is nothing to offer
	offered        func()
	address        *text
	ollama, openAI *command
	apps, start    *button
	copying

	hide func()
}

// greet shows the welcome once after the start, if the settings want it, and keeps
// it up to date.
func (w *Window) greet() {
	if w.welcome != nil {
		w.welcome.show(w.last)
		return
	}
	if w.greeted || !w.last.Config.Window.Welcome || w.canvas == nil || w.canvas.Overlays().Top() != nil {
		return
	}
	w.greeted = true
	w.welcome = openWelcome(w)
}

func openWelcome(w *Window) *welcome {
	g := &welcome{w: w, title: newBold(tr("Welcome to Carpool"), textTitle, colorText),
		says:    newParagraph(tr("Your AI apps share one GPU here: their requests run together, a chat goes first, and you see who uses what."), colorMuted),
		found:   newBold("", textBody, colorText),
		detail:  newParagraph("", colorMuted),
		address: newParagraph(tr("Give this address to your apps, in the place of the engine's: the first to those made for Ollama, the second to those made for OpenAI."), colorText)}
	g.offer = newButton("", func() { g.offered() })
	g.detail.most = welcomeFound
	g.ollama, g.openAI = newCommand(w.last.Endpoint, g.copy), newCommand(w.last.Endpoint+"/v1", g.copy)
	g.apps = newLink(tr("How to connect an app"), func() {
		g.close()
		w.Open(pageApps)
	})
	g.start = newStrongButton(tr("Start"), g.close)
	g.show(w.last)
	content := container.New(g, g.title, g.says, g.found, g.detail, g.offer, g.address, g.ollama, g.openAI, g.apps, g.start)
	g.hide = showOver(w.canvas, content, g.close)
	w.canvas.Focus(g.start)
	return g
}

func (g *welcome) close() {
	g.hide()
	g.w.welcome = nil
	g.w.setter.put(keyWelcome, "false", 0)
}

func (g *welcome) show(s app.Snapshot) {
	found, detail := foundWords(s)
	g.found.set(found)
	g.detail.set(detail)
	label := ""
	if a := startActions(s); len(a) > 0 {
		label, g.offered = a[0].text, func() { g.w.obey(a[0].order) }
		if text, off := a[0].button(g.w.doing); off {
			label = text
		}
	} else if noEngine(s) && !s.Simulated {
		label, g.offered = tr("Try the demo"), func() { g.w.setter.put(keyDemo, "always", 0) }
	}
	if g.offer.label.value != label {
		g.offer.set(label, false)
		g.place()
	}
	if hidden := label == ""; g.offer.Hidden != hidden {
		g.offer.Hidden = hidden
		g.offer.Refresh()
	}
	g.settle(time.Now())
}

// foundWords say which engines there are, and what of it matters.
func foundWords(s app.Snapshot) (found, detail string) {
	var names []string
	models := 0
	for _, e := range s.Engines {
		if e.Health == "up" && !e.Simulated {
			names = append(names, strings.TrimSpace(e.Label+" "+e.Version))
			models += len(e.Models)
		}
	}
	switch {
	case len(names) > 0:
		return tr("Found: %s", strings.Join(names, ", ")), trn(models, "%d model is there. Nothing needs to be set up.", "%d models are there. Nothing needs to be set up.")
	case comingUp(s) != "":
		return tr("%s is starting", comingUp(s)), tr("It takes requests in a moment.")
	case s.Simulated:
		return tr("No engine found yet"), tr("Start Ollama, LM Studio or llama.cpp, and Carpool takes it at once. Until then the demo engine gives simulated answers.")
	}
	return tr("No engine found yet"), tr("Start Ollama, LM Studio or llama.cpp, and Carpool takes it at once.")
}

// noEngine reports whether no engine answers, the demo apart.
func noEngine(s app.Snapshot) bool {
	for _, e := range s.Engines {
		if e.Health == "up" && !e.Simulated {
			return false
		}
	}
	return true
}

// place puts the button of the offer where the found engine leaves room.
func (g *welcome) place() {
	inside, y := g.found.Size().Width, g.found.Position().Y
	width := g.offer.width()
	put(g.offer, gapLarge+inside-width, y-gapTiny, width, buttonHeight)
}

// MinSize implements fyne.Layout.
func (g *welcome) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(welcomeWidth, g.arrange(welcomeWidth, func(fyne.CanvasObject, float32, float32, float32, float32) {}))
}

// Layout implements fyne.Layout.
func (g *welcome) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	g.arrange(size.Width, put)
	g.place()
}

// arrange puts each part where it belongs and returns the height of all.
func (g *welcome) arrange(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) (height float32) {
	inside := width - 2*gapLarge
	height = gapLarge
	row := func(o fyne.CanvasObject, h, below float32) {
		put(o, gapLarge, height, inside, h)
		height += h + below
	}
	row(g.title, lineHeight(textTitle), gapTiny)
	row(g.says, g.says.heightFor(inside), gapLarge)
	row(g.found, lineHeight(textBody), gapTiny)
	row(g.detail, welcomeFound*lineHeight(textBody), gapLarge)
	row(g.address, g.address.heightFor(inside), gapSmall)
	row(g.ollama, g.ollama.heightFor(inside), gapSmall)
	row(g.openAI, g.openAI.heightFor(inside), gapLarge)
	put(g.apps, gapLarge-linkPad, height+(buttonHeight-linkHeight)/2, g.apps.width(), linkHeight)
	put(g.start, width-gapLarge-g.start.width(), height, g.start.width(), buttonHeight)
	return height + buttonHeight + gapLarge
}
