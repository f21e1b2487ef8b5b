package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/pprof/profile"
)

func TestProfiled(t *testing.T) {
	t.Run("WritesWhatCanBeRead", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "new", "folder")
		failed := errors.New("of the run")
		if err := profiled(folder, func() error { return failed }); !errors.Is(err, failed) {
			t.Errorf("error %v", err)
		}
		for _, name := range []string{"cpu", "allocs", "mutex", "goroutine"} {
			file, err := os.Open(filepath.Join(folder, name+".pprof"))
			if err != nil {
				t.Fatal(err)
			}
			p, err := profile.Parse(file)
			if err := errors.Join(err, file.Close()); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if name == "goroutine" && len(p.Sample) == 0 {
				t.Errorf("%s is empty", name)
			}
		}
	})
	t.Run("OnlyRunsWithoutAFolder", func(t *testing.T) {
		ran := false
		if err := profiled("", func() error { ran = true; return nil }); err != nil || !ran {
			t.Errorf("ran %v, error %v", ran, err)
		}
	})
}
