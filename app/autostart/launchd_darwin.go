package autostart

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func place() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("start at login: %w", err)
	}
	return filepath.Join(home, "Library", "LaunchAgents", ID+".plist"), nil
}

func status() (State, error) {
	where, err := place()
	if err != nil {
		return State{}, err
	}
	s := State{Where: where}
	content, err := os.ReadFile(where)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("start at login: %w", err)
	}
	s.On, s.Program = readLaunchAgent(content)
	s.Missing = s.Program != "" && !exists(s.Program)
	return s, nil
}

// enable only writes: launchd reads the folder at login, and loading it now would
// start a second Carpool.
func enable(e Entry) error {
	where, err := place()
	if err != nil {
		return err
	}
	return writeFile(where, LaunchAgent(e))
}

func disable() error {
	where, err := place()
	if err != nil {
		return err
	}
	if err := os.Remove(where); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("start at login: %w", err)
	}
	return nil
}
