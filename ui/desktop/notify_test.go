//go:build desktop && linux && !headless

package desktop_test

import (
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"carpool/backends/backendstest"
)

// notifications is a desktop's part of that name.
type notifications struct{ titles chan string }

// Notify is org.freedesktop.Notifications.Notify.
func (n notifications) Notify(_ string, _ uint32, _, title, _ string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	n.titles <- title
	return 1, nil
}

func (s *session) newNotifications() notifications {
	s.t.Helper()
	n := notifications{make(chan string, 10)}
	const name = "org.freedesktop.Notifications"
	if err := s.bus.Export(n, "/org/freedesktop/Notifications", name); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.bus.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func TestNotify_TellsOfALostEngine(t *testing.T) {
	s := newSession(t)
	n := s.newNotifications()
	engine := backendstest.New(t)
	s.open(engine.URL)
	engine.Stop()
	select {
	case title := <-n.titles:
		if title != "Ollama does not answer" {
			t.Errorf("tells %q", title)
		}
	case <-time.After(patience):
		t.Error("tells nothing")
	}
}
