package examine

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
	psdisk "github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/process"

	"carpool/app/config"
	"carpool/app/connect/containers"
	"carpool/app/doctor"
)

func selfPID() int { return os.Getpid() }

func isTaken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// drift is how far the clock was moved since a process started: the system knows
// its start by a clock that nobody sets, counted back from now.
func drift(ctx context.Context, pid int, started time.Time) time.Duration {
	p, err := process.NewProcessWithContext(ctx, int32(pid)) //nolint:gosec // a process id fits
	if err != nil || started.IsZero() {
		return 0
	}
	ms, err := p.CreateTimeWithContext(ctx)
	if err != nil {
		return 0
	}
	// Carpool notes its start some moments after the system does.
	return time.UnixMilli(ms).Sub(started)
}

func display(ctx context.Context) doctor.Display {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return doctor.Display{Needless: true}
	}
	wayland, x11 := os.Getenv("WAYLAND_DISPLAY"), os.Getenv("DISPLAY")
	if wayland == "" && x11 == "" {
		return doctor.Display{Unset: true}
	}
	var problems []string
	if wayland != "" {
		path := wayland
		if !filepath.IsAbs(path) {
			path = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), path)
		}
		err := dial(ctx, "unix", path)
		if err == nil {
			return doctor.Display{Name: "WAYLAND_DISPLAY " + wayland}
		}
		problems = append(problems, "WAYLAND_DISPLAY "+wayland+": "+err.Error())
	}
	if x11 != "" {
		err := dialX11(ctx, x11)
		if err == nil {
			return doctor.Display{Name: "DISPLAY " + x11}
		}
		problems = append(problems, "DISPLAY "+x11+": "+err.Error())
	}
	return doctor.Display{Problem: strings.Join(problems, "; ")}
}

// dialX11 reaches the server of ":0.1" or "host:10".
func dialX11(ctx context.Context, name string) error {
	host, number, ok := strings.Cut(name, ":")
	number, _, _ = strings.Cut(number, ".")
	if !ok || number == "" {
		return errors.New("no number in it")
	}
	if host != "" && host != "unix" {
		return nil // from another computer: whether it answers, only X itself can tell
	}
	socket := "/tmp/.X11-unix/X" + number
	err := dial(ctx, "unix", socket)
	if err != nil && dial(ctx, "unix", "@"+socket) == nil {
		return nil
	}
	return err
}

func dial(ctx context.Context, network, address string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return c.Close()
}

// sessionBus never starts one.
func sessionBus(ctx context.Context) doctor.Bus {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return doctor.Bus{Needless: true}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return doctor.Bus{Unset: os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "", Problem: err.Error()}
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Auth(nil); err != nil {
		return doctor.Bus{Problem: err.Error()}
	}
	if err := conn.Hello(); err != nil {
		return doctor.Bus{Problem: err.Error()}
	}
	var owned bool
	call := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, "org.kde.StatusNotifierWatcher")
	if err := call.Store(&owned); err != nil {
		return doctor.Bus{Problem: err.Error()}
	}
	return doctor.Bus{Tray: owned}
}

// disk looks at the state folder or, before there is one, at what it will be in.
func disk(ctx context.Context, path string) doctor.Disk {
	for {
		if _, err := os.Stat(path); err == nil || filepath.Dir(path) == path {
			break
		}
		path = filepath.Dir(path)
	}
	u, err := psdisk.UsageWithContext(ctx, path)
	if err != nil {
		return doctor.Disk{}
	}
	return doctor.Disk{Free: u.Free, Total: u.Total, Full: u.InodesTotal > 0 && u.InodesFree == 0}
}

// hiddenCard is the maker of a GPU that is plugged in, whatever drivers say.
func hiddenCard() string {
	cards, err := filepath.Glob("/sys/bus/pci/devices/*/class")
	if err != nil {
		return ""
	}
	for _, class := range cards {
		text, err := os.ReadFile(class)
		if err != nil || !strings.HasPrefix(string(text), "0x03") { // a display controller
			continue
		}
		vendor, err := os.ReadFile(filepath.Join(filepath.Dir(class), "vendor"))
		if err != nil {
			continue
		}
		switch strings.TrimSpace(string(vendor)) {
		case "0x10de":
			return "NVIDIA"
		case "0x1002":
			return "AMD"
		}
	}
	return ""
}

// inContainers are the apps that Carpool knows in containers, and how each reaches it.
func inContainers(ctx context.Context, c config.Config) (all []doctor.Container, problem string) {
	found, err := containers.List(ctx)
	if err != nil {
		return nil, err.Error()
	}
	here := containers.Carpool{System: runtime.GOOS, Listen: c.Gateway.Listen, LAN: c.Gateway.LAN, Ours: containers.Ours}
	for _, f := range found {
		way := f.Way(here)
		all = append(all, doctor.Container{Name: f.Name, App: f.App, By: f.By, Host: f.Host, Named: f.Named, Points: f.Points,
			Reach: way.Address, Token: way.Token, Open: way.Open})
	}
	return all, ""
}
