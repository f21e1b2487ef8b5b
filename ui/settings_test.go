package ui

import (
	"testing"

	"fyne.io/fyne/v2/test"

	"carpool/app"
)

func TestSettings_Looks(t *testing.T) {
	for _, tt := range []struct {
		name, theme   string
		width, height float32
		group         int
		query         string
	}{
		{"settings-dark-1280x800.png", "dark", 1280, 800, 0, ""},
		{"settings-light-900x600.png", "light", 900, 600, 0, ""},
		{"settings-access-dark-900x600.png", "dark", 900, 600, 2, ""},
		{"settings-history-light-1280x800.png", "light", 1280, 800, 3, ""},
		{"settings-batching-dark-1280x800.png", "dark", 1280, 800, 4, ""},
		{"settings-about-dark-1280x800.png", "dark", 1280, 800, 12, ""},
		{"settings-search-light-1280x800.png", "light", 1280, 800, 0, "memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, fake, fw := open(t, settled(), tt.theme, tt.width, tt.height)
			live(t, w)
			w.Open(pageSettings)
			w.settings.groups.choose(tt.group)
			w.settings.search.SetText(tt.query)
			if tt.group == 3 {
				fake.eventually(t, "the size is known", func() bool { return w.settings.history.size.value != tr("Looking at the file…") })
			}
			test.AssertImageMatches(t, tt.name, fw.Canvas().Capture())
		})
	}
}

// settled is a Carpool that someone has set up.
func settled() app.Snapshot {
	s := idle()
	s.ConfigAt, s.LogFile = "/home/ada/.config/carpool/carpool.toml", "/home/ada/.local/state/carpool/carpool.log"
	s.History.Path = "/home/ada/.local/state/carpool/history.db"
	return s
}
