package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
)

func (c *cli) uninstallCommand() *cobra.Command {
	var yes, keep bool
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Take away what Carpool keeps for you, before you remove it",
		Long: `Take away what Carpool keeps for you, before you remove the program: it no longer
starts at login, and your settings and history are deleted if you say so. How the
program itself is removed, it tells.

Point your apps back at their engine yourself; "carpool connect" has how they were
pointed here. Carpool must not be running.`,
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
		_, _ = io.WriteString(c.stderr, "Delete them, your history among them? [y/N] ")
		answer, err := bufio.NewReader(c.stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return false, nil
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
