//go:build !headless

package desktop

import (
	"context"
	"fmt"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"
	fynedesktop "fyne.io/fyne/v2/driver/desktop"

	"carpool/app"
	"carpool/assets"
	"carpool/ui"
)

// id names the app to the desktop; FyneApp.toml has the same.
const id = "io.github.carpool.Carpool"

// Run shows the window, and the tray where there is one, until the user quits
// or ctx ends. It is an app.Window.
func Run(ctx context.Context, a *app.App) error {
	if err := checkDisplay(); err != nil {
		return fmt.Errorf("%w: %w", app.ErrNoDesktop, err)
	}
	first := a.Snapshot()
	icon := fyne.NewStaticResource("carpool.png", assets.Icon)
	fyneapp.SetMetadata(fyne.AppMetadata{ID: id, Name: "Carpool", Version: first.Version, Icon: icon})
	f := fyneapp.NewWithID(id)
	f.SetIcon(icon)
	f.Settings().SetTheme(ui.NewTheme(first.Config.Window.Theme))
	ui.Speak(first.Config.Window.Language)

	view := ui.New(a)
	w := f.NewWindow("Carpool")
	w.SetPadded(false)
	w.SetContent(view.Content())
	w.Resize(fyne.NewSize(1280, 800))
	w.SetMaster()
	open := func() {
		view.Away(false)
		w.Show()
		w.RequestFocus()
	}
	quit := func() { view.AskQuit(w, f.Quit) }
	view.Bind(w.Canvas(), quit)

	ctx, cancel := context.WithCancel(ctx)
	var following, notices sync.WaitGroup
	hides, starts := func() bool { return false }, w.Show
	var notifier ui.Notifier
	shows := []func(app.Snapshot){func(s app.Snapshot) {
		for _, n := range notifier.Next(s) {
			// The desktop may take its time to answer.
			notices.Go(func() { f.SendNotification(fyne.NewNotification(n.Title, n.Body)) })
		}
	}}
	if t, b := openTray(f, first, view, open, quit); t != nil {
		defer b.close()
		hides = b.showsTray
		if a.StartsHidden() {
			view.Away(true)
			starts = func() { following.Go(func() { showWithoutTray(ctx, b.showsTray, open) }) }
		}
		following.Go(func() { t.listen(ctx) })
		shows = append(shows, func(s app.Snapshot) { t.show(ui.TrayOf(s)) })
	}
	w.SetCloseIntercept(func() {
		if view.ClosesToTray() && hides() {
			w.Hide()
			view.Away(true)
			return
		}
		quit()
	})
	a.OnShow(func() { fyne.Do(open) })

	following.Go(func() { view.Run(ctx, shows...) })
	stop := context.AfterFunc(ctx, func() { fyne.Do(f.Quit) })

	stopTelling, stopProfile := tellPlaces(w), profileOn()
	starts()
	f.Run()
	stopTelling()
	stopProfile()

	// Here and not in Fyne's OnStopped, which is lost at times.
	stop()
	a.OnShow(func() {})
	cancel()
	following.Wait()
	waitAtMost(&notices, noticePatience)
	return nil
}

// trayPatience is how long a window that starts hidden waits for a tray: at login the
// desktop's panel may come later than Carpool.
const trayPatience = 30 * time.Second

// showWithoutTray opens the window if no tray comes, since nobody could find it.
func showWithoutTray(ctx context.Context, tray func() bool, open func()) {
	end, look := time.After(trayPatience), time.NewTicker(time.Second)
	defer look.Stop()
	for !tray() {
		select {
		case <-ctx.Done():
			return
		case <-end:
			fyne.Do(open)
			return
		case <-look.C:
		}
	}
}

// noticePatience is how long quitting waits for a desktop that does not answer to a
// notice.
const noticePatience = 2 * time.Second

func waitAtMost(all *sync.WaitGroup, patience time.Duration) {
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
	}
}

// openTray returns nil where there is no tray: no session bus, or a desktop
// that Fyne has none for.
func openTray(f fyne.App, first app.Snapshot, view *ui.Window, open, quit func()) (*tray, *bus) {
	d, ok := f.(fynedesktop.App)
	if !ok {
		return nil, nil
	}
	b, err := openBus()
	if err != nil {
		return nil, nil
	}
	t := newTray(d, ui.TrayOf(first), map[ui.Action]func(){
		ui.ToggleBatching: view.ToggleBatching,
		ui.SetAdaptive:    func() { view.SetMode("adaptive") },
		ui.SetFixed:       func() { view.SetMode("fixed") },
		ui.SetStatic:      func() { view.SetMode("static") },
		ui.GiveGPU:        view.GiveGPU,
		ui.TakeGPU:        view.TakeGPU,
		ui.CopyEndpoint:   view.CopyEndpoint,
		ui.OpenBenchmark: func() {
			view.OpenBenchmark()
			open()
		},
		ui.OpenWindow:  open,
		ui.QuitCarpool: quit,
	}, open)
	return t, b
}
