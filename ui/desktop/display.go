//go:build !headless

package desktop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const dialTimeout = 2 * time.Second

// checkDisplay says why no window can be opened; nil = one can. Fyne panics
// where it cannot, so this is asked first.
func checkDisplay() error {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return nil
	}
	wayland, x11 := os.Getenv("WAYLAND_DISPLAY"), os.Getenv("DISPLAY")
	if wayland == "" && x11 == "" {
		return errors.New("neither DISPLAY nor WAYLAND_DISPLAY is set")
	}
	var errs []error
	if wayland != "" {
		err := dial("unix", waylandSocket(wayland, os.Getenv("XDG_RUNTIME_DIR")))
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("WAYLAND_DISPLAY %s: %w", wayland, err))
	}
	if x11 != "" {
		err := dialX11(x11)
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("DISPLAY %s: %w", x11, err))
	}
	return errors.Join(errs...)
}

func waylandSocket(display, runtimeDir string) string {
	if filepath.IsAbs(display) {
		return display
	}
	return filepath.Join(runtimeDir, display)
}

func dialX11(display string) error {
	addresses, err := x11Addresses(display)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range addresses {
		if err := dial(a.network, a.address); err != nil {
			errs = append(errs, err)
			continue
		}
		return nil
	}
	return errors.Join(errs...)
}

type address struct{ network, address string }

// x11Addresses is where the server of a display such as ":0.1" or "host:10"
// may listen.
func x11Addresses(display string) ([]address, error) {
	colon := strings.LastIndex(display, ":")
	if colon < 0 {
		return nil, errors.New("no colon in it")
	}
	host := display[:colon]
	text, _, _ := strings.Cut(display[colon+1:], ".")
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, errors.New("no number in it")
	}
	if host == "" || host == "unix" {
		socket := fmt.Sprintf("/tmp/.X11-unix/X%d", number)
		return []address{{"unix", socket}, {"unix", "@" + socket}}, nil
	}
	return []address{{"tcp", net.JoinHostPort(strings.Trim(host, "[]"), strconv.FormatUint(6000+number, 10))}}, nil
}

func dial(network, address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return c.Close()
}
