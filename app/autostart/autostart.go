// Package autostart has Carpool start when its user logs in, hidden in the tray.
//
// The truth is the system's own entry and nothing else: on Linux a file in the XDG
// autostart folder, on macOS a LaunchAgent, on Windows a value of the registry's Run
// key. So a desktop's own list of startup programs shows the same and may change it.
// All of it is the user's own and needs no rights beyond.
//
// What an entry says is pure; one thin writer per system reads and writes it.
package autostart

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ID names the entry to the system, as it names the app.
const ID = "io.github.carpool.Carpool"

// Entry is what is started at login.
type Entry struct {
	Program string   // absolute path
	Args    []string // such as "--hidden"
}

// State is what the system will do at the next login.
type State struct {
	On      bool   `json:"on"`
	Where   string `json:"where"`   // the file or key; where it would be while there is none
	Program string `json:"program"` // that is started; "" = unknown, or nothing is
	Missing bool   `json:"missing"` // the program is not there any more
}

// Own is the entry for the program that runs, with the window hidden, and args after
// that. On Windows it is the program without a console where that stands beside it.
func Own(args ...string) (Entry, error) {
	program, err := os.Executable()
	if err != nil {
		return Entry{}, fmt.Errorf("own program: %w", err)
	}
	return Entry{Program: withoutConsole(program, runtime.GOOS, exists), Args: append([]string{"--hidden"}, args...)}, nil
}

// withoutConsole is carpoolw.exe for carpool.exe: started at login, the latter would
// open a console window.
func withoutConsole(program, system string, exists func(string) bool) string {
	if system != "windows" {
		return program
	}
	w := strings.TrimSuffix(program, ".exe") + "w.exe"
	if !strings.HasSuffix(strings.ToLower(program), "w.exe") && exists(w) {
		return w
	}
	return program
}

func exists(path string) bool {
	_, err := os.Stat(path) //nolint:gosec // it only asks whether the user's own entry still leads somewhere
	return err == nil
}

// Status tells whether Carpool starts at login.
func Status() (State, error) { return status() }

// Enable has e started at each login from the next one on; it replaces what was there.
func Enable(e Entry) error {
	if !filepath.IsAbs(e.Program) {
		return fmt.Errorf("start at login: %s is not an absolute path", e.Program)
	}
	for _, word := range append([]string{e.Program}, e.Args...) {
		if strings.ContainsAny(word, "\x00\r\n") {
			return fmt.Errorf("start at login: %q has a line break in it", word)
		}
	}
	return enable(e)
}

// Disable takes the entry away; there need not be one.
func Disable() error { return disable() }

// writeFile puts a file there whole or not at all.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("start at login: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".carpool-*")
	if err != nil {
		return fmt.Errorf("start at login: %w", err)
	}
	_, err = f.Write(content)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("start at login: %w", err)
	}
	return nil
}
