package cli

import (
	"runtime"
	"slices"
	"strings"
)

// Build says which program this is: its version and, where they are known, the
// commit and the day of the commit, apart by spaces: "0.1.0 294ef51 2026-11-26".
type Build string

// Version is the first of it, such as "0.1.0".
func (b Build) Version() string { return b.field(0) }

// Commit is git's short name of the commit; "" = unknown.
func (b Build) Commit() string { return b.field(1) }

// Date is the day of the commit as YYYY-MM-DD; "" = unknown.
func (b Build) Date() string { return b.field(2) }

func (b Build) field(i int) string {
	if all := strings.Fields(string(b)); i < len(all) {
		return all[i]
	}
	return ""
}

// String is the build for people: "0.1.0 (294ef51, 2026-11-26)".
func (b Build) String() string { return b.with() }

// line is the build with what it was made by and for.
func (b Build) line() string {
	return "carpool " + b.with(runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
}

func (b Build) with(more ...string) string {
	known := slices.DeleteFunc(append([]string{b.Commit(), b.Date()}, more...), func(s string) bool { return s == "" })
	if len(known) == 0 {
		return b.Version()
	}
	return b.Version() + " (" + strings.Join(known, ", ") + ")"
}
