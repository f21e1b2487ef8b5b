package docs

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"carpool/app/cli"
	"carpool/app/config"
)

// Whatever stands in backticks, or in a block of commands, and looks like a command, a
// make target, a setting, a file, a header or a metric of Carpool is one.
func TestNames_Exist(t *testing.T) {
	n := newNames(t)
	seen := map[string]int{}
	for _, p := range pages(t, false) {
		if p.name == "CHANGELOG.md" {
			continue // it names what is gone
		}
		for _, span := range spans(p) {
			kind, problem := n.check(span)
			seen[kind]++
			if problem != "" {
				t.Errorf("%s: %q: %s", p.name, span, problem)
			}
		}
	}
	for _, kind := range []string{"command", "target", "setting", "file", "header", "metric"} {
		if seen[kind] == 0 {
			t.Errorf("no %s was found", kind)
		}
	}
}

func TestNames_FindWhatIsWrong(t *testing.T) {
	n := newNames(t)
	for span, kind := range map[string]string{
		"carpool nothing": "command", "carpool status --nothing": "command", "carpool lan on|nothing": "command",
		"make nothing": "target", "queue.most": "setting", "docs/nothing.md": "file",
		"X-Carpool-Nothing": "header", "carpool_nothing_total": "metric",
	} {
		if got, problem := n.check(span); got != kind || problem == "" {
			t.Errorf("%s: %s %q", span, got, problem)
		}
	}
	for _, span := range []string{"carpool lan on|off|token", "carpool engine start ollama", "make test", "queue.order", "apps.keys=sk-x=App", "app/cli/cli.go", "main.go", "x.y", "go test ./app/cli"} {
		if _, problem := n.check(span); problem != "" {
			t.Errorf("%s: %s", span, problem)
		}
	}
}

// spans are the texts in backticks, and the lines of blocks of commands.
func spans(p page) (all []string) {
	for _, m := range code.FindAllString(p.prose, -1) {
		all = append(all, strings.Trim(m, "`"))
	}
	for _, b := range p.blocks {
		if b.language == "sh" {
			for _, line := range lines(b.text) {
				line, _, _ = strings.Cut(line, " #")
				for part := range strings.SplitSeq(line, ";") {
					all = append(all, strings.TrimSpace(part))
				}
			}
		}
	}
	return all
}

// names are those that exist.
type names struct {
	t        *testing.T
	targets  []string
	sections []string
	sources  string          // of all that is not a test
	commands map[string]bool // by "carpool set": whether it takes a word
	helps    map[string]string
}

func newNames(t *testing.T) *names {
	t.Helper()
	n := &names{t: t, helps: map[string]string{}}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(string(makefile), -1) {
		n.targets = append(n.targets, m[1])
	}
	for _, s := range config.Settings() {
		section, _, _ := strings.Cut(s.Key, ".")
		if !slices.Contains(n.sections, section) {
			n.sections = append(n.sections, section)
		}
	}
	var manual, notes bytes.Buffer
	if cli.Main(context.Background(), []string{"docs", "man"}, "docs", nil, &manual, &notes) != 0 {
		t.Fatal(notes.String())
	}
	n.commands = map[string]bool{"carpool": false}
	for _, m := range regexp.MustCompile(`(?m)^\.SS (carpool .*)$`).FindAllStringSubmatch(manual.String(), -1) {
		words := strings.Fields(m[1])
		end := slices.IndexFunc(words, func(w string) bool { return !plainWord.MatchString(w) })
		if end < 0 {
			end = len(words)
		}
		n.commands[strings.Join(words[:end], " ")] = slices.ContainsFunc(words[end:], func(w string) bool { return w != "[flags]" })
	}
	for _, folder := range []string{"app/gateway", "app/metrics"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			n.sources += string(text)
		}
	}
	return n
}

