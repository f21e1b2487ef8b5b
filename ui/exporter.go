package ui

import (
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

const (
	exporterWidth = 560
	entryHeight   = 36
)

// formats are those of an export, in the order of the choice.
var formats = []string{"csv", "json"}

// exporter asks over the whole window where a part of the history goes, and tells
// what came of it. The escape key closes it.
type exporter struct {
	title, says *text
	label       *text
	folder      *field
	format      *segments
	told        *text
	write, shut *button
}

// openExporter asks; export is called for each go, closed once.
func openExporter(c fyne.Canvas, says string, export func(folder, format string), closed func()) *exporter {
	e := &exporter{title: newBold(tr("Export the history"), textHeading, colorText), says: newParagraph(says, colorMuted),
		label: newText(tr("Folder"), textBody, colorMuted), folder: newField("", func() {}), told: newParagraph("", colorText)}
	e.folder.SetText(xdg.UserDirs.Download)
	e.format = newSegments([]string{"CSV", "JSON"}, func(int) {})
	e.format.set(0)
	var hide func()
	shut := func() {
		hide()
		closed()
	}
	e.shut = newButton(tr("Close"), shut)
	e.write = newStrongButton(tr("Export"), func() {
		e.write.set(tr("Exporting…"), true)
		e.told.set("")
		export(strings.TrimSpace(e.folder.Text), formats[e.format.chosen])
	})
	e.folder.OnSubmitted = func(string) { e.write.tap() }
	hide = showOver(c, container.New(e, e.title, e.says, e.label, e.folder, e.format, e.told, e.shut, e.write), shut)
	c.Focus(e.folder)
	return e
}

// tell says how it went.
func (e *exporter) tell(files []string, err error) {
	e.write.set(tr("Export"), false)
	if err != nil {
		e.told.setColored(tr("Not exported: %s", sentenceOf(err.Error())), colorVermilion)
		return
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = filepath.Base(f)
	}
	e.told.setColored(tr("Written: %s.", strings.Join(names, ", ")), colorAccentText)
}

// MinSize implements fyne.Layout.
func (e *exporter) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(exporterWidth, gap+lineHeight(textHeading)+gapTiny+e.says.heightFor(exporterWidth-2*gap)+gap+
		lineHeight(textBody)+gapTiny+entryHeight+gap+e.format.MinSize().Height+gap+exportTold+belowSteps)
}

// exportTold is the room for what came of it: three lines.
const exportTold = 3 * 20

// Layout implements fyne.Layout.
func (e *exporter) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	width := size.Width - 2*gap
	y := float32(gap)
	down := func(o fyne.CanvasObject, height, below float32) {
		put(o, gap, y, width, height)
		y += height + below
	}
	down(e.title, lineHeight(textHeading), gapTiny)
	down(e.says, e.says.heightFor(width), gap)
	down(e.label, lineHeight(textBody), gapTiny)
	down(e.folder, entryHeight, gap)
	put(e.format, gap, y, 200, e.format.MinSize().Height)
	y += e.format.MinSize().Height + gap
	down(e.told, exportTold, 0)
	y = size.Height - gap - buttonHeight
	write := max(e.write.width(), 96)
	put(e.write, size.Width-gap-write, y, write, buttonHeight)
	put(e.shut, size.Width-gap-write-gapSmall-e.shut.width(), y, e.shut.width(), buttonHeight)
}
