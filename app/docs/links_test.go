package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)(?: "[^"]*")?\)`)
	code     = regexp.MustCompile("`[^`\n]*`")
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.*?)(?: +#+)? *$`)
	linkText = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	scheme   = regexp.MustCompile(`^(https?|mailto):`)
)

// Every link within the repository leads somewhere, to a heading that exists if it
// names one.
func TestLinks_LeadSomewhere(t *testing.T) {
	found := 0
	for _, p := range pages(t, true) {
		for _, target := range links(p) {
			if scheme.MatchString(target) {
				continue
			}
			found++
			if problem := follow(t, p, target); problem != "" {
				t.Errorf("%s: %s: %s", p.name, target, problem)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d links were found", found)
	}
}

func links(p page) (all []string) {
	for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(p.prose, ""), -1) {
		all = append(all, m[1])
	}
	return all
}

func follow(t *testing.T, p page, target string) (problem string) {
	t.Helper()
	file, anchor, _ := strings.Cut(target, "#")
	to := p
	if file != "" {
		name := path.Join(path.Dir(p.name), file)
		if strings.HasPrefix(name, "../") {
			return "leads out of the repository"
		}
		info, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return "there is no such file"
		}
		if anchor == "" {
			return ""
		}
		if info.IsDir() || !strings.HasSuffix(name, ".md") {
			return "has no headings"
		}
		to = read(t, name)
	}
	if !slices.Contains(anchors(to), anchor) {
		return "there is no such heading"
	}
	return ""
}

// anchors are the headings' names for links, as GitHub makes them.
func anchors(p page) (all []string) {
	for _, m := range heading.FindAllStringSubmatch(p.prose, -1) {
		text := strings.ToLower(linkText.ReplaceAllString(m[1], "$1"))
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return r
			}
			return -1
		}, text))
	}
	return all
}

// The index of docs/ leads to each of its pages.
func TestLinks_IndexHasEveryPage(t *testing.T) {
	index := links(read(t, "docs/README.md"))
	for _, p := range pages(t, false) {
		inDocs, ok := strings.CutPrefix(p.name, "docs/")
		if ok && inDocs != "README.md" && !slices.Contains(index, inDocs) {
			t.Errorf("docs/README.md has no link to %s", inDocs)
		}
	}
}

func TestLinks_FindWhatIsWrong(t *testing.T) {
	p := parse(t, "docs/engines.md", "# A `b`: c-d\n\n[x](nothing.md) [y](#nothing) [z](../../up) [ok](#a-b-c-d) `[code](no.md)`\n")
	var problems []string
	for _, target := range links(p) {
		problems = append(problems, follow(t, p, target))
	}
	if want := []string{"there is no such file", "there is no such heading", "leads out of the repository", ""}; !slices.Equal(problems, want) {
		t.Errorf("%q", problems)
	}
}
