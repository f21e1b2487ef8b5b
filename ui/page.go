package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

// page is one of the window's pages. Its methods are called on Fyne's goroutine.
type page interface {
	// content is what the page shows below the header; always the same object.
	content() fyne.CanvasObject
	// heading is the page's title and the line below it.
	heading(s app.Snapshot) (title, basis string)
	// show draws a snapshot. It is called when the page opens and then for each
	// snapshot while it is open, so what a page reads of the history it reads from here.
	show(s app.Snapshot)
	// reshape lays the page out again if the height of a part has changed.
	reshape()
}

// pageSize is the least size of a page that scrolls and whose place tells its height
// for a width.
func pageSize(scroll *container.Scroll, place func(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32) fyne.Size {
	height := place(max(minInside, scroll.Size().Width), func(fyne.CanvasObject, float32, float32, float32, float32) {})
	return fyne.NewSize(minInside, height)
}

// pageName names a page.
type pageName string

// The pages, in the order of the rail.
const (
	pageNow       pageName = "now"
	pageTune      pageName = "tune"
	pageHistory   pageName = "history"
	pageApps      pageName = "apps"
	pageEngines   pageName = "engines"
	pageBenchmark pageName = "benchmark"
	pageSettings  pageName = "settings"
)

var pageOrder = []pageName{pageNow, pageTune, pageHistory, pageApps, pageEngines, pageBenchmark, pageSettings}

// title names the page for people.
func (n pageName) title() string {
	switch n {
	case pageTune:
		return tr("Tune")
	case pageHistory:
		return tr("History")
	case pageApps:
		return tr("Apps")
	case pageEngines:
		return tr("Engines")
	case pageBenchmark:
		return tr("Benchmark")
	case pageSettings:
		return tr("Settings")
	}
	return tr("Now")
}
