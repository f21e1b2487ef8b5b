package trust

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// rowCount is how many rows the table of tests in docs/reliability.md has.
const rowCount = 32

// TestEveryRow sees that each row has a test with its number, and that each is seen
// to fail by a fault planted in testdata/mutants.
func TestEveryRow(t *testing.T) {
	tests, faults := map[int][]string{}, map[int][]string{}
	root := filepath.Join("..", "..")
	name := regexp.MustCompile(`(?m)^func Test(\d\d)_\w+\(`)
	planted := regexp.MustCompile(`(?m)^Test: \S+ Test(\d\d)_\w+`)
	gather := func(path string, e *regexp.Regexp, into map[int][]string) error {
		text, err := os.ReadFile(path)
		for _, m := range e.FindAllStringSubmatch(string(text), -1) {
			n, _ := strconv.Atoi(m[1])
			into[n] = append(into[n], path)
		}
		return err
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case strings.HasSuffix(path, "_test.go"):
			return gather(path, name, tests)
		case strings.HasSuffix(path, ".patch"):
			return gather(path, planted, faults)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= rowCount; n++ {
		if len(tests[n]) == 0 {
			t.Errorf("row %d has no test: func Test%02d_…", n, n)
		}
		if len(faults[n]) == 0 {
			t.Errorf("row %d has no planted fault: Test: package Test%02d_…", n, n)
		}
	}
}
