package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

type benchmarkPage struct {
	w      *Window
	scroll *container.Scroll
}

func newBenchmarkPage(w *Window) *benchmarkPage {
	return &benchmarkPage{w: w, scroll: container.NewVScroll(newText("", textBody, colorMuted))}
}

func (p *benchmarkPage) content() fyne.CanvasObject { return p.scroll }

func (p *benchmarkPage) heading(app.Snapshot) (title, basis string) { return tr("Benchmark"), "" }

func (p *benchmarkPage) show(app.Snapshot) {}

func (p *benchmarkPage) reshape() {}