var (
	plainWord   = regexp.MustCompile(`^[a-z]+$`)
	settingName = regexp.MustCompile(`^([a-z]+)\.([a-z_]+)(=.*)?$`)
	fileName    = regexp.MustCompile(`^(\.?[\w-]+/)*\.?[\w.-]+\.(md|go|json|toml|patch|1|sh|svg|png|txt|xml|yml|yaml)$`)
	ourFolders  = regexp.MustCompile(`^(app|assets|backends|batching|docs|gpu|internal|storage|testdata|ui|\.ci)/[\w./-]+$`)
	headerName  = regexp.MustCompile(`^X-Carpool-[A-Za-z-]+`)
	metricName  = regexp.MustCompile(`^carpool_[a-z_]+$`)
)

// check says what a text is, and what is wrong with it.
func (n *names) check(span string) (kind, problem string) {
	words := strings.Fields(span)
	switch {
	case len(words) == 0:
		return "", ""
	case words[0] == "carpool":
		return "command", n.command(words[1:])
	case words[0] == "make" && len(words) > 1 && regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(words[1]):
		if !slices.Contains(n.targets, words[1]) {
			return "target", "the Makefile has no such target"
		}
		return "target", ""
	case headerName.MatchString(span):
		if !strings.Contains(n.sources, `"`+headerName.FindString(span)+`"`) && !strings.Contains(n.sources, headerName.FindString(span)) {
			return "header", "the gateway knows no such header"
		}
		return "header", ""
	case metricName.MatchString(span):
		return "metric", n.metric(span)
	case strings.Contains(span, "NAME") || strings.Contains(span, "TAG"):
		return "", "" // a file that is to be written
	case ourFolders.MatchString(span) || fileName.MatchString(span) && strings.Contains(span, "/"):
		return "file", n.file(span)
	case settingName.MatchString(span) && !fileName.MatchString(span):
		m := settingName.FindStringSubmatch(span)
		if !slices.Contains(n.sections, m[1]) {
			return "", ""
		}
		if _, ok := config.Lookup(m[1] + "." + m[2]); !ok {
			return "setting", "there is no such setting"
		}
		return "setting", ""
	}
	return "", ""
}

// command tries the help of a command with its flags. "[…]" may be left out, and of
// "a|b" each one is tried; a word in capitals stands for a value.
func (n *names) command(words []string) string {
	lines := [][]string{{}}
	for _, w := range words {
		w = strings.Trim(w, "[]()…,.")
		if w == "" {
			continue
		}
		var longer [][]string
		for alternative := range strings.SplitSeq(w, "|") {
			for _, line := range lines {
				longer = append(longer, append(slices.Clone(line), alternative))
			}
		}
		lines = longer
	}
	for _, line := range lines {
		if problem := n.help(line); problem != "" {
			return problem
		}
	}
	return ""
}

func (n *names) help(line []string) string {
	key := strings.Join(line, " ")
	if problem, known := n.helps[key]; known {
		return problem
	}
	n.helps[key] = n.words(line)
	if n.helps[key] == "" {
		var out, notes bytes.Buffer
		if cli.Main(context.Background(), append(slices.Clone(line), "--help"), "docs", nil, &out, &notes) != 0 {
			n.helps[key] = strings.TrimSpace(notes.String())
		}
	}
	return n.helps[key]
}

// words looks for a word that is neither a command nor what a command takes.
func (n *names) words(line []string) string {
	at := "carpool"
	for _, word := range line {
		if _, ok := n.commands[at+" "+word]; !ok {
			if !strings.HasPrefix(word, "-") && !n.commands[at] {
				return at + " has no command " + word
			}
			return ""
		}
		at += " " + word
	}
	return ""
}

func (n *names) metric(name string) string {
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		name = strings.TrimSuffix(name, part)
	}
	if !strings.Contains(n.sources, `"`+strings.TrimPrefix(name, "carpool_")+`"`) {
		return "there is no such metric"
	}
	return ""
}

// file looks from the root, and beside the page's own folder, docs/.
func (n *names) file(name string) string {
	for _, from := range []string{root, filepath.Join(root, "docs")} {
		if _, err := fs.Stat(os.DirFS(from), strings.TrimSuffix(name, "/")); err == nil {
			return ""
		}
	}
	return "there is no such file"
}
