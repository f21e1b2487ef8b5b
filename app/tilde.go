package app

import (
	"os"
	"path/filepath"
	"strings"
)

// Tilde is a path for people, with ~ for their home folder.
func Tilde(path string) string {
	home, err := os.UserHomeDir()
	if rest, ok := strings.CutPrefix(path, home+string(filepath.Separator)); err == nil && ok {
		return "~" + string(filepath.Separator) + rest
	}
	return path
}
