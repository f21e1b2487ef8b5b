package gputest

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed driver/fake.c
var driverSource []byte

// BuildDriver compiles the fake driver library and returns its path, which ends
// in libnvidia-ml.so.1, so that LD_LIBRARY_PATH set to its folder makes a
// program load it. Its answers are set by environment variables, named in
// driver/fake.c; defines such as "WITHOUT_MEMORY_V2" leave functions out. The
// test is skipped where there is no C compiler.
func BuildDriver(t testing.TB, defines ...string) string {
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
	path := filepath.Join(folder, "libnvidia-ml.so.1")
	args := []string{"-shared", "-fPIC", "-Wall", "-Werror", "-Wno-unused-function", "-o", path, source}
	for _, d := range defines {
		args = append(args, "-D"+d)
	}
	if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("build the fake driver library: %v\n%s", err, out)
	}
	return path
}
