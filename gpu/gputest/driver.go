package gputest

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

//go:embed driver/fake.c
var driverSource []byte

// Driver is a fake driver library, and what it is told to do.
type Driver struct {
	Library string // its path, ending in libnvidia-ml.so.1
	t       testing.TB
	control string
	orders  map[string]int
}

// BuildDriver compiles the fake driver library. Defines such as
// "WITHOUT_MEMORY_V2" leave functions out. The test is skipped where there is no
// C compiler.
func BuildDriver(t testing.TB, defines ...string) *Driver {
	t.Helper()
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("needs gcc to build the fake driver library")
	}
	folder := t.TempDir()
	source := filepath.Join(folder, "fake.c")
	if err := os.WriteFile(source, driverSource, 0o600); err != nil {
		t.Fatal(err)
	}
	d := DriverIn(t, folder)
	args := []string{"-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-Wno-unused", "-o", d.Library, source}
	for _, define := range defines {
		args = append(args, "-D"+define)
	}
	if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("build the fake driver library: %v\n%s", err, out)
	}
	return d
}

// DriverIn is the driver library that was built into folder, so that a child
// process can tell its own driver what to do.
func DriverIn(t testing.TB, folder string) *Driver {
	return &Driver{
		Library: filepath.Join(folder, "libnvidia-ml.so.1"),
		t:       t, control: filepath.Join(folder, "control"), orders: map[string]int{},
	}
}

// Env is the environment in which a program loads this driver as its own.
func (d *Driver) Env() []string {
	return []string{"LD_LIBRARY_PATH=" + filepath.Dir(d.Library), "FAKE_NVML_CONTROL=" + d.control}
}

// Folder is where it was built.
func (d *Driver) Folder() string { return filepath.Dir(d.Library) }

// Set gives an order, as listed in driver/fake.c, also to a driver in use: it
// holds from the driver's next call, and for one that hangs at once.
func (d *Driver) Set(name string, value int) {
	d.t.Helper()
	d.orders[name] = value
	d.write()
}

// Clear takes orders back.
func (d *Driver) Clear(names ...string) {
	d.t.Helper()
	for _, name := range names {
		delete(d.orders, name)
	}
	d.write()
}

func (d *Driver) write() {
	d.t.Helper()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(d.orders)) {
		fmt.Fprintf(&b, "%s %d\n", name, d.orders[name])
	}
	// A rename, so that the driver never reads half a file.
	draft := d.control + ".new"
	if err := os.WriteFile(draft, []byte(b.String()), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(draft, d.control); err != nil {
		d.t.Fatal(err)
	}
}
