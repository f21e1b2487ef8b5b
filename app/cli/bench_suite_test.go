package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBenchSuite(t *testing.T) {
	i := newInstance(t)

	t.Run("PrintsAndWritesAReport", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "report.md")
		status, out, notes := i.carpool("bench", "--suite", "scheduling", "--quick", "--only", "slots1", "--write", file)
		if status != 0 || !strings.Contains(out, "REQUIREMENTS") {
			t.Fatalf("status %d: %s%s", status, out, notes)
		}
		written, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(written), "| 1 slot, 16 clients |") {
			t.Errorf("wrote %s, %v", written, err)
		}
	})

	t.Run("PrintsJSON", func(t *testing.T) {
		status, out, _ := i.carpool("bench", "--suite", "scheduling", "--quick", "--only", "slots1", "--json")
		if status != 0 || !strings.Contains(out, `"requirements"`) {
			t.Errorf("status %d: %s", status, out)
		}
	})

	for _, c := range []struct{ args, says string }{
		{"bench --suite speed", `"speed"`},
		{"bench --quick", "need --suite"},
		{"bench --suite batching --only 8", "no parts"},
		{"bench --profiles here", "need --suite"},
		{"bench --suite scheduling --profiles here", "--suite gateway"},
		{"bench --suite scheduling --only nothing", "slots8"},
	} {
		t.Run("Refuses "+c.args, func(t *testing.T) {
			if status, _, notes := i.carpool(strings.Fields(c.args)...); status != 1 || !strings.Contains(notes, c.says) {
				t.Errorf("status %d, says %q", status, notes)
			}
		})
	}
}
