package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"
)

// maxFile bounds what is read as settings, in bytes.
const maxFile = 1 << 20

// DefaultFile is where the settings are if nothing else is said:
// $XDG_CONFIG_HOME/carpool/carpool.toml.
func DefaultFile() string { return filepath.Join(xdg.ConfigHome, "carpool", "carpool.toml") }

// DefaultState is the folder of the lock, the socket, the history and the log
// if nothing else is said: $XDG_STATE_HOME/carpool.
func DefaultState() string { return filepath.Join(xdg.StateHome, "carpool") }

// Open reads the settings for a start and always returns some that can be used.
// A file that is missing is written with the defaults; one of an older version
// is migrated after a copy to *.v<version>.bak; one that cannot be used is left
// alone, and the last good one (*.bak) holds, or else the defaults. The
// warnings tell of all that. What others could read of the settings, which hold
// keys, is made its user's own.
func Open(path string) (Config, []Warning) {
	c, warnings, err := open(path)
	if err := makePrivate(path); err != nil {
		warnings = append(warnings, Warning{File: path, Text: "others may read it: " + err.Error()})
	}
	if err == nil {
		return c, warnings
	}
	warnings = append(warnings, Warning{File: path, Text: "not used: " + err.Error()})
	if text, err := read(backup(path)); err == nil {
		if d, err := decode(backup(path), text); err == nil {
			return d.config, append(warnings, Warning{File: backup(path), Text: "the last good settings are used instead"})
		}
	}
	return Default(), append(warnings, Warning{File: path, Text: "the defaults are used instead"})
}

// open is Open without the way out of an error. A file that can be read but not
// written is no error.
func open(path string) (Config, []Warning, error) {
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := Save(path, Default()); err != nil {
			return Default(), []Warning{{File: path, Text: err.Error()}}, nil
		}
		return Default(), nil, nil
	}
	if err != nil {
		return Config{}, nil, err
	}
	d, err := decode(path, text)
	if err != nil {
		return Config{}, nil, err
	}
	warnings := d.warnings(path)
	if d.version < Version {
		if err := migrate(path, text, d); err != nil {
			warnings = append(warnings, Warning{File: path, Text: err.Error()})
		}
		return d.config, warnings, nil
	}
	if err := keep(path, text); err != nil {
		warnings = append(warnings, Warning{File: path, Text: err.Error()})
	}
	return d.config, warnings, nil
}

// Load reads the settings and changes nothing. A missing file holds the
// defaults. The error names file, line and column of each value that cannot be
// used; the Config is then the default. It is ErrNewer for a file of a newer
// version. The warnings tell of keys that are not known.
func Load(path string) (Config, []Warning, error) {
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Default(), nil, nil
	}
	if err != nil {
		return Default(), nil, err
	}
	d, err := decode(path, text)
	if err != nil {
		return Default(), nil, err
	}
	return d.config, d.warnings(path), nil
}

// Save writes c to the file, mode 0600, in a folder that is made 0700 if it is
// missing. Comments and unknown keys stay where they are; only values that
// differ are changed. The file is replaced as a whole, so a reader or a power
// cut sees the old or the new one. What cannot be edited is copied to *.broken
// first and then written anew. A file of a newer version is left alone and
// fails with ErrNewer.
func Save(path string, c Config) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return write(path, render(c))
	}
	if err != nil {
		return err
	}
	revised, whole, err := revise(path, text, c)
	if err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	if !whole {
		if err := replace(path+".broken", text); err != nil {
			return err
		}
	}
	return write(path, revised)
}

// write puts a good text in force: as the last good one, then as the file, so
// that Watch knows it for our own.
func write(path string, text []byte) error {
	if err := keep(path, text); err != nil {
		return err
	}
	if old, err := read(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return replace(path, text)
}

// backup is where the last good settings are.
func backup(path string) string { return path + ".bak" }

// keep remembers a good text.
func keep(path string, text []byte) error {
	if isKept(path, text) {
		return nil
	}
	return replace(backup(path), text)
}

func isKept(path string, text []byte) bool {
	kept, err := read(backup(path))
	return err == nil && bytes.Equal(kept, text)
}

// makePrivate takes from others what a copy or an editor gave them: the file, those
// beside it that have its name, and the folder if there is nothing else in it.
func makePrivate(path string) error {
	folder, name := filepath.Split(path)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	alone := true
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(strings.TrimPrefix(e.Name(), "."), name) {
			alone = false
			continue
		}
		errs = append(errs, tighten(filepath.Join(folder, e.Name()), 0o600))
	}
	if alone {
		errs = append(errs, tighten(folder, 0o700))
	}
	return errors.Join(errs...)
}

// tighten changes a file, or a folder if most lets its user enter it. A link is followed.
func tighten(path string, most fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&^most == 0 || info.IsDir() != (most&0o100 != 0) {
		return nil // what cannot be looked at cannot be used, either, and that is told
	}
	return os.Chmod(path, most)
}

// read returns the text of a file without a byte order mark.
func read(path string) ([]byte, error) {
	// Opening a pipe waits for its other end.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read settings: %s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("read settings: %s is larger than 1 MiB", path)
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}

// replace writes a file as a whole or not at all. A link is followed, so that
// settings kept elsewhere stay there.
func replace(path string, text []byte) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	// CreateTemp makes the file 0600.
	f, err := os.CreateTemp(folder, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("save settings: %w", err)
		}
	}()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
