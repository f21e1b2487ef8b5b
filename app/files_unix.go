//go:build unix

package app

import "syscall"

// openFiles is how many files, connections among them, this process may have open;
// 0 = not known. It is the hard limit: Go's runtime raises the soft one to it when a
// program starts, and gives the programs that it starts the one that was there before.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return uint64(limit.Cur) //nolint:unconvert // it is signed on some systems
}
