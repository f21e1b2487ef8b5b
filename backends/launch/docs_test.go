package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// docs/engines.md has the guides as the program gives them: UPDATE_GOLDEN=1 writes them.
func TestGuides_StandInTheDocumentation(t *testing.T) {
	const slots = 4
	var b strings.Builder
	for _, g := range []Guide{
		GuideFor(Ollama, Found{Service: Systemd}, slots, 0), GuideFor(Ollama, Found{Service: MacApp}, slots, 0),
		GuideFor(Ollama, Found{Service: Brew}, slots, 0), GuideFor(Ollama, Found{Service: WindowsApp}, slots, 0),
		GuideFor(Ollama, Found{Service: Docker}, slots, 0), GuideFor(Ollama, Found{}, slots, 0),
		GuideFor(LMStudio, Found{}, slots, 0), GuideFor(LlamaCPP, Found{}, slots, 0), GuideFor(VLLM, Found{}, slots, 0),
		GuideFor(KoboldCPP, Found{}, slots, 0),
	} {
		b.WriteString("\n### " + g.Title + "\n\n")
		for _, s := range g.Steps {
			b.WriteString("- " + s.Text + "\n")
			if s.Command != "" {
				b.WriteString("\n  ```text\n  " + strings.ReplaceAll(s.Command, "\n", "\n  ") + "\n  ```\n\n")
			}
		}
	}
	file := filepath.Join("..", "..", "docs", "engines.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- written by TestGuides_StandInTheDocumentation -->\n", "\n<!-- end of guides -->"
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut("\n"+rest, end)
	if !found || !closed {
		t.Fatal("docs/engines.md has no place for the guides")
	}
	want := before + begin + strings.ReplaceAll(b.String(), "\n\n\n", "\n\n") + end + after
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Error("docs/engines.md is not what the program says; UPDATE_GOLDEN=1 go test ./backends/launch -run TestGuides writes it")
	}
}
