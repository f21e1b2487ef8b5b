// Package ui is Carpool's window and the model of its tray, drawn from
// snapshots. It knows no display: package ui/desktop opens one.
//
// Run receives the snapshots and is the one crossing into Fyne: everything
// else in this package runs on Fyne's goroutine, except the setter, which sets
// settings off it, and errands.
package ui

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"carpool/app"
)

// copied is how long the copy button says so.
const copied = 1500 * time.Millisecond

// Window is the content of Carpool's window.
type Window struct {
	carpool Carpool
	do      func(func()) // on Fyne's goroutine, later
	setter  *setter
	errands *errands
	page    page
	canvas  fyne.Canvas // of Bind

	batching     *toggle
	waitingAside *text
	tuneAside    *text
	totalsAside  *text
	gpuAside     *gpuAside
	last         app.Snapshot
	themeMode    string
	doing        map[order]bool // ordered, and not done yet
	failed       failure        // of what the user did last
	copiedAt     time.Time
	asking       bool   // whether to quit, or to stop an engine
	guide        *guide // that is open; nil = none
}

// New builds the content of a window. It must be called on Fyne's goroutine,
// after the theme was set; call Run to bring it to life.
func New(c Carpool) *Window {
	w := &Window{carpool: c, do: fyne.Do, errands: newErrands(), doing: map[order]bool{}}
	w.setter = newSetter(c.Set, func(key string, err error) {
		w.do(func() { w.told(key, err) })
	})
	w.batching = newToggle("Batching", func(on bool) { w.setter.put(keyEnabled, strconv.FormatBool(on), 0) })
	w.gpuAside, w.waitingAside, w.tuneAside = newGPUAside(w.obey), newAside(""), newAside("")

	p := &w.page
	p.header, p.strip, p.charts = newHeader(w.batching), newStrip(w.obey), newCharts()
	p.onGPU, p.waiting = newRows(newPlaceRow), newRows(newWaiterRow)
	p.tune = newTune(c.Setting, w.change)
	p.engines = newEngines(w.CopyEndpoint, w.obey)
	p.onGPUCard = newCard("On the GPU", w.gpuAside, p.onGPU)
	p.waitingCard = newCard("Waiting", w.waitingAside, p.waiting)
	p.tuneCard = newCard("Tune", w.tuneAside, p.tune)
	p.enginesCard = newCard("Engine", newAside("apps point here"), p.engines)
	p.totals, w.totalsAside = newTotals(), newAside("")
	p.totalsCard = newCard("Since the start", w.totalsAside, p.totals)
	p.arrange()
	return w
}

func newAside(value string) *text {
	t := newText(value, textBody, colorMuted)
	t.align = fyne.TextAlignTrailing
	return t
}

// Content is what a window shows.
func (w *Window) Content() fyne.CanvasObject { return w.page.whole }

// Run shows each snapshot, here and in the others, and sets and does what the
// user asks for. It returns when ctx or the app has ended and nothing is left to
// set or being done.
func (w *Window) Run(ctx context.Context, others ...func(app.Snapshot)) {
	ctx, cancel := context.WithCancel(ctx)
	var setting sync.WaitGroup
	setting.Go(func() { w.setter.run(ctx) })
	setting.Go(func() { w.errands.run(ctx) })
	var latest atomic.Pointer[app.Snapshot]
	for s := range w.carpool.Watch(ctx) {
		// While Fyne has not come to the one before, there is only the latest to show.
		if latest.Swap(&s) != nil {
			continue
		}
		w.do(func() {
			s := *latest.Swap(nil)
			w.show(s)
			for _, other := range others {
				other(s)
			}
		})
	}
	cancel()
	setting.Wait()
}

