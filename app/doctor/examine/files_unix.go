//go:build unix

package examine

import "syscall"

// openFiles is the hard limit, to which Go's runtime raises the soft one.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return uint64(limit.Max) //nolint:unconvert // it is signed on some systems
}
