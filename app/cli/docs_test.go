package cli

import (
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"carpool/app/config"
)

// Pages that are made from the program are the program's, and nobody's by hand.
// "make docs" writes them.
func TestDocs_AreThoseOfTheProgram(t *testing.T) {
	docs := filepath.Join("..", "..", "..", "docs") // from testdata
	for page, file := range map[string]string{"settings": "settings.md", "man": "carpool.1"} {
		t.Run(page, func(t *testing.T) {
			status, out, notes := newInstance(t).carpool("docs", page)
			if status != 0 || notes != "" {
				t.Fatalf("status %d: %s", status, notes)
			}
			golden(t, filepath.Join(docs, file), out)
		})
	}
}

func TestDocs_NameEverySettingAndCommand(t *testing.T) {
	reference, page := config.Reference(), manual(new(cli).root())
	for _, s := range config.Settings() {
		if !strings.Contains(reference, "| `"+s.Key+"` | ") || !strings.Contains(reference, strings.ReplaceAll(s.Help, "<", "&lt;")) {
			t.Errorf("the reference lacks %s", s.Key)
		}
	}
	for _, cmd := range documented(new(cli).root()) {
		if !strings.Contains(page, ".SS "+escape(cmd.UseLine())) {
			t.Errorf("the man page lacks %s", cmd.CommandPath())
		}
	}
	if strings.Contains(page, "carpool docs") {
		t.Error("the man page has a hidden command")
	}
}

func TestManual_ReadsAsAManPage(t *testing.T) {
	for _, judge := range [][]string{{"groff", "-man", "-Tutf8", "-ww", "-z"}, {"mandoc", "-T", "lint", "-W", "style"}} {
		t.Run(judge[0], func(t *testing.T) {
			program, err := exec.LookPath(judge[0])
			if err != nil {
				t.Skip(judge[0] + " is not installed")
			}
			cmd := exec.Command(program, judge[1:]...)
			cmd.Stdin = strings.NewReader(manual(new(cli).root()))
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// Words are kept in their order, and no line of prose is longer than lint bears.
func TestManual_FillsLines(t *testing.T) {
	var m roff
	text := strings.Repeat("one-two three ", 40) + strings.Repeat("x", 100)
	m.prose(text)
	words := strings.Fields(strings.ReplaceAll(m.String(), `\-`, "-"))
	if !slices.Equal(words, strings.Fields(text)) {
		t.Errorf("%q", words)
	}
	lines := strings.Split(strings.TrimSpace(m.String()), "\n")
	for i, line := range lines {
		if i+1 < len(lines) && (len(line) > 80 || len(line) < 60) {
			t.Errorf("%d bytes: %s", len(line), line)
		}
	}
}

// Lines that begin with a request of roff, and backslashes, are text like any other.
func TestManual_TakesNoTextForARequest(t *testing.T) {
	root := &cobra.Command{Use: "carpool", Short: "Do", Long: ".so /etc/passwd\n'a \\fBb", Example: "  .ab"}
	page := manual(root)
	if regexp.MustCompile(`(?m)^(\.so|'a|\.ab)`).MatchString(page) || !strings.Contains(page, `\efBb`) {
		t.Error(page)
	}
}

// Each command's help is on file, so that a change of words is seen in review.
func TestHelp(t *testing.T) {
	root := new(cli).root()
	root.SetOut(io.Discard)
	root.InitDefaultHelpFlag()
	for _, cmd := range append([]*cobra.Command{root}, documented(root)...) {
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			words := strings.Fields(cmd.CommandPath())
			_, out, _ := newInstance(t).carpool(append(words[1:], "--help")...)
			golden(t, filepath.Join("help", strings.Join(words, "-")+".txt"), homeless(out))
		})
	}
}
