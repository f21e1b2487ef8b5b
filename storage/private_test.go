//go:build unix

package storage

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestTheHistoryIsPrivate(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	requireMode := func(path string, want os.FileMode) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
		}
	}

	folder := filepath.Join(t.TempDir(), "state", "carpool")
	path := filepath.Join(folder, "history.db")
	s := openStore(t, Options{Path: path})
	s.AddRequest(fullRequest())
	flush(t, s)
	requireMode(filepath.Dir(folder), 0o700)
	requireMode(folder, 0o700)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		requireMode(path+suffix, 0o600)
	}
	closeStore(t, s)

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, Options{Path: path})
	s.AddRequest(fullRequest())
	flush(t, s)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		requireMode(path+suffix, 0o600)
	}
}
