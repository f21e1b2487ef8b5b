package ui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
	"github.com/dustin/go-humanize"

	"carpool/app"
)

// historyCare says what the history takes on disk, and compacts or wipes it.
type historyCare struct {
	widget.BaseWidget
	w             *Window
	size, outcome *text
	compact, wipe *button
	doing         bool
}

func newHistoryCare(w *Window) *historyCare {
	h := &historyCare{w: w, size: newParagraph(tr("Looking at the file…"), colorText), outcome: newParagraph("", colorMuted)}
	h.compact = newButton(tr("Compact"), h.doCompact)
	h.wipe = newButton(tr("Wipe…"), h.askWipe)
	h.ExtendBaseWidget(h)
	return h
}

func (h *historyCare) show(s app.Snapshot) {
	if h.outcome.value == "" && s.History.Problem != "" {
		h.say(sentenceOf(s.History.Problem), colorVermilion)
	}
}

// measure asks for the size; it reads the disk.
func (h *historyCare) measure() {
	h.w.errands.put(func(ctx context.Context) {
		size, err := h.w.carpool.HistorySize(ctx)
		h.w.do(func() {
			if err != nil {
				h.size.set(sentenceOf(err.Error()))
			} else {
				h.size.set(sizeInWords(size))
			}
			h.Refresh()
			h.w.settings.reshape()
		})
	})
}

func sizeInWords(s app.HistorySize) string {
	if s.Oldest.IsZero() {
		return tr("%s on disk, and nothing in it yet.", humanize.IBytes(uint64(s.Bytes)))
	}
	return tr("%s on disk: %s requests and %s seconds since %s.", humanize.IBytes(uint64(s.Bytes)), humanize.Comma(s.Requests),
		humanize.Comma(s.Samples), s.Oldest.Local().Format(time.DateOnly))
}

func (h *historyCare) doCompact() {
	h.start(tr("Compacting…"), func(ctx context.Context) (string, error) {
		freed, err := h.w.carpool.CompactHistory(ctx)
		return tr("%s given back to the disk.", humanize.IBytes(uint64(max(0, freed)))), err
	})
}

func (h *historyCare) askWipe() {
	if h.w.asking || h.doing {
		return
	}
	h.w.asking = true
	ask(h.w.canvas, tr("Wipe the history?"), tr("All that it has of requests, batches, benchmarks and charts goes for good. Settings stay."),
		tr("Wipe"), tr("Keep it"), func(yes bool) {
			h.w.asking = false
			if yes {
				h.start(tr("Wiping…"), func(ctx context.Context) (string, error) {
					return tr("The history is empty."), h.w.carpool.WipeHistory(ctx)
				})
			}
		})
}

// start does something to the file off Fyne's goroutine and says how it went.
func (h *historyCare) start(meanwhile string, do func(context.Context) (string, error)) {
	if h.doing {
		return
	}
	h.busy(true)
	h.say(meanwhile, colorMuted)
	h.w.errands.put(func(ctx context.Context) {
		says, err := do(ctx)
		h.w.do(func() {
			h.busy(false)
			if err != nil {
				h.say(sentenceOf(err.Error()), colorVermilion)
			} else {
				h.say(says, colorMuted)
			}
			h.measure()
		})
	})
}

func (h *historyCare) busy(doing bool) {
	h.doing = doing
	h.compact.set(h.compact.label.value, doing)
	h.wipe.set(h.wipe.label.value, doing)
}

func (h *historyCare) say(what string, color fyne.ThemeColorName) {
	h.outcome.setColored(what, color)
	h.Refresh()
	h.w.settings.reshape()
}

func (h *historyCare) room() float32 { return h.compact.width() + gapSmall + h.wipe.width() + gapLarge }

func (h *historyCare) heightFor(width float32) float32 {
	says := h.size.heightFor(width - h.room())
	if h.outcome.value != "" {
		says += h.outcome.heightFor(width - h.room())
	}
	return max(says, buttonHeight)
}

// CreateRenderer implements fyne.Widget.
func (h *historyCare) CreateRenderer() fyne.WidgetRenderer {
	h.ExtendBaseWidget(h)
	r := &renderer{widget: h, objects: []fyne.CanvasObject{h.size, h.outcome, h.compact, h.wipe}, paint: func() {}}
	r.min = func() fyne.Size { return fyne.NewSize(400, h.heightFor(max(400, h.Size().Width))) }
	r.layout = func(size fyne.Size) {
		inside := size.Width - h.room()
		says := h.size.heightFor(inside)
		put(h.size, 0, 0, inside, says)
		put(h.outcome, 0, says, inside, h.outcome.heightFor(inside))
		wipe := h.wipe.width()
		put(h.wipe, size.Width-wipe, 0, wipe, buttonHeight)
		put(h.compact, size.Width-wipe-gapSmall-h.compact.width(), 0, h.compact.width(), buttonHeight)
	}
	return r.start()
}
