package takeover

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// guard is the process that Carpool has started last.
func (s *stage) guard(c carpool) int {
	s.t.Helper()
	found := 0
	eventually(s.t, "there is no guard", func() bool {
		tasks, err := filepath.Glob("/proc/" + strconv.Itoa(c.Process.Pid) + "/task/*/children")
		if err != nil {
			return false
		}
		for _, file := range tasks {
			text, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			for _, field := range strings.Fields(string(text)) {
				line, err := os.ReadFile("/proc/" + field + "/cmdline")
				if err == nil && strings.Contains(string(line), s.socket) {
					found, _ = strconv.Atoi(field)
				}
			}
		}
		return found > 0
	})
	return found
}
