package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

// enginesPage is what answers, and how it is.
type enginesPage struct {
	w       *Window
	engines *engines
	scroll  *container.Scroll
}

func newEnginesPage(w *Window) *enginesPage {
	p := &enginesPage{w: w, engines: newEngines(w.CopyEndpoint, w.obey)}
	p.scroll = container.NewVScroll(newCard(tr("Engine"), newAside(tr("apps point here")), p.engines))
	return p
}

func (p *enginesPage) content() fyne.CanvasObject { return p.scroll }

func (p *enginesPage) heading(app.Snapshot) (title, basis string) { return tr("Engines"), "" }

func (p *enginesPage) show(s app.Snapshot) { p.engines.show(s, p.w.doing) }

func (p *enginesPage) reshape() {}
