//go:build !headless

package desktop

import (
	"slices"

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
	shown   ui.Tray
	picture string
}

// newTray shows first. It must be called before the app runs.
func newTray(a fynedesktop.App, first ui.Tray, act map[ui.Action]func(), tapped func()) *tray {
	t := &tray{app: a, act: act, menu: fyne.NewMenu("Carpool")}
	t.menu.Items = t.items(first)
	t.shown.Items = first.Items
	a.SetSystemTrayMenu(t.menu)
	systray.SetOnTapped(func() { fyne.Do(tapped) })
	t.show(first)
	return t
}

// show changes what differs from before.
func (t *tray) show(next ui.Tray) {
	if !slices.Equal(next.Items, t.shown.Items) {
		t.menu.Items = t.items(next)
		t.menu.Refresh()
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

func (t *tray) items(from ui.Tray) []*fyne.MenuItem {
	var items []*fyne.MenuItem
	for _, i := range from.Items {
		if i.Separator {
			items = append(items, fyne.NewMenuItemSeparator())
			continue
		}
		item := fyne.NewMenuItem(i.Label, t.act[i.Action])
		item.Checked = i.Checked
		item.Disabled = i.Action == ui.NoAction
		// Fyne adds a Quit of its own, one that does not ask, unless there is one.
		item.IsQuit = i.Action == ui.QuitCarpool
		items = append(items, item)
	}
	return items
}
