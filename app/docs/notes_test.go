package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"carpool/app/config"
)

// elsewhere are names of other projects that the notes tell of.
var elsewhere = []string{
	"llmServer.Close", "needsReload", "server/sched.go", // Ollama's own
	"ToChunk",                       // of Ollama's package openai
	"additionalProperties", "oneOf", // JSON Schema's words
}

// Whatever a note beside the code names in backticks and looks like Go, and each file
// that it names, exists. A row of its table of types names the file that declares each
// of them.
func TestNotes_NameWhatExists(t *testing.T) {
	c := readCode(t)
	found := map[string]int{}
	for _, p := range notes(t) {
		for _, span := range spans(p) {
			kind, problem := c.check(path.Dir(p.name), span)
			found[kind]++
			if problem != "" {
				t.Errorf("%s: `%s`: %s", p.name, span, problem)
			}
		}
		for _, name := range goFile.FindAllString(p.prose, -1) {
			found["file"]++
			if len(c.files(path.Dir(p.name), name)) == 0 && !slices.Contains(elsewhere, name) {
				t.Errorf("%s: %s: there is no such file", p.name, name)
			}
		}
		for _, r := range declarations(p) {
			found["row"]++
			for _, problem := range c.checkRow(path.Dir(p.name), r) {
				t.Errorf("%s: %s", p.name, problem)
			}
		}
	}
	for _, kind := range []string{"name", "member", "test", "file", "row"} {
		if found[kind] < 5 {
			t.Errorf("only %d of kind %s", found[kind], kind)
		}
	}
}

func TestNotes_FindWhatIsWrong(t *testing.T) {
	c := readCode(t)
	for span, kind := range map[string]string{
		"Nothing": "name", "neverThere": "name", "Core.Nothing": "member", "batching.Nothing": "member",
		"adaptive.Nothing": "member", "TestNothing": "test", "Core.next": "member", "Scheduler": "name",
	} {
		got, problem := c.check("batching", span)
		if isRight := span == "Core.next" || span == "Scheduler"; got != kind || (problem == "") != isRight {
			t.Errorf("%s: %s %q", span, got, problem)
		}
	}
	wrong := row{types: "`Core` · `Nothing`", files: "core.go · nothing.go"}
	moved := row{types: "`Lease`", files: "core.go"}
	if a, b := c.checkRow("batching", wrong), c.checkRow("batching", moved); len(a) != 2 || len(b) != 1 {
		t.Errorf("%q, %q", a, b)
	}
}

// ARCHITECTURE.md has a place for each package, and none for what is not there.
func TestArchitecture_ListsEveryPackage(t *testing.T) {
	c := readCode(t)
	p := read(t, "ARCHITECTURE.md")
	var listed []string
	for _, line := range strings.Split(p.prose, "\n") {
		if cell, ok := strings.CutPrefix(line, "| `"); ok {
			cell, _, _ = strings.Cut(cell, " |")
			listed = append(listed, code.FindAllString("`"+cell, -1)...)
		}
	}
	for i, name := range listed {
		listed[i] = strings.Trim(name, "`")
		if info, err := os.Stat(filepath.Join(root, listed[i])); err != nil || !info.IsDir() {
			t.Errorf("there is no folder %s", listed[i])
		}
	}
	for folder := range c.folders {
		under := folder
		for strings.Count(under, "/") > 1 { // what is three deep belongs to what it is in
			under = path.Dir(under)
		}
		if folder != "." && !strings.HasSuffix(folder, "test") && !slices.Contains(listed, under) && !slices.Contains(listed, folder) {
			t.Errorf("ARCHITECTURE.md has no row for %s", folder)
		}
	}
}

// notes are the pages beside the code, and the map of it.
func notes(t *testing.T) (all []page) {
	for _, p := range pages(t, true) {
		if path.Base(p.name) == "design.md" || p.name == "ARCHITECTURE.md" {
			all = append(all, p)
		}
	}
	return all
}

// row is one of a table of types and their files.
type row struct{ types, files string }

// declarations are the rows of the tables whose columns are concern, type and file.
func declarations(p page) (all []row) {
	inside := false
	for line := range strings.Lines(p.prose) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		switch {
		case len(cells) != 5:
			inside = false
		case strings.EqualFold(strings.TrimSpace(cells[2]), "type") && strings.EqualFold(strings.TrimSpace(cells[3]), "file"):
			inside = true
		case inside && !strings.Contains(cells[1], "---"):
			all = append(all, row{cells[2], cells[3]})
		}
	}
	return all
}

// source is what the repository's Go files declare.
type source struct {
	folders map[string]bool
	names   map[string][]string // files in which something of that name is declared, members too
	members map[string][]string // the same by "Type.Member"
	foreign map[string]bool     // packages of others that are imported
}

