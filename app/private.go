package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const (
	folderMode fs.FileMode = 0o700 // of the state folder
	fileMode   fs.FileMode = 0o600 // of what is in it
)

// makePrivate makes the state folder where it is missing, and takes from others
// what a copy, a restored backup or an older program gave them. A folder that
// holds more than Carpool's files is left as it is: it may be meant for others.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	alone := true
	var errs []error
	for _, e := range entries {
		if !isOurs(e.Name()) {
			alone = false
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().IsRegular() {
			err = tighten(dir+string(os.PathSeparator)+e.Name(), info, fileMode)
		}
		errs = append(errs, err)
	}
	if alone {
		info, err := os.Stat(dir)
		if err == nil {
			err = tighten(dir, info, folderMode)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func tighten(path string, info fs.FileInfo, most fs.FileMode) error {
	if info.Mode().Perm()&^most == 0 {
		return nil
	}
	if err := os.Chmod(path, most); err != nil {
		return fmt.Errorf("make it private: %w", err)
	}
	return nil
}

// isOurs goes by the names of all files that Carpool makes in its state folder.
func isOurs(name string) bool {
	for _, ours := range []string{"carpool.lock", "carpool.sock", "carpool.log", "carpool-", "history.db", "engine-", "takeover.json", tokenFile, "." + tokenFile} {
		if strings.HasPrefix(name, ours) {
			return true
		}
	}
	return false
}
