//go:build !headless

package desktop

import (
	"net"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestX11Addresses(t *testing.T) {
	local := func(n string) []address {
		return []address{{"unix", "/tmp/.X11-unix/X" + n}, {"unix", "@/tmp/.X11-unix/X" + n}}
	}
	tests := map[string][]address{
		":0":             local("0"),
		":99.1":          local("99"),
		"unix:3":         local("3"),
		"localhost:10.0": {{"tcp", "localhost:6010"}},
		"[::1]:2":        {{"tcp", "[::1]:6002"}},
		"":               nil,
		"nothing":        nil,
		":":              nil,
		":x":             nil,
		":99999":         nil,
	}
	for display, want := range tests {
		got, err := x11Addresses(display)
		if !reflect.DeepEqual(got, want) || (err == nil) != (want != nil) {
			t.Errorf("x11Addresses(%q) = %v, %v, want %v", display, got, err, want)
		}
	}
}

func TestCheckDisplay(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the check is about X11 and Wayland")
	}
	dir := t.TempDir()
	socket, err := net.Listen("unix", filepath.Join(dir, "wayland-7"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	tests := []struct {
		name, wayland, x11, want string
	}{
		{"nothing set", "", "", "neither"},
		{"a dead X server", "", ":65000", "DISPLAY :65000"},
		{"a dead Wayland server", "wayland-8", "", "WAYLAND_DISPLAY wayland-8"},
		{"a live Wayland server", "wayland-7", "", ""},
		{"one of two is enough", "wayland-7", ":65000", ""},
		{"both dead", "wayland-8", ":65000", "DISPLAY :65000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("XDG_RUNTIME_DIR", dir)
			t.Setenv("WAYLAND_DISPLAY", tt.wayland)
			t.Setenv("DISPLAY", tt.x11)
			err := checkDisplay()
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something about %q", err, tt.want)
			}
		})
	}
}
