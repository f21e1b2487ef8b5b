package trust

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// needsProc skips a test that looks at a process from outside.
func needsProc(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("memory and open files are read from /proc, which this system has not")
	}
}

// memory reads a line of the process's /proc/PID/status, in bytes: "VmRSS" is what it
// has now, "VmHWM" the most that it had since forgetPeak.
func (c *carpool) memory(line string) int64 {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid()))
	if err != nil {
		c.t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			return kib << 10
		}
	}
	c.t.Fatalf("no %s in %s", line, text)
	return 0
}

// forgetPeak makes VmHWM begin again from what the process has now.
func (c *carpool) forgetPeak() {
	c.t.Helper()
	const peak = "5"
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.pid()), []byte(peak), 0); err != nil {
		c.t.Fatal(err)
	}
}

// files is how many the process has open.
func (c *carpool) files() int {
	c.t.Helper()
	all, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", c.pid()))
	if err != nil {
		c.t.Fatal(err)
	}
	return len(all)
}

// metric reads a figure without labels from GET /metrics.
func (c *carpool) metric(name string) (float64, error) {
	resp, err := plain.Get(c.url + "/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no %s", name)
}
