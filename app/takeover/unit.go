package takeover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// dropIn is read after override.conf, which "systemctl edit" makes and where Ollama's
// FAQ has people set OLLAMA_HOST: systemd reads such files in the order of their names,
// and the last value of a variable holds.
const dropIn = "zz-carpool-takeover.conf"

// Unit is a systemd service whose engine listens elsewhere by a file beside it.
type Unit struct {
	Name    string `json:"name"` // "ollama.service"
	User    bool   `json:"user"` // one of the user's own
	File    string `json:"file"`
	Before  []byte `json:"before,omitempty"` // what File held; nil = it was not there
	NewDirs bool   `json:"new_dirs"`         // its folder was not there
}

// NewUnit is a unit's, with its file below the folder of the system's or the
// user's own units.
func NewUnit(name string, user bool, folder string) *Unit {
	return &Unit{Name: name, User: user, File: filepath.Join(folder, name+".d", dropIn)}
}

// text moves the engine. ListenStream and the like are not touched: Ollama goes by
// its environment. What a unit's EnvironmentFile sets wins over this.
func (u *Unit) text(engine string) []byte {
	return []byte("# Made by \"carpool takeover\"; \"carpool takeover --undo\" removes it.\n[Service]\nEnvironment=\"OLLAMA_HOST=" + engine + "\"\n")
}

// Commands are what Move does, for a shell.
func (u *Unit) Commands(engine string) string {
	root, user := u.prefix()
	dir := filepath.Dir(u.File)
	return fmt.Sprintf("%smkdir -p %s\nprintf '[Service]\\nEnvironment=\"OLLAMA_HOST=%s\"\\n' | %stee %s\n%ssystemctl %sdaemon-reload\n%ssystemctl %srestart %s",
		root, dir, engine, root, u.File, root, user, root, user, u.Name)
}

// Back is what Restore does, for a shell.
func (u *Unit) Back() string {
	root, user := u.prefix()
	return fmt.Sprintf("%srm %s\n%ssystemctl %sdaemon-reload\n%ssystemctl %srestart %s", root, u.File, root, user, root, user, u.Name)
}

func (u *Unit) prefix() (root, user string) {
	if u.User {
		return "", "--user "
	}
	return "sudo ", ""
}

// Move writes the file and starts the engine again, elsewhere. What was there is
// kept in u, which must be saved for Restore even if Move fails.
func (u *Unit) Move(ctx context.Context, engine string) error {
	before, err := os.ReadFile(u.File)
	switch {
	case err == nil:
		u.Before = append([]byte{}, before...)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("unit: %w", err)
	}
	if _, err := os.Stat(filepath.Dir(u.File)); errors.Is(err, fs.ErrNotExist) {
		u.NewDirs = true
	}
	if err := os.MkdirAll(filepath.Dir(u.File), 0o755); err != nil { //nolint:gosec // systemd's folders are readable for all
		return fmt.Errorf("unit: %w", err)
	}
	if err := os.WriteFile(u.File, u.text(engine), 0o644); err != nil { //nolint:gosec // as its neighbours are
		return fmt.Errorf("unit: %w", err)
	}
	return u.restart(ctx)
}

// Restore puts back what Move found, byte for byte, and starts the engine again. A
// file that somebody changed since is left, and told of.
func (u *Unit) Restore(ctx context.Context, engine string) error {
	now, err := os.ReadFile(u.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("unit: %w", err)
	case !bytes.Equal(now, u.text(engine)):
		return fmt.Errorf("unit: %s was changed since; put it back yourself, then:\n%s", u.File, u.Back())
	}
	if u.Before != nil {
		err = os.WriteFile(u.File, u.Before, 0o644) //nolint:gosec // as it was
	} else if err == nil {
		err = os.Remove(u.File)
	} else {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("unit: %w", err)
	}
	if u.NewDirs {
		_ = os.Remove(filepath.Dir(u.File)) // it stays where others have put something in it
	}
	return u.restart(ctx)
}

func (u *Unit) restart(ctx context.Context) error {
	for _, args := range [][]string{{"daemon-reload"}, {"restart", u.Name}} {
		if u.User {
			args = append([]string{"--user"}, args...)
		}
		out, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput() //nolint:gosec // a unit's name is an argument
		if err != nil {
			return fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
		}
	}
	return nil
}
