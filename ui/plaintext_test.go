package ui

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
	"carpool/app/advice"
	"carpool/backends"
)

// fetchers are what of Fyne reads Markdown, or opens an address or a file that a
// text names.
var fetchers = []string{"NewRichTextFromMarkdown", "NewRichText", "NewRichTextWithText", "ParseMarkdown", "AppendMarkdown", "RichText", "ImageSegment",
	"HyperlinkSegment", "ParagraphSegment", "NewHyperlink", "NewHyperlinkWithStyle", "Hyperlink", "NewImageFromURI", "NewImageFromFile", "NewImageFromReader",
	"LoadResourceFromURLString", "LoadResourceFromPath", "OpenURL", "ParseURI", "NewURI", "NewFileURI"}

// fetched are the fetchers that a source uses.
func fetched(t *testing.T, name string, source any) (used []string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(fetchers, s.Sel.Name) {
			used = append(used, s.Sel.Name)
		}
		return true
	})
	return used
}

// Test29_PlainText: what engines, models and apps call themselves is shown as it is.
func Test29_PlainText(t *testing.T) {
	t.Run("NoSourceReadsMarkdown", func(t *testing.T) {
		if used := fetched(t, "x.go", "package x\nvar _ = widget.NewRichTextFromMarkdown(answer)"); len(used) != 1 {
			t.Fatalf("a use goes unseen: %v", used)
		}
		files := 0
		err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			for _, name := range fetched(t, path, nil) {
				t.Errorf("%s uses %s: it would open what a text of others names", path, name)
			}
			return nil
		})
		if err != nil || files < 50 {
			t.Errorf("%d files read: %v", files, err)
		}
	})
	t.Run("EachPageShowsItAsItIs", func(t *testing.T) {
		var hits atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
		defer server.Close()
		file := filepath.Join(t.TempDir(), "bait.png")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		words := fmt.Sprintf("![x](%s) [x](%s) ![x](%s) ![x](file://%s)", server.URL, server.URL, file, file)
		shown := 0
		for _, name := range pageOrder {
			w, _, fw := open(t, baited(words), "dark", 1280, 800)
			w.Open(name)
			fw.Canvas().Capture()
			walk(fw.Canvas().Content(), func(o fyne.CanvasObject) {
				switch o := o.(type) {
				case *canvas.Text:
					if strings.Contains(o.Text, "![x](") {
						shown++
					}
				case *canvas.Image:
					if o.File != "" {
						t.Errorf("the page %s shows a picture of %q", name, o.File)
					}
				case *widget.Hyperlink:
					t.Errorf("the page %s has a link to %v", name, o.URL)
				case *widget.RichText:
					for _, s := range o.Segments {
						if _, plain := s.(*widget.TextSegment); !plain {
							t.Errorf("the page %s reads a text as %T", name, s)
						}
					}
				}
			})
		}
		if shown < len(pageOrder) {
			t.Errorf("the words are shown as they are %d times: nothing is proved", shown)
		}
		if n := hits.Load(); n > 0 {
			t.Errorf("the address was asked %d times", n)
		}
	})
}

// baited is a Carpool of which all names that come from outside are words.
func baited(words string) app.Snapshot {
	s := busy()
	s.Problems = []string{words}
	s.Advice = []advice.Advice{{Title: words, Text: words}}
	s.Tuning[0].Reason, s.Tuning[0].Model = words, words
	e := &s.Engines[0]
	e.Label, e.Version, e.Problem = words, words, words
	e.Models = append(e.Models, backends.Model{Name: words, Loaded: true})
	q := &s.Queues[0]
	q.Model = words
	for i := range q.Running {
		q.Running[i].App = words
	}
	for i := range q.Waiting {
		q.Waiting[i].App, q.Waiting[i].Why = words, words
	}
	s.Sentence, s.Basis = words, words
	return s
}

// walk visits an object and all that it is drawn with.
func walk(o fyne.CanvasObject, visit func(fyne.CanvasObject)) {
	visit(o)
	switch o := o.(type) {
	case *fyne.Container:
		for _, child := range o.Objects {
			walk(child, visit)
		}
	case fyne.Widget:
		for _, child := range test.WidgetRenderer(o).Objects() {
			walk(child, visit)
		}
	}
}
