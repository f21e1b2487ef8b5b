//go:build unix

package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// everything walks through its state and its settings.
func (c *carpool) everything(visit func(path string, info fs.FileInfo) error) {
	c.t.Helper()
	for _, root := range []string{c.stateDir(), filepath.Dir(c.configFile())} {
		if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			return visit(path, info)
		}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// requirePrivate wants files 0600 and folders 0700, and returns their names.
func (c *carpool) requirePrivate() (names []string) {
	c.t.Helper()
	c.everything(func(path string, info fs.FileInfo) error {
		want := fs.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			c.t.Errorf("%s has mode %o, want %o", path, got, want)
		}
		names = append(names, info.Name())
		return nil
	})
	return names
}

func Test24_Modes(t *testing.T) {
	aside := func(name string) bool { return strings.HasPrefix(name, "history.db.corrupt-") }

	for _, umask := range []string{"000", "022"} {
		t.Run("NothingIsForOthersUnderUmask"+umask, func(t *testing.T) {
			c := prepare(t)
			c.vars = append(c.vars, "CARPOOL_ENGINE="+backendstest.New(t).URL)
			c.wrap = []string{"sh", "-c", "umask " + umask + ` && exec "$0" "$@"`}
			if err := os.RemoveAll(filepath.Dir(c.configFile())); err != nil { // it makes its own
				t.Fatal(err)
			}
			c.start()
			if r := <-c.askOnceUp(); r.status != http.StatusOK {
				t.Errorf("%d %q, %v", r.status, r.text, r.err)
			}
			c.do("set", "adaptive.max=9")
			c.awaitRows(1)
			seen := c.requirePrivate()
			for _, name := range []string{"state", "carpool.lock", "carpool.sock", "carpool.log", "engine-seen",
				"history.db", "history.db-wal", "history.db-shm", "config", "carpool.toml", "carpool.toml.bak"} {
				if !slices.Contains(seen, name) {
					t.Errorf("no %s among %v", name, seen)
				}
			}
			c.stop()
			if err := os.WriteFile(c.historyFile(), []byte("a shopping list"), 0o644); err != nil {
				t.Fatal(err)
			}
			c.start()
			c.awaitEngine()
			if seen := c.requirePrivate(); !slices.ContainsFunc(seen, aside) {
				t.Errorf("nothing was moved aside: %v", seen)
			}
			c.stop()
		})
	}

	t.Run("WhatWasForOthersIsSoNoLonger", func(t *testing.T) {
		c := begin(t, backendstest.New(t))
		if r := <-c.askAll(1); r.status != http.StatusOK {
			t.Errorf("%d %q, %v", r.status, r.text, r.err)
		}
		c.awaitRows(1)
		c.signal(syscall.SIGKILL) // leaves -wal, -shm and the socket
		_ = c.wait(time.Minute)
		for _, old := range []string{"carpool-2026-01-31T12-00-00.000.log", "engine-ollama.log", "history.db.corrupt-20260131T120000.000Z"} {
			if err := os.WriteFile(filepath.Join(c.stateDir(), old), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		changed := 0
		c.everything(func(path string, info fs.FileInfo) error {
			changed++
			if info.IsDir() {
				return os.Chmod(path, 0o755)
			}
			return os.Chmod(path, 0o644)
		})
		c.start()
		c.awaitEngine()
		if seen := c.requirePrivate(); len(seen) < changed {
			t.Errorf("%d of %d are left: %v", len(seen), changed, seen)
		}
		c.stop()
		figure(t, 24, "start under umask 000 and 022, and over files 0644 in folders 0755",
			fmt.Sprintf("%d files and folders, all 0600 and 0700", changed))
	})

	t.Run("AFolderOfOthersKeepsItsMode", func(t *testing.T) {
		c := prepare(t, "engine.url="+backendstest.New(t).URL)
		theirs := filepath.Join(c.stateDir(), "theirs.txt")
		if err := errors.Join(os.Mkdir(c.stateDir(), 0o755), os.Chmod(c.stateDir(), 0o755), os.WriteFile(theirs, nil, 0o644), os.Chmod(theirs, 0o644)); err != nil {
			t.Fatal(err)
		}
		c.start()
		c.awaitEngine()
		for path, want := range map[string]fs.FileMode{c.stateDir(): 0o755, theirs: 0o644, c.historyFile(): 0o600, c.logFile(): 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v, want %o", path, info, err, want)
			}
		}
		c.stop()
	})
}
