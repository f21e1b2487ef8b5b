package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

const aboutName = 120 // the width of the names

// about says which Carpool this is and where its files are.
type about struct {
	widget.BaseWidget
	names, values []*text
	copies        []*button // one for each value
	copiedAt      time.Time
}

func newAbout() *about {
	a := &about{}
	for i, name := range []string{tr("Version"), tr("Settings file"), tr("Log file"), tr("History file"), tr("License")} {
		a.names = append(a.names, newText(name, textBody, colorMuted))
		a.values = append(a.values, newText("", textBody, colorText))
		a.copies = append(a.copies, newLink(tr("Copy"), func() { a.copy(i) }))
	}
	a.ExtendBaseWidget(a)
	return a
}

func (a *about) copy(i int) {
	fyne.CurrentApp().Clipboard().SetContent(a.values[i].value)
	a.settle(time.Now().Add(copied))
	a.copiedAt = time.Now()
	a.copies[i].set(tr("Copied"), false)
	a.Refresh()
}

// settle ends what is said of a copy after a while.
func (a *about) settle(now time.Time) {
	if a.copiedAt.IsZero() || now.Sub(a.copiedAt) < copied {
		return
	}
	a.copiedAt = time.Time{}
	for _, c := range a.copies {
		c.set(tr("Copy"), false)
	}
	a.Refresh()
}

func (a *about) show(s app.Snapshot) {
	for i, value := range []string{"Carpool " + s.Version, s.ConfigAt, s.LogFile, s.History.Path, "Apache License 2.0"} {
		a.values[i].set(value)
	}
	a.settle(time.Now())
}

func (a *about) heightFor(float32) float32 { return float32(len(a.names)) * linkHeight }

// CreateRenderer implements fyne.Widget.
func (a *about) CreateRenderer() fyne.WidgetRenderer {
	a.ExtendBaseWidget(a)
	r := &renderer{widget: a, paint: func() {}}
	for i := range a.names {
		r.objects = append(r.objects, a.names[i], a.values[i], a.copies[i])
	}
	r.min = func() fyne.Size { return fyne.NewSize(400, a.heightFor(400)) }
	r.layout = func(size fyne.Size) {
		for i := range a.names {
			y, button := float32(i)*linkHeight, a.copies[i].width()
			put(a.names[i], 0, y, aboutName, linkHeight)
			put(a.values[i], aboutName, y, size.Width-aboutName-button-gap, linkHeight)
			put(a.copies[i], size.Width-button+linkPad, y, button, linkHeight)
		}
	}
	return r.start()
}
