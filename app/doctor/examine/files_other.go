//go:build !unix

package examine

// openFiles knows no bound here.
func openFiles() uint64 { return 0 }
