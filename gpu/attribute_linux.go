package gpu

import (
	"io/fs"
	"strconv"
	"strings"
)

// attribute is the text of a file of the kernel, without the white space around
// it. It may be missing, or refuse to be read, at any time.
func attribute(machine fs.FS, file string) (string, bool) {
	b, err := fs.ReadFile(machine, file)
	return strings.TrimSpace(string(b)), err == nil
}

// whole reads a number of digits only.
func whole(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}
