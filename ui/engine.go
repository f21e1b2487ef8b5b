package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// maxModels is how many models the card lists at the most.
const maxModels = 6

// engines is the content of the card "Engine": where apps point, and what
// answers them.
type engines struct {
	widget.BaseWidget
	endpoint *text
	copy     *button
	list     *rows[*engineRow]
}

func newEngines(copyEndpoint func()) *engines {
	e := &engines{endpoint: newBold("", textBody, colorText), copy: newButton("Copy", copyEndpoint), list: newRows(newEngineRow)}
	e.ExtendBaseWidget(e)
	return e
}

// engineLine is an engine or one of its models.
type engineLine struct {
	name, detail string
	loaded       bool
	model        bool
	mark         fyne.ThemeColorName // of an engine
}

// engineLines are the lines for a snapshot: each engine, the active one with
// its models, loaded ones first.
func engineLines(s app.Snapshot) (lines []engineLine, note string) {
	for _, e := range s.Engines {
		line := engineLine{name: strings.TrimSpace(e.Label + " " + e.Version), detail: host(e.URL), mark: colorMuted}
		switch e.Health {
		case "up":
			line.mark = colorAccent
		case "down":
			line.mark, line.detail = colorVermilion, "not reached"
		}
		lines = append(lines, line)
		if !e.Active {
			continue
		}
		models := slices.Clone(e.Models)
		loadedFirst := models[:0:0]
		for _, loaded := range []bool{true, false} {
			for _, m := range models {
				if m.Loaded == loaded {
					loadedFirst = append(loadedFirst, m)
				}
			}
		}
		for i, m := range loadedFirst {
			if i == maxModels-1 && len(loadedFirst) > maxModels {
				lines = append(lines, engineLine{name: fmt.Sprintf("and %d more", len(loadedFirst)-i), model: true})
				break
			}
			size := ""
			if m.Size > 0 {
				size = humanize.Bytes(uint64(m.Size))
			}
			lines = append(lines, engineLine{name: short(m.Name), detail: size, loaded: m.Loaded, model: true})
		}
		if len(models) == 0 && e.Health == "up" {
			note = "No model yet; one that the engine pulls appears here."
		}
	}
	if len(lines) == 0 {
		note = "No engine yet. Start Ollama, and it appears here."
	}
	return lines, note
}

// host is a URL without its scheme.
func host(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	return strings.TrimSuffix(rest, "/")
}

func (e *engines) show(s app.Snapshot) {
	e.endpoint.set(s.Endpoint)
	lines, note := engineLines(s)
	e.list.show(len(lines), note, func(i int, r *engineRow) { r.set(lines[i]) })
}

const endpointHeight = buttonHeight + 12

func (e *engines) heightFor(width float32) float32 {
	return endpointHeight + e.list.heightFor(width)
}

// CreateRenderer implements fyne.Widget.
func (e *engines) CreateRenderer() fyne.WidgetRenderer {
	e.ExtendBaseWidget(e)
	r := &renderer{widget: e, objects: []fyne.CanvasObject{e.endpoint, e.copy, e.list}, paint: func() {}}
	r.min = func() fyne.Size { return fyne.NewSize(240, e.heightFor(max(240, e.Size().Width))) }
	r.layout = func(size fyne.Size) {
		copyWidth := e.copy.width()
		put(e.endpoint, 0, 0, size.Width-copyWidth-gapSmall, buttonHeight)
		put(e.copy, size.Width-copyWidth, 0, copyWidth, buttonHeight)
		put(e.list, 0, endpointHeight, size.Width, size.Height-endpointHeight)
	}
	return r.start()
}

// engineRow draws an engineLine.
type engineRow struct {
	widget.BaseWidget
	line         engineLine
	name, detail *text
	loaded       *chip
}

func newEngineRow() *engineRow {
	r := &engineRow{name: newText("", textBody, colorText), detail: newFigure(colorMuted), loaded: newChip("", true)}
	r.ExtendBaseWidget(r)
	return r
}

func (r *engineRow) set(l engineLine) {
	if r.line == l {
		return
	}
	r.line = l
	color := colorText
	if l.model && !l.loaded {
		color = colorMuted
	}
	r.name.setColored(l.name, color)
	r.detail.set(l.detail)
	loaded := ""
	if l.loaded {
		loaded = "loaded"
	}
	r.loaded.set(loaded, true)
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *engineRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	const dotSize, indent = 8, 18
	dot := canvas.NewCircle(nil)
	s := &renderer{widget: r, objects: []fyne.CanvasObject{dot, r.name, r.loaded, r.detail}}
	s.min = func() fyne.Size { return fyne.NewSize(160, rowHeight-1) }
	s.layout = func(size fyne.Size) {
		put(dot, 1, (size.Height-dotSize)/2, dotSize, dotSize)
		detail := min(r.detail.width()+1, size.Width/2)
		put(r.detail, size.Width-detail, 0, detail, size.Height)
		room := size.Width - indent - detail - gapSmall
		if r.line.loaded {
			chip := r.loaded.width() + 1
			put(r.loaded, size.Width-detail-gapSmall-chip, 0, chip, size.Height)
			room -= chip + gapSmall
		}
		put(r.name, indent, 0, room, size.Height)
	}
	s.paint = func() {
		dot.Hidden = r.line.model
		if r.line.mark != "" {
			dot.FillColor = theme.Color(r.line.mark)
		}
	}
	return s.start()
}