func readCode(t *testing.T) source {
	t.Helper()
	c := source{folders: map[string]bool{}, names: map[string][]string{}, members: map[string][]string{}, foreign: map[string]bool{}}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != root || d.Name() == "testdata" || d.Name() == "shared" || d.Name() == "build") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if !strings.HasSuffix(rel, "_test.go") {
			c.folders[path.Dir(rel)] = true
		}
		c.add(rel, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c source) add(file string, f *ast.File) {
	for _, i := range f.Imports {
		if p := strings.Trim(i.Path.Value, `"`); !strings.HasPrefix(p, "carpool/") {
			c.foreign[path.Base(p)] = true
		}
	}
	member := func(of, name string) {
		c.members[of+"."+name] = append(c.members[of+"."+name], file)
		c.names[name] = append(c.names[name], file)
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				c.names[d.Name.Name] = append(c.names[d.Name.Name], file)
				continue
			}
			of := d.Recv.List[0].Type
			if star, ok := of.(*ast.StarExpr); ok {
				of = star.X
			}
			if generic, ok := of.(*ast.IndexExpr); ok {
				of = generic.X
			}
			if id, ok := of.(*ast.Ident); ok {
				member(id.Name, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					for _, id := range s.Names {
						c.names[id.Name] = append(c.names[id.Name], file)
					}
				case *ast.TypeSpec:
					c.names[s.Name.Name] = append(c.names[s.Name.Name], file)
					ast.Inspect(s.Type, func(n ast.Node) bool {
						if field, ok := n.(*ast.Field); ok {
							for _, id := range field.Names {
								member(s.Name.Name, id.Name)
							}
						}
						return true
					})
				}
			}
		}
	}
}

var (
	goFile = regexp.MustCompile(`(?:[\w.-]+/)*[\w*-]+\.go\b`)
	goName = regexp.MustCompile(`^([A-Z][a-z0-9]+[A-Za-z0-9]*|[a-z][a-z0-9]*[A-Z][A-Za-z0-9]*)$`)
	dotted = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*)\.([A-Za-z][A-Za-z0-9]*)$`)
)

// check says what a text in a note of a folder is, and what is wrong with it.
func (c source) check(folder, span string) (kind, problem string) {
	span = strings.TrimSuffix(span, "()")
	switch {
	case slices.Contains(elsewhere, span) || strings.HasSuffix(span, ".go"):
		return "", ""
	case regexp.MustCompile(`^(Test|Benchmark)[A-Z]\w*$`).MatchString(span):
		if len(c.names[span]) == 0 {
			return "test", "there is no such test"
		}
		return "test", ""
	case dotted.MatchString(span):
		m := dotted.FindStringSubmatch(span)
		if _, isSetting := config.Lookup(span); isSetting || c.foreign[m[1]] {
			return "", ""
		}
		if !unicode.IsUpper(rune(m[1][0])) && !unicode.IsUpper(rune(m[2][0])) && !under(folder, c.names[m[1]]) {
			return "", "" // a setting, say
		}
		if c.has(folder, m[1], m[2]) {
			return "member", ""
		}
		return "member", "there is none"
	case goName.MatchString(span):
		if len(c.names[span]) == 0 {
			return "name", "nothing is called so"
		}
		return "name", ""
	}
	return "", ""
}

// has tells whether there is such a member of a type, or name of a package.
func (c source) has(folder, of, name string) bool {
	if len(c.members[of+"."+name]) > 0 {
		return true
	}
	return slices.ContainsFunc(c.names[name], func(file string) bool { return path.Base(path.Dir(file)) == of })
}

// under tells whether one of the files is in a folder, or below it.
func under(folder string, files []string) bool {
	return slices.ContainsFunc(files, func(file string) bool { return folder == "." || strings.HasPrefix(file, folder+"/") })
}

// files are those that a name means in a note of a folder; a star stands for some letters.
func (c source) files(folder, name string) (all []string) {
	for _, from := range []string{folder, "."} {
		found, err := filepath.Glob(filepath.Join(root, from, filepath.FromSlash(name)))
		if err != nil {
			return nil
		}
		for _, f := range found {
			if rel, err := filepath.Rel(root, f); err == nil {
				all = append(all, filepath.ToSlash(rel))
			}
		}
	}
	return all
}

// checkRow looks whether each type of a row is declared in one of its files.
func (c source) checkRow(folder string, r row) (problems []string) {
	var files []string
	for _, name := range strings.FieldsFunc(r.files, func(r rune) bool { return strings.ContainsRune(" ,·`", r) }) {
		found := c.files(folder, name)
		if len(found) == 0 {
			problems = append(problems, name+": there is no such file")
		}
		files = append(files, found...)
	}
	for _, span := range code.FindAllString(r.types, -1) {
		span = strings.Trim(span, "`")
		of, name, isDotted := strings.Cut(span, ".")
		at := c.names[span]
		if isDotted {
			at = append(slices.Clone(c.members[span]), c.names[name]...)
		}
		if strings.Contains(span, "_") || isDotted && len(c.members[span]) == 0 && !c.has(folder, of, name) {
			continue // a word of SQL; or what check says
		}
		if !slices.ContainsFunc(at, func(file string) bool {
			return slices.ContainsFunc(files, func(f string) bool { return f == file || strings.HasPrefix(file, f+"/") })
		}) {
			problems = append(problems, "`"+span+"` is not declared in "+strings.TrimSpace(r.files))
		}
	}
	return problems
}
