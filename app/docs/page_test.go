package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository's, seen from here.
const root = "../.."

// page is a file of Markdown.
type page struct {
	name   string // from the root, with slashes
	prose  string // without its fenced blocks
	blocks []block
}

// block is what stands between two fences.
type block struct {
	language string
	text     string
}

var fence = regexp.MustCompile("(?m)^ *```(.*)$")

// read takes a page apart.
func read(t *testing.T, name string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, name, string(text))
}

func parse(t *testing.T, name, text string) page {
	t.Helper()
	p := page{name: name}
	marks := fence.FindAllStringSubmatchIndex(text, -1)
	if len(marks)%2 != 0 {
		t.Fatalf("%s: a fence is not closed", name)
	}
	at := 0
	for i := 0; i < len(marks); i += 2 {
		open, end := marks[i], marks[i+1]
		p.prose += text[at:open[0]]
		p.blocks = append(p.blocks, block{strings.TrimSpace(text[open[2]:open[3]]), strings.TrimPrefix(text[open[1]:end[0]], "\n")})
		at = end[1]
	}
	p.prose += text[at:]
	return p
}

// pages are all that a reader is sent to, the guides first; with notes also those
// beside the code.
func pages(t *testing.T, notes bool) (all []page) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && rel != "." || slices.Contains([]string{"testdata", "bin", "build", "node_modules", "shared"}, d.Name())):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(rel, ".md"):
			return nil
		}
		guide := !strings.Contains(rel, "/") || strings.HasPrefix(rel, "docs/")
		if guide || notes {
			all = append(all, read(t, rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("only %d pages", len(all))
	}
	return all
}

// lines are the commands of a block: one a line, but that a backslash goes on and a
// here-document is one with its command.
func lines(text string) (all []string) {
	var held, until string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case until != "":
			held += "\n" + line
			if strings.TrimSpace(line) != until {
				continue
			}
			until = ""
		case hereDocument.MatchString(line):
			held, until = held+line, hereDocument.FindStringSubmatch(line)[1]
			continue
		case strings.HasSuffix(line, `\`):
			held += line + "\n"
			continue
		default:
			held += line
		}
		if s := strings.TrimSpace(held); s != "" && !strings.HasPrefix(s, "#") {
			all = append(all, held)
		}
		held = ""
	}
	return all
}

var hereDocument = regexp.MustCompile(`<<-?\s*['"]?(\w+)['"]?`)

func TestLines(t *testing.T) {
	got := lines("# a remark\ncarpool on  # turn it on\n\ncurl a \\\n  -d b\ncat <<EOF >x\ncarpool\nEOF\ncarpool off\n")
	want := []string{"carpool on  # turn it on", "curl a \\\n  -d b", "cat <<EOF >x\ncarpool\nEOF", "carpool off"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