// Bind gives a canvas the keys: Ctrl+B toggles batching, Ctrl+C copies the
// endpoint, Ctrl+Q quits. Questions are asked there.
func (w *Window) Bind(c fyne.Canvas, quit func()) {
	w.canvas = c
	key := func(name fyne.KeyName) fyne.Shortcut {
		return &desktop.CustomShortcut{KeyName: name, Modifier: fyne.KeyModifierControl}
	}
	c.AddShortcut(key(fyne.KeyB), func(fyne.Shortcut) { w.ToggleBatching() })
	c.AddShortcut(key(fyne.KeyQ), func(fyne.Shortcut) { quit() })
	c.AddShortcut(&fyne.ShortcutCopy{}, func(fyne.Shortcut) { w.CopyEndpoint() })
}

// ToggleBatching does what a click on the toggle does.
func (w *Window) ToggleBatching() { w.batching.flip() }

// ClosesToTray says whether closing the window should leave Carpool in the tray.
func (w *Window) ClosesToTray() bool { return w.last.Config.Window.CloseToTray }

// CopyEndpoint puts the address for apps into the clipboard.
func (w *Window) CopyEndpoint() {
	fyne.CurrentApp().Clipboard().SetContent(w.last.Endpoint)
	w.copiedAt = time.Now()
	w.page.engines.copy.label.set("Copied")
	w.page.engines.Refresh()
}

func (w *Window) change(key, value string, final bool) {
	delay := settle
	if final {
		delay = 0
	}
	w.setter.put(key, value, delay)
	w.page.tune.explain(w.last)
}

// told hears how a setting went.
func (w *Window) told(key string, err error) {
	switch {
	case err != nil:
		w.failed = failure{lead: "Not set.", text: err.Error(), key: key}
	case key == w.failed.key:
		w.failed = failure{}
	}
	w.notice()
}

func (w *Window) notice() {
	if w.failed.over(w.last, time.Now()) {
		w.failed = failure{}
	}
	w.page.strip.set(noticeOf(w.last, w.failed), w.doing)
	w.page.reshape()
}

// show draws a snapshot.
func (w *Window) show(s app.Snapshot) {
	w.last = s
	if mode := s.Config.Window.Theme; mode != w.themeMode {
		w.themeMode = mode
		fyne.CurrentApp().Settings().SetTheme(NewTheme(mode))
	}
	p := &w.page
	p.header.sentence.set(s.Sentence)
	p.header.basis.set(s.Basis)
	busy := func(key string) bool { return w.setter.busy(key, s.At) }
	if !busy(keyEnabled) {
		w.batching.set(s.Config.Batching.Enabled)
	}
	w.showLists(s)
	p.charts.show(s)
	p.tune.show(s, busy)
	w.tuneAside.set(p.tune.summary(s))
	p.engines.show(s, w.doing)
	w.gpuAside.show(s, w.doing)
	p.totals.show(s)
	w.totalsAside.set(brief(s.At.Sub(s.Started)))
	if p.engines.copy.label.value != "Copy" && time.Since(w.copiedAt) > copied {
		p.engines.copy.label.set("Copy")
		p.engines.Refresh()
	}
	if w.guide != nil {
		w.guide.settle(time.Now())
	}
	w.notice()
}

func (w *Window) showLists(s app.Snapshot) {
	p := &w.page
	lines, note := places(s), ""
	if s.Batching.Requests == 0 && s.Batching.InFlight == 0 {
		lines, note = nil, "Point an app at "+s.Endpoint+", and its requests appear here."
		if n := s.Limits.InFlight(); n > 0 {
			note = plural(n, "place is free. ", "places are free. ") + note
		}
	}
	if s.Yield.Manual && s.Batching.InFlight == 0 {
		lines, note = nil, "Nothing runs: the GPU is given away."
	}
	p.onGPU.show(len(lines), note, func(i int, r *placeRow) { r.set(lines[i]) })

	queue, note, aside := waiters(s), "", "in this order"
	if len(queue) == 0 {
		note, aside = "Nobody waits. Requests beyond the limit queue here.", ""
	}
	p.waiting.show(len(queue), note, func(i int, r *waiterRow) { r.set(queue[i]) })
	w.waitingAside.set(aside)
}
