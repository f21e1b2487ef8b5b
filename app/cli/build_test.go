package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBuild(t *testing.T) {
	for build, want := range map[Build]string{
		"0.1.0 294ef51 2026-11-26": "0.1.0 (294ef51, 2026-11-26)",
		"0.1.0":                    "0.1.0",
		"":                         "",
	} {
		if got := build.String(); got != want {
			t.Errorf("%q is told as %q", string(build), got)
		}
	}
}

func TestVersion_TellsCommitAndDay(t *testing.T) {
	for _, args := range []string{"version", "--version"} {
		var out, notes strings.Builder
		if status := Main(t.Context(), []string{args}, "0.1.0 294ef51 2026-11-26", nil, &out, &notes); status != 0 {
			t.Fatalf("%s: %s", args, notes.String())
		}
		if !strings.HasPrefix(out.String(), "carpool 0.1.0 (294ef51, 2026-11-26, go") {
			t.Errorf("%s tells %q", args, out.String())
		}
	}
	var out strings.Builder
	Main(t.Context(), []string{"version", "--json"}, "0.1.0 294ef51 2026-11-26", nil, &out, &strings.Builder{})
	var told map[string]string
	if err := json.Unmarshal([]byte(out.String()), &told); err != nil {
		t.Fatal(err)
	}
	if told["version"] != "0.1.0" || told["commit"] != "294ef51" || told["date"] != "2026-11-26" {
		t.Errorf("as JSON: %v", told)
	}
}
