package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

// tunePage is where batching is tuned.
type tunePage struct {
	w      *Window
	tune   *tune
	aside  *text
	scroll *container.Scroll
}

func newTunePage(w *Window) *tunePage {
	p := &tunePage{w: w, tune: newTune(w.carpool.Setting, w.change), aside: newAside("")}
	p.scroll = container.NewVScroll(newCard(tr("Tune"), p.aside, p.tune))
	return p
}

func (p *tunePage) content() fyne.CanvasObject { return p.scroll }

func (p *tunePage) heading(app.Snapshot) (title, basis string) {
	return tr("Tune"), tr("Changes act at once. Requests on the GPU are never touched.")
}

func (p *tunePage) show(s app.Snapshot) {
	p.tune.show(s, func(key string) bool { return p.w.busy(key) })
	p.aside.set(p.tune.summary(s))
}

func (p *tunePage) reshape() {}
