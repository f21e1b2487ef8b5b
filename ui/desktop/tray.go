//go:build !headless

package desktop

import (
	"context"
	"reflect"
	"time"

	"fyne.io/fyne/v2"
	fynedesktop "fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/systray"

	"carpool/assets"
	"carpool/ui"
)

// tray draws a ui.Tray. A menu that is built again gets new ids, and a click
// that races it is lost, so each part is only touched when it has changed.
type tray struct {
	app     fynedesktop.App
	act     map[ui.Action]func()
	menu    *fyne.Menu
	pace    ui.MenuPace
	shown   ui.Tray
	picture string
}

// newTray shows first. It must be called before the app runs.
func newTray(a fynedesktop.App, first ui.Tray, act map[ui.Action]func(), tapped func()) *tray {
	t := &tray{app: a, act: act, menu: fyne.NewMenu("Carpool")}
	t.menu.Items = t.items(first.Items)
	t.shown.Items = first.Items
	a.SetSystemTrayMenu(t.menu)
	systray.SetOnTapped(func() { fyne.Do(tapped) })
	t.show(first)
	return t
}

// listen hears when the menu is opened, until ctx ends.
func (t *tray) listen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-systray.TrayOpenedCh:
			fyne.Do(func() { t.pace.Opened(time.Now()) })
		}
	}
}

// show changes what differs from before. It is called for each snapshot, at least
// once a second, so a menu that may not be built yet is built a bit later.
func (t *tray) show(next ui.Tray) {
	if !reflect.DeepEqual(next.Items, t.shown.Items) {
		if t.pace.Build(time.Now()) {
			t.menu.Items = t.items(next.Items)
			t.menu.Refresh()
		} else {
			next.Items = t.shown.Items
		}
	}
	if next.Tooltip != t.shown.Tooltip {
		systray.SetTooltip("Carpool: " + next.Tooltip)
	}
	t.shown = next
	// Of the panel nothing is known but that it goes with the desktop.
	dark := fyne.CurrentApp().Settings().ThemeVariant() != theme.VariantLight
	if picture := assets.TrayName(next.Sign, dark); picture != t.picture {
		t.picture = picture
		t.app.SetSystemTrayIcon(fyne.NewStaticResource(picture, assets.Tray(next.Sign, dark)))
	}
}

func (t *tray) items(from []ui.Item) []*fyne.MenuItem {
	var items []*fyne.MenuItem
	for _, i := range from {
		if i.Separator {
			items = append(items, fyne.NewMenuItemSeparator())
			continue
		}
		item := fyne.NewMenuItem(i.Label, t.chosen(i.Action))
		item.Checked = i.Checked
		item.Disabled = i.Action == ui.NoAction && i.Items == nil
		// Fyne adds a Quit of its own, one that does not ask, unless there is one.
		item.IsQuit = i.Action == ui.QuitCarpool
		if i.Items != nil {
			item.ChildMenu = fyne.NewMenu("", t.items(i.Items)...)
		}
		items = append(items, item)
	}
	return items
}

// chosen is what a click on an item does.
func (t *tray) chosen(a ui.Action) func() {
	act := t.act[a]
	if act == nil {
		return nil
	}
	return func() {
		t.pace.Clicked()
		act()
	}
}
