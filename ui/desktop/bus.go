//go:build !headless

package desktop

import (
	"context"
	"runtime"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher" // who shows tray icons
	busTimeout  = time.Second
)

// bus is the session bus, as far as the tray needs it.
type bus struct{ conn *dbus.Conn }

// openBus connects to the session bus; it never starts one. Without a bus Fyne
// must not be given a tray. Where trays do not go over D-Bus there is always one.
func openBus() (*bus, error) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return &bus{}, nil
	}
	conn, err := dbus.SessionBusPrivateNoAutoStartup()
	if err != nil {
		return nil, err
	}
	if err := conn.Auth(nil); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := conn.Hello(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &bus{conn}, nil
}

// showsTray says whether somebody shows tray icons now. Without, a window that
// hides could not be found again.
func (b *bus) showsTray() bool {
	if b.conn == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), busTimeout)
	defer cancel()
	var owned bool
	call := b.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, watcherName)
	return call.Store(&owned) == nil && owned
}

func (b *bus) close() {
	if b.conn != nil {
		_ = b.conn.Close()
	}
}
