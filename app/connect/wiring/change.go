package wiring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Change is a planned change of one file.
type Change struct {
	App    App
	File   string
	Others bool // the file was changed by others since Carpool did: their changes stay

	backups  backups
	before   []byte // nil = there is no file
	after    []byte // nil = there will be none
	original []byte // what is kept
	keep     *kept  // nil when reverting
	prior    *kept  // what keep takes the place of; nil = nothing
	revert   bool

	priorText []byte
}

// Diff is the change as a unified diff, "" if there is none.
func (c Change) Diff() string {
	from, to := c.File, c.File
	if c.before == nil {
		from = os.DevNull
	}
	if c.after == nil {
		to = os.DevNull
	}
	return udiff.Unified(from, to, shown(c.before), shown(c.after))
}

// Removes tells that the file goes: it was Carpool's own.
func (c Change) Removes() bool { return c.after == nil }

// shown is a text without the marks of its encoding and ends of lines.
func shown(text []byte) string {
	return strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r\n", "\n")
}

// Apply makes the change, as a whole or not at all. What was there is kept first. It
// fails if the file is another one than was planned for, or must not be written.
func (c Change) Apply() error {
	if c.keep != nil {
		if err := c.backups.write(c.App.ID, c.keep, c.original); err != nil {
			return err
		}
	}
	if err := replace(c.File, c.before, c.after); err != nil {
		return errors.Join(err, c.forget())
	}
	if c.revert {
		return c.backups.remove(c.App.ID)
	}
	return nil
}

// forget puts what was kept before Apply in its place again, as nothing was changed.
func (c Change) forget() error {
	switch {
	case c.keep == nil:
		return nil
	case c.prior == nil:
		return c.backups.remove(c.App.ID)
	}
	return c.backups.write(c.App.ID, c.prior, c.priorText)
}

// maxFile bounds what is read as settings, in bytes.
const maxFile = 8 << 20

// readFile is the text of a file; ErrAbsent without one.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path) // opening a pipe would wait for its other end
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, ErrAbsent
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s is larger than 8 MiB", path)
	}
	text, err := os.ReadFile(path)
	if text == nil {
		text = []byte{}
	}
	return text, err
}

func folderExists(file string) bool {
	info, err := os.Stat(filepath.Dir(file))
	return err == nil && info.IsDir()
}

// replace puts a text in the place of another one: with the same mode and owner, where
// a link leads. It fails if another text than before stands there by now.
func replace(path string, before, after []byte) (err error) {
	if before == nil {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return put(path, after, 0o600, nil, func() error {
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%s is there by now; look again", path)
			}
			return nil
		})
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o200 == 0 {
		return fmt.Errorf("%s is read-only; let its owner write it first, or change it where it is made", target)
	}
	unchanged := func() error {
		if now, err := readFile(target); err != nil || !bytes.Equal(now, before) {
			return errors.Join(fmt.Errorf("%s was changed in the meantime; look again", target), err)
		}
		return nil
	}
	if after == nil {
		if err := unchanged(); err != nil {
			return err
		}
		return os.Remove(path)
	}
	return put(target, after, info.Mode().Perm(), info, unchanged)
}

// put writes a file as a whole or not at all, if check lets it at the last moment.
func put(path string, text []byte, mode os.FileMode, like os.FileInfo, check func() error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".carpool-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Chmod(f.Name(), mode)
	}
	if err == nil && like != nil {
		err = sameOwner(f.Name(), like)
	}
	if err == nil {
		err = check()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
