package ui

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"

	"carpool/app"
)

// loginShown opens the page at the group of the switch, where the system says before.
func loginShown(t *testing.T, before app.Autostart) (*loginRow, *fakeCarpool) {
	t.Helper()
	w, fake, _ := open(t, settled(), "dark", 1280, 800)
	fake.login = before
	live(t, w)
	w.Open(pageSettings)
	w.settings.choose(0)
	return w.settings.login, fake
}

func TestLogin_FollowsTheSystem(t *testing.T) {
	r, fake := loginShown(t, app.Autostart{On: true, Where: "/here.desktop"})
	fake.eventually(t, "what the system says", func() bool { return r.onOff.on && r.note.value == "/here.desktop" })
	test.Tap(r.onOff)
	fake.eventually(t, "it is off", func() bool { s, _ := fake.Autostart(); return !s.On && !r.onOff.on })
}

func TestLogin_ShowsTheHomeFolderShort(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	r, fake := loginShown(t, app.Autostart{Where: filepath.Join(home, "autostart", "here.desktop")})
	want := filepath.Join("~", "autostart", "here.desktop")
	fake.eventually(t, want, func() bool { return r.note.value == want })
}

func TestLogin_SaysWhatFailed(t *testing.T) {
	r, fake := loginShown(t, app.Autostart{Where: "/here.desktop"})
	fake.eventually(t, "what the system says", func() bool { return r.note.value == "/here.desktop" })
	fake.mu.Lock()
	fake.fail = errors.New("start at login: no room")
	fake.mu.Unlock()
	test.Tap(r.onOff)
	fake.eventually(t, "the reason, and that it is off", func() bool { return strings.Contains(r.note.value, "no room") && !r.onOff.on })
}

func TestLogin_SaysThatTheProgramIsGone(t *testing.T) {
	r, fake := loginShown(t, app.Autostart{On: true, Program: "/gone/carpool", Missing: true})
	fake.eventually(t, "which one is gone", func() bool { return strings.Contains(r.note.value, "/gone/carpool") })
}
