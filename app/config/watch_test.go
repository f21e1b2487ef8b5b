package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

type change struct {
	config Config
	err    error
}

// watch opens the file and returns the changes that Watch tells of.
func watch(t *testing.T, path string) <-chan change {
	t.Helper()
	changes, done := make(chan change, 10), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	Open(path)
	go func() { done <- Watch(ctx, path, func(c Config, err error) { changes <- change{c, err} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return changes
}

// overwrite changes a file in one step. text must not be shorter than what is
// there: a file that is cut off first is empty for a moment.
func overwrite(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// swap puts another file in the place of one, as many editors do.
func swap(t *testing.T, path, text string) {
	t.Helper()
	draft := filepath.Join(filepath.Dir(path), "editor.tmp")
	if err := errors.Join(os.WriteFile(draft, []byte(text), 0o600), os.Rename(draft, path)); err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, changes <-chan change) change {
	t.Helper()
	select {
	case c := <-changes:
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("no change was told")
		return change{}
	}
}

func TestWatch(t *testing.T) {
	t.Run("TellsGoodAndBrokenAndAgainGood", func(t *testing.T) {
		path := file(t, "version = 1\n")
		changes := watch(t, path)
		overwrite(t, path, "version = 1\n[adaptive]\nmax = 5\n")
		if c := next(t, changes); c.err != nil || c.config.Adaptive.Max != 5 {
			t.Errorf("got %+v", c)
		}
		overwrite(t, path, "version = 1\n[adaptive]\nmax = 0\n")
		if c := next(t, changes); c.err == nil {
			t.Errorf("got %+v", c)
		}
		// Back to what was in force: told, since the trouble is over.
		overwrite(t, path, "version = 1\n[adaptive]\nmax = 5\n")
		if c := next(t, changes); c.err != nil || c.config.Adaptive.Max != 5 {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("SeesAReplacedFile", func(t *testing.T) {
		path := file(t, "version = 1\n")
		changes := watch(t, path)
		swap(t, path, "version = 1\n[adaptive]\nmax = 6\n")
		if c := next(t, changes); c.err != nil || c.config.Adaptive.Max != 6 {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("DoesNotEchoSave", func(t *testing.T) {
		path := file(t, "version = 1\n")
		changes := watch(t, path)
		if err := Save(path, with(t, Default(), "adaptive.max", "7")); err != nil {
			t.Fatal(err)
		}
		// The next thing told must be the edit that follows, not the save.
		time.Sleep(3 * settle)
		swap(t, path, "version = 1\n[adaptive]\nmax = 8\n")
		if c := next(t, changes); c.err != nil || c.config.Adaptive.Max != 8 {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("SeesTheTargetOfALinkChange", func(t *testing.T) {
		target := file(t, "version = 1\n")
		link := filepath.Join(t.TempDir(), "carpool.toml")
		if err := os.Symlink(target, link); err != nil {
			t.Skip(err)
		}
		changes := watch(t, link)
		overwrite(t, target, "version = 1\n[adaptive]\nmax = 9\n")
		if c := next(t, changes); c.err != nil || c.config.Adaptive.Max != 9 {
			t.Errorf("got %+v", c)
		}
	})
}
