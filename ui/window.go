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
	"fyne.io/fyne/v2/container"
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
	frame   frame
	whole   *fyne.Container // the frame alone
	canvas  fyne.Canvas     // of Bind

	batching  *toggle
	last      app.Snapshot
	themeMode string
	dark      bool           // how the pages were painted last
	doing     map[order]bool // ordered, and not done yet
	failed    failure        // of what the user did last
	copiedAt  time.Time
	asking    bool     // whether to quit, or to stop an engine
	guide     *guide   // that is open; nil = none
	welcome   *welcome // likewise
	greeted   bool     // since the start
	away      bool     // nobody sees the window

	hideOffHelp func() // the help on what off means; nil = it is not shown

	now       *nowPage
	tune      *tunePage
	history   *historyPage
	apps      *appsPage
	engines   *enginesPage
	benchmark *benchmarkPage
	settings  *settingsPage
}

// New builds the content of a window. It must be called on Fyne's goroutine,
// after the theme was set and Speak was called; call Run to bring it to life.
func New(c Carpool) *Window {
	w := &Window{carpool: c, do: fyne.Do, errands: newErrands(), doing: map[order]bool{}, whole: container.NewStack(), dark: IsDark()}
	w.setter = newSetter(c.Set, func(key string, err error) {
		w.do(func() { w.told(key, err) })
	})
	w.build(pageNow)
	return w
}

// build makes all that is in the window, in the language that is spoken.
func (w *Window) build(open pageName) {
	w.batching = newToggle(tr("Batching"), w.turnBatching)
	w.now, w.tune, w.history, w.apps = newNowPage(w), newTunePage(w), newHistoryPage(w), newAppsPage(w)
	w.engines, w.benchmark, w.settings = newEnginesPage(w), newBenchmarkPage(w), newSettingsPage(w)

	w.frame = frame{rail: newRail(w.Open), header: newHeader(w.batching), strip: newStrip(w.obey)}
	f := &w.frame
	f.pages = map[pageName]page{pageNow: w.now, pageTune: w.tune, pageHistory: w.history, pageApps: w.apps,
		pageEngines: w.engines, pageBenchmark: w.benchmark, pageSettings: w.settings}
	f.arrange()
	f.turn(open)
	w.whole.Objects = []fyne.CanvasObject{f.whole}
	w.whole.Refresh()
}

// speak builds the window again if that puts another language in force.
func (w *Window) speak(value string) {
	if Speak(value) {
		w.rebuild()
	}
}

// rebuild makes every page again, and keeps what the user did there.
func (w *Window) rebuild() {
	tune, settings := w.tune, w.settings
	w.build(w.frame.open)
	w.tune.like(tune)
	w.settings.like(settings)
}

// Open turns to a page.
func (w *Window) Open(name pageName) {
	if w.frame.open != name {
		w.frame.turn(name)
		w.showPage(w.last)
		w.notice()
	}
}

func newAside(value string) *text {
	t := newText(value, textBody, colorMuted)
	t.align = fyne.TextAlignTrailing
	return t
}

// OpenBenchmark turns to the page of that name.
func (w *Window) OpenBenchmark() { w.Open(pageBenchmark) }

// Content is what a window shows.
func (w *Window) Content() fyne.CanvasObject { return w.whole }

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

// Bind gives a canvas the keys: Ctrl+1 to Ctrl+7 open the pages, Ctrl+B toggles
// batching, Ctrl+Z takes back what was tuned, Ctrl+C copies the endpoint, Ctrl+Q quits. Questions are asked there.
func (w *Window) Bind(c fyne.Canvas, quit func()) {
	w.canvas = c
	key := func(name fyne.KeyName) fyne.Shortcut {
		return &desktop.CustomShortcut{KeyName: name, Modifier: fyne.KeyModifierControl}
	}
	c.AddShortcut(key(fyne.KeyB), func(fyne.Shortcut) { w.ToggleBatching() })
	for i, name := range pageOrder {
		digit := fyne.KeyName(strconv.Itoa(i + 1))
		c.AddShortcut(key(digit), func(fyne.Shortcut) { w.Open(name) })
	}
	c.AddShortcut(key(fyne.KeyQ), func(fyne.Shortcut) { quit() })
	c.AddShortcut(&fyne.ShortcutUndo{}, func(fyne.Shortcut) {
		if w.frame.open == pageTune {
			w.tune.back()
		}
	})
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
	w.engines.copy.set(tr("Copied"), false)
}

func (w *Window) change(key, value string, final bool) {
	delay := settle
	if final {
		delay = 0
	}
	w.setter.put(key, value, delay)
	w.tune.tune.explain(w.last)
}

// told hears how a setting went.
func (w *Window) told(key string, err error) {
	if w.frame.open == pageSettings && w.settings.told(key, err) {
		return
	}
	switch {
	case err != nil:
		w.failed = failure{lead: tr("Not set."), text: err.Error(), key: key}
	case key == w.failed.key:
		w.failed = failure{}
	}
	w.notice()
}

func (w *Window) notice() {
	if w.failed.over(w.last, time.Now()) {
		w.failed = failure{}
	}
	w.frame.strip.set(noticeOf(w.last, w.failed, w.frame.open), w.doing)
	w.frame.reshape()
}

// show draws a snapshot.
func (w *Window) show(s app.Snapshot) {
	w.last = s
	if mode := s.Config.Window.Theme; mode != w.themeMode {
		w.themeMode = mode
		fyne.CurrentApp().Settings().SetTheme(NewTheme(mode))
	}
	// Fyne repaints what is shown, and not the pages that are not.
	if dark := IsDark(); dark != w.dark {
		w.dark = dark
		w.rebuild()
	}
	w.speak(s.Config.Window.Language)
	if !w.busy(keyEnabled) {
		w.batching.set(s.Config.Batching.Enabled)
		if s.Config.Batching.Enabled {
			w.offIsOver()
		}
	}
	if w.away {
		return
	}
	w.showPage(s)
	if time.Since(w.copiedAt) > copied {
		w.engines.copy.set(tr("Copy"), false)
	}
	if w.guide != nil {
		w.guide.settle(time.Now())
	}
	w.greet()
	w.notice()
}

// Away tells whether the window is hidden: until it is seen again its pages are not
// drawn, and read nothing of the history.
func (w *Window) Away(is bool) {
	if w.away == is {
		return
	}
	w.away = is
	if !is && !w.last.At.IsZero() {
		w.show(w.last)
	}
}

// showPage draws what depends on the page that is open.
func (w *Window) showPage(s app.Snapshot) {
	p := w.frame.page()
	title, basis := p.heading(s)
	w.frame.header.sentence.set(title)
	w.frame.header.basis.set(basis)
	p.show(s)
}

// value is a setting as the user left it: as the last snapshot has it, or as the
// change that it may not know makes it. "" if there is no such setting.
func (w *Window) value(key string) string {
	if value, ok := w.setter.newer(key, w.last.At); ok {
		return value
	}
	value, err := w.last.Config.Get(key)
	if err != nil {
		return ""
	}
	return value
}

// busy says whether the last snapshot may not yet know what the user did to a
// setting.
func (w *Window) busy(key string) bool { return w.setter.busy(key, w.last.At) }
