//go:build unix

package wiring

import (
	"fmt"
	"os"
	"syscall"
)

// sameOwner gives a new file the owner and group of the one whose place it takes. A
// file with several names is refused: it would be one of them alone that changes.
func sameOwner(path string, like os.FileInfo) error {
	old, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if old.Nlink > 1 {
		return fmt.Errorf("the file has %d names (hard links); change it by hand", old.Nlink)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if now, ok := info.Sys().(*syscall.Stat_t); ok && now.Uid == old.Uid && now.Gid == old.Gid {
		return nil
	}
	if err := os.Chown(path, int(old.Uid), int(old.Gid)); err != nil {
		return fmt.Errorf("the file is another user's: %w", err)
	}
	return os.Chmod(path, like.Mode().Perm()) // a change of owner takes some bits away
}
