package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBenchGPU(t *testing.T) {
	i := newInstance(t)
	t.Run("WritesThatNothingWasMeasured", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "gpu.md")
		status, out, notes := i.carpool("bench", "--gpu", "--device", "GPU-none", "--write", file)
		if status != 1 || out != "" || !strings.Contains(notes, "no GPU can be read: ") {
			t.Errorf("status %d, %q, says %q", status, out, notes)
		}
		page, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(page), "Nothing has been measured yet") || !strings.Contains(string(page), "| 16 | 8.5× | - |") {
			t.Errorf("%v, wrote\n%s", err, page)
		}
	})
	t.Run("RefusesTwoBenchmarks", func(t *testing.T) {
		if status, _, notes := i.carpool("bench", "--gpu", "--suite", "scheduling"); status != 1 || !strings.Contains(notes, "give one of them") {
			t.Errorf("status %d, says %q", status, notes)
		}
	})
	t.Run("RefusesSizesThatItCannotMeasure", func(t *testing.T) {
		if status, _, notes := i.carpool("bench", "--gpu", "--sizes", "0"); status != 1 || !strings.Contains(notes, "sizes must be 1–256") {
			t.Errorf("status %d, says %q", status, notes)
		}
	})
}
