// Package belongings finds and deletes what Carpool keeps for its user: settings,
// history, logs and what the window remembers.
//
// It knows its own files by name and touches nothing else, so that what a user put
// beside them stays, and so does a folder that is not empty then.
package belongings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Places are where Carpool keeps things.
type Places struct {
	Config  string   // the settings file
	State   string   // the folder of history, logs, lock and socket
	Windows []string // folders that the window has to itself
}

// Found is what there is.
type Found struct {
	Files   []string // by path
	Folders []string // that may be empty once the files are gone, the deepest first
	Bytes   int64
}

// Carpool's own names; beside the settings are what was kept of older ones.
var (
	ofSettings = []string{"", ".bak", ".v*.bak", ".broken"}
	ofState    = []string{"carpool.lock", "carpool.sock", "carpool-g.sock", "carpool.log*", "carpool-*.log*", "engine-*.log*",
		"history.db*", "engine-seen", "lan-token", ".lan-token*", "takeover.json.new"}
)

// Find looks for what there is; what cannot be read counts as none.
func Find(p Places) Found {
	var f Found
	for _, end := range ofSettings {
		f.add(escape(p.Config) + end)
	}
	for _, name := range ofState {
		f.add(filepath.Join(escape(p.State), name))
	}
	f.Folders = []string{filepath.Join(p.State, "carpool-connect"), p.State, filepath.Dir(p.Config)}
	for _, folder := range p.Windows {
		var folders []string
		_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil
			case d.IsDir():
				folders = append(folders, path)
			default:
				f.take(path)
			}
			return nil
		})
		slices.Reverse(folders)
		f.Folders = append(folders, f.Folders...)
	}
	slices.Sort(f.Files)
	f.Files = slices.Compact(f.Files)
	return f
}

// escape has a path taken literally in a pattern.
func escape(path string) string {
	var b []rune
	for _, r := range path {
		if (r == '*' || r == '?' || r == '[') || r == '\\' && os.PathSeparator == '/' {
			b = append(b, '[', r, ']')
			continue
		}
		b = append(b, r)
	}
	return string(b)
}

func (f *Found) add(pattern string) {
	all, _ := filepath.Glob(pattern) // the patterns are good
	for _, path := range all {
		f.take(path)
	}
}

func (f *Found) take(path string) {
	info, err := os.Lstat(path)
	if err != nil || info.IsDir() {
		return
	}
	f.Files = append(f.Files, path)
	f.Bytes += info.Size()
}

// Delete deletes the files, and the folders that are empty then. It goes on after
// an error and tells all of them.
func (f Found) Delete() error {
	var all []error
	for _, path := range f.Files {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, fmt.Errorf("delete: %w", err))
		}
	}
	for _, folder := range f.Folders {
		_ = os.Remove(folder) // fails for one that is not empty, as it should
	}
	return errors.Join(all...)
}
