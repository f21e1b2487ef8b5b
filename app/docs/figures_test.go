package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scenarios are rows that pages quote of docs/benchmarks/scheduling.md, by the names there.
var scenarios = map[string]string{
	"engine with 1 slot, 16 clients": "1 slot, 16 clients", "1 slot, 16 clients": "1 slot, 16 clients",
	"4 slots": "4 slots, 16 clients", "4 slots, 16 clients": "4 slots, 16 clients",
	"8 slots": "8 slots, 16 clients", "8 slots, 16 clients": "8 slots, 16 clients",
	"32 slots, 48 clients":                                   "32 slots, knee 16, 48 clients",
	"memory that grows with each request":                    "dynamic KV, room for about 12",
	"one cache for 16 slots":                                 "one KV pool of 16k, 16 slots",
	"memory that grows with each request, room for about 12": "dynamic KV, room for about 12",
}

var here = regexp.MustCompile(`^(\d+) / \d+$`)

// A figure that README or the tuning guide quotes is the one that was measured.
func TestFigures_AreThoseOfTheBenchmarks(t *testing.T) {
	measured := map[string][]string{}
	for _, row := range rows(read(t, "docs/benchmarks/scheduling.md")) {
		var quoted []string // serial, static, fixed 8 and the governor, as "here / in the design's simulator"
		for _, cell := range row[1:] {
			if m := here.FindStringSubmatch(cell); m != nil {
				quoted = append(quoted, m[1])
			}
		}
		if len(quoted) == 4 {
			measured[row[0]] = quoted
		}
	}
	found := 0
	for _, name := range []string{"README.md", "docs/tuning.md"} {
		for _, row := range rows(read(t, name)) {
			scenario, known := scenarios[row[0]]
			if !known {
				continue
			}
			found++
			if !slices.Equal(row[1:], measured[scenario]) {
				t.Errorf("%s: %s: %v, measured were %v", name, row[0], row[1:], measured[scenario])
			}
		}
	}
	if found < len(scenarios) {
		t.Errorf("only %d rows were found", found)
	}
}

// rows are the cells of each row of a page's tables.
func rows(p page) (all [][]string) {
	for line := range strings.Lines(p.prose) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || !strings.HasSuffix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, cells)
	}
	return all
}
