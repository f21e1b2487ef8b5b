//go:build !linux

package examine

import "io/fs"

func mayOpen(string) bool { return true }

func groupOf(fs.FileInfo) string { return "" }
