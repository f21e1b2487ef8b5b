package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

type historyPage struct {
	w      *Window
	scroll *container.Scroll
}

func newHistoryPage(w *Window) *historyPage {
	return &historyPage{w: w, scroll: container.NewVScroll(newText("", textBody, colorMuted))}
}

func (p *historyPage) content() fyne.CanvasObject { return p.scroll }

func (p *historyPage) heading(app.Snapshot) (title, basis string) { return tr("History"), "" }

func (p *historyPage) show(app.Snapshot) {}

func (p *historyPage) reshape() {}
