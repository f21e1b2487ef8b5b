package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

type appsPage struct {
	w      *Window
	scroll *container.Scroll
}

func newAppsPage(w *Window) *appsPage {
	return &appsPage{w: w, scroll: container.NewVScroll(newText("", textBody, colorMuted))}
}

func (p *appsPage) content() fyne.CanvasObject { return p.scroll }

func (p *appsPage) heading(app.Snapshot) (title, basis string) { return tr("Apps"), "" }

func (p *appsPage) show(app.Snapshot) {}

func (p *appsPage) reshape() {}
