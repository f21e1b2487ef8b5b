package wiring

import (
	"os"
	"path/filepath"
	"runtime"
)

// Computer says where a user's settings are. Tests make one of their own.
type Computer struct {
	OS     string // as runtime.GOOS
	Home   string
	Getenv func(string) string
}

// Here is this computer.
func Here() (Computer, error) {
	home, err := os.UserHomeDir()
	return Computer{OS: runtime.GOOS, Home: home, Getenv: os.Getenv}, err
}

// home is a file below the home folder.
func (c Computer) home(parts ...string) string {
	return filepath.Join(append([]string{c.Home}, parts...)...)
}

// config is a file of programs that keep to the system's custom: XDG's folder on Linux,
// Application Support on macOS, AppData\Roaming on Windows.
func (c Computer) config(parts ...string) string {
	switch c.OS {
	case "darwin":
		return c.home(append([]string{"Library", "Application Support"}, parts...)...)
	case "windows":
		return c.roaming(parts...)
	}
	return c.xdg(parts...)
}

// xdg is a file of programs that have their settings in ~/.config, on macOS too.
func (c Computer) xdg(parts ...string) string {
	if dir := c.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(append([]string{dir}, parts...)...)
	}
	return c.home(append([]string{".config"}, parts...)...)
}

func (c Computer) roaming(parts ...string) string {
	if dir := c.Getenv("APPDATA"); dir != "" {
		return filepath.Join(append([]string{dir}, parts...)...)
	}
	return c.home(append([]string{"AppData", "Roaming"}, parts...)...)
}

// local is a file that Windows keeps on this computer alone.
func (c Computer) local(parts ...string) string {
	if dir := c.Getenv("LOCALAPPDATA"); dir != "" {
		return filepath.Join(append([]string{dir}, parts...)...)
	}
	return c.home(append([]string{"AppData", "Local"}, parts...)...)
}

// variable is the file that a variable of the environment names the folder of.
func (c Computer) variable(name, file, other string) string {
	if dir := c.Getenv(name); dir != "" {
		return filepath.Join(dir, file)
	}
	return other
}
