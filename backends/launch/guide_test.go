package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGuides compares all guides with testdata/guides.txt; UPDATE_GOLDEN=1 writes
// it.
func TestGuides(t *testing.T) {
	var b strings.Builder
	for _, g := range []struct {
		kind    Kind
		found   Found
		context int
	}{
		{Ollama, Found{Service: Systemd, Unit: "ollama.service"}, 0},
		{Ollama, Found{Service: SystemdUser, Unit: "my-ollama.service"}, 8192},
		{Ollama, Found{Service: Docker}, 0},
		{Ollama, Found{Service: Podman}, 8192},
		{Ollama, Found{Service: MacApp}, 8192},
		{Ollama, Found{Service: Brew}, 0},
		{Ollama, Found{Service: WindowsApp}, 0},
		{Ollama, Found{Service: Shell}, 8192},
		{LlamaCPP, Found{}, 0},
		{LMStudio, Found{}, 8192},
		{VLLM, Found{}, 0},
		{KoboldCPP, Found{}, 8192},
	} {
		guide := GuideFor(g.kind, g.found, 4, g.context)
		fmt.Fprintf(&b, "# %s\n", guide.Title)
		for i, s := range guide.Steps {
			fmt.Fprintf(&b, "%d. %s\n", i+1, s.Text)
			if s.Command != "" {
				b.WriteString("   " + strings.ReplaceAll(s.Command, "\n", "\n   ") + "\n")
			}
		}
		b.WriteString("\n")
	}
	file := filepath.Join("testdata", "guides.txt")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if g := GuideFor("other", Found{}, 4, 0); len(g.Steps) > 0 {
		t.Errorf("an engine that nobody knows: %+v", g)
	}
}
