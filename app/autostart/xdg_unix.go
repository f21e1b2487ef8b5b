//go:build !windows && !darwin

package autostart

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/adrg/xdg"
)

func place() string { return filepath.Join(xdg.ConfigHome, "autostart", ID+".desktop") }

func status() (State, error) {
	s := State{Where: place()}
	content, err := os.ReadFile(s.Where)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("start at login: %w", err)
	}
	s.On, s.Program = readDesktopFile(content)
	s.Missing = s.Program != "" && !exists(s.Program)
	return s, nil
}

func enable(e Entry) error { return writeFile(place(), DesktopFile(e)) }

func disable() error {
	if err := os.Remove(place()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("start at login: %w", err)
	}
	return nil
}
