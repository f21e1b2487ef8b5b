package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a file must rest before it is read: editors write in
// several steps.
const settle = 100 * time.Millisecond

// Watch calls changed, on its own goroutine, when someone other than Save
// changed the file: with the new settings, or with the error of a file that
// cannot be used, in which case those in force should stay. A missing file
// changes nothing. Watch returns when ctx ends, or at once with an error where
// the folder cannot be watched.
func Watch(ctx context.Context, path string, changed func(Config, error)) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch settings: %w", err)
	}
	defer func() { _ = w.Close() }()
	names, err := watchFolders(w, path)
	if err != nil {
		return fmt.Errorf("watch settings: %w", err)
	}
	// A change between Open and here raises no event, so look once.
	timer := time.NewTimer(settle)
	defer timer.Stop()
	f := follower{path: path, changed: changed}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.Events:
			if !ok {
				return nil
			}
			if names[filepath.Clean(e.Name)] {
				timer.Reset(settle)
			}
		case _, ok := <-w.Errors:
			// Events were lost, so look whether one was ours.
			if !ok {
				return nil
			}
			timer.Reset(settle)
		case <-timer.C:
			f.look()
		}
	}
}

// watchFolders watches the folder of the file, and that of its target if it is
// a link: editors replace files, and a watch on a replaced file sees nothing.
func watchFolders(w *fsnotify.Watcher, path string) (names map[string]bool, err error) {
	names = map[string]bool{filepath.Clean(path): true}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		names[target] = true
	}
	for name := range names {
		if err := w.Add(filepath.Dir(name)); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// follower tells changes of a file apart from what is in force.
type follower struct {
	path    string
	changed func(Config, error)
	broken  string // what was last reported as unusable: a text, or why there is none; "" = none
}

func (f *follower) look() {
	text, err := read(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		f.report(err.Error(), err)
		return
	}
	if f.broken == "" && isKept(f.path, text) {
		return
	}
	d, err := decode(f.path, text)
	if err != nil {
		f.report(string(text), err)
		return
	}
	f.broken = ""
	// A failure loses the way back from a later mistake, nothing else.
	_ = keep(f.path, text)
	f.changed(d.config, nil)
}

// report tells once of what cannot be used.
func (f *follower) report(what string, err error) {
	if what != f.broken {
		f.broken = what
		f.changed(Config{}, err)
	}
}
