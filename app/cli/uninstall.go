package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/adrg/xdg"
	"github.com/dustin/go-humanize"
	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"carpool/app/autostart"
	"carpool/app/belongings"
	"carpool/app/connect/wiring"
	"carpool/app/takeover"
)

func (c *cli) uninstallCommand() *cobra.Command {
	var yes, keep bool
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Take away what Carpool keeps for you, before you remove it",
		Long: `Take away what Carpool keeps for you, before you remove the program: it no longer
starts at login, and your settings and history are deleted if you say so. How the
program itself is removed, it tells.

Before it, "carpool takeover --undo" gives a port back that Carpool has taken over, and
"carpool connect --revert APP" points an app back at its engine: this says which still
need it, and goes no further. Carpool must not be running.`,
		Example: `  carpool uninstall                asks before it deletes settings and history
  carpool uninstall --keep         keeps both
  carpool uninstall --yes          deletes both`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.uninstall(cmd.Context(), yes, keep) },
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "delete settings and history without a question")
	cmd.Flags().BoolVar(&keep, "keep", false, "keep settings and history without a question")
	cmd.MarkFlagsMutuallyExclusive("yes", "keep")
	return cmd
}

func (c *cli) uninstall(ctx context.Context, yes, keep bool) error {
	if c.isRunning(ctx) {
		return errors.New(`carpool is running; end it with "carpool quit", then say this again`)
	}
	if err := c.mustBePutBack(); err != nil {
		return err
	}
	if err := autostart.Disable(); err != nil {
		return err
	}
	found := belongings.Find(belongings.Places{Config: c.place.config, State: c.place.state, Windows: windowFolders()})
	deleted := false
	if len(found.Files) > 0 && !keep {
		var err error
		if deleted, err = c.deleteBelongings(found, yes); err != nil {
			return err
		}
	}
	var b strings.Builder
	b.WriteString("Carpool does not start at login.\n")
	switch {
	case deleted:
		b.WriteString("Settings and history are deleted.\n")
	case len(found.Files) > 0:
		fmt.Fprintf(&b, "Settings and history are kept: %s and %s.\n", c.place.config, c.place.state)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	b.WriteString(removal(program, runtime.GOOS))
	return c.print(b.String())
}

// mustBePutBack is what of the user's, outside of Carpool's own files, still counts on
// Carpool; nil = nothing. What is needed to put it back goes with Carpool's files.
func (c *cli) mustBePutBack() error {
	record, err := takeover.Load(c.place.state)
	if err != nil {
		return err
	}
	if record != nil {
		return errors.New("an engine's port is taken over; give it back first: carpool takeover --undo")
	}
	apps, err := c.wiring(wiring.Target{})
	if err != nil {
		return err
	}
	var steps []string
	for _, f := range apps.Find() {
		if f.Changed && f.State != wiring.Absent { // else its user has deleted it
			steps = append(steps, "carpool connect --revert "+f.ID)
		}
	}
	if len(steps) > 0 {
		return fmt.Errorf("settings of apps still point at Carpool; put them back first: %s", strings.Join(steps, "; "))
	}
	return nil
}

// isRunning asks the socket and, where nobody answers there, the lock: a Carpool that
// starts has no socket yet, and old systems have none at all.
func (c *cli) isRunning(ctx context.Context) bool {
	var s any
	if c.running().Snapshot(ctx, &s) == nil {
		return true
	}
	file := filepath.Join(c.place.state, "carpool.lock")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	lock := flock.New(file)
	free, err := lock.TryLock()
	if free {
		_ = lock.Unlock()
	}
	return !free || err != nil
}

// deleteBelongings deletes what was found, once it was said to be meant.
func (c *cli) deleteBelongings(found belongings.Found, yes bool) (bool, error) {
	if !yes {
		c.note("Carpool keeps these for you, %s:", humanize.IBytes(uint64(found.Bytes)))
		for _, path := range found.Files {
			c.note("  %s", path)
		}
		if agreed, err := c.agreed("Delete them, your history among them?"); err != nil || !agreed {
			return false, err
		}
	}
	return true, found.Delete()
}

// windowFolders are where Fyne keeps what the window remembers.
func windowFolders() []string {
	settings := xdg.ConfigHome
	if home, err := os.UserHomeDir(); err == nil {
		switch runtime.GOOS {
		case "darwin":
			settings = filepath.Join(home, "Library", "Preferences")
		case "windows":
			settings = filepath.Join(home, "AppData", "Roaming")
		}
	}
	folders := []string{filepath.Join(settings, "fyne", autostart.ID)}
	if cache, err := os.UserCacheDir(); err == nil {
		folders = append(folders, filepath.Join(cache, "fyne", autostart.ID))
	}
	return folders
}

// removal tells how a program is removed, by where it is.
func removal(program, system string) string {
	switch {
	case system == "windows":
		return "Remove the program under Settings, Apps, or delete " + program + ".\n"
	case system == "darwin" && strings.Contains(program, ".app/Contents/"):
		app, _, _ := strings.Cut(program, ".app/Contents/")
		return "Move " + app + ".app to the Trash.\n"
	case program == "/usr/bin/carpool":
		return "Remove the program with \"sudo apt remove carpool\".\n"
	}
	return "Delete the program: " + program + "\n"
}
