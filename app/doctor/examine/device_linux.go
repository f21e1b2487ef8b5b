package examine

import (
	"io/fs"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// mayOpen asks without opening, which might wake a device.
func mayOpen(path string) bool { return unix.Access(path, unix.R_OK|unix.W_OK) == nil }

// groupOf is the group whose members may read and write a device; "" = nobody but root.
func groupOf(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || s.Gid == 0 || info.Mode().Perm()&0o060 != 0o060 {
		return ""
	}
	g, err := user.LookupGroupId(strconv.FormatUint(uint64(s.Gid), 10))
	if err != nil {
		return ""
	}
	return g.Name
}
