package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

type settingsPage struct {
	w      *Window
	scroll *container.Scroll
}

func newSettingsPage(w *Window) *settingsPage {
	return &settingsPage{w: w, scroll: container.NewVScroll(newText("", textBody, colorMuted))}
}

func (p *settingsPage) content() fyne.CanvasObject { return p.scroll }

func (p *settingsPage) heading(app.Snapshot) (title, basis string) { return tr("Settings"), "" }

func (p *settingsPage) show(app.Snapshot) {}

func (p *settingsPage) reshape() {}
