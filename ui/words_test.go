package ui

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"fyne.io/fyne/v2/theme"
	"golang.org/x/image/font/sfnt"

	"carpool/app/config"
	"carpool/assets"
	"carpool/ui/chart"
)

// said is every text that the program has translated: the literals of this
// package's calls of tr and trn, and what the settings page says of the settings.
// The value is true for a count.
func said(t *testing.T) map[string]bool {
	t.Helper()
	texts := map[string]bool{}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch name, _ := call.Fun.(*ast.Ident); {
			case name == nil:
			case name.Name == "tr":
				note(texts, call.Args[0], false)
			case name.Name == "trn":
				note(texts, call.Args[2], true)
			}
			return true
		})
	}
	for _, g := range settingGroups {
		texts[g.name] = false
		if g.intro != "" {
			texts[g.intro] = false
		}
	}
	for _, name := range valueNames {
		texts[name] = false
	}
	for _, s := range config.Settings() {
		texts[s.Help], texts[settingNames[s.Key]] = false, false
		if s.Unit != "" {
			texts[s.Unit] = false
		}
		if s.Values == nil && !isSwitch(s) && !isNumber(s) {
			texts[s.Range] = false
		}
	}
	return texts
}

func note(texts map[string]bool, arg ast.Expr, count bool) {
	if lit, ok := arg.(*ast.BasicLit); ok {
		if text, err := strconv.Unquote(lit.Value); err == nil {
			texts[text] = count
		}
	}
}

func translation(t *testing.T, language string) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(assets.Translation(language), &all); err != nil {
		t.Fatalf("%s.json: %v", language, err)
	}
	return all
}

// It lists what a file misses in the form in which it is to be added.
func TestWords_EachLanguageHasAllAndNoOthers(t *testing.T) {
	texts := said(t)
	for _, language := range assets.Languages() {
		have := translation(t, language)
		var missing strings.Builder
		for _, text := range slices.Sorted(maps.Keys(texts)) {
			if _, ok := have[text]; ok {
				continue
			}
			empty := `""`
			if texts[text] {
				empty = `{"one": "", "other": ""}`
			}
			key, _ := json.Marshal(text)
			fmt.Fprintf(&missing, "  %s: %s,\n", key, empty)
		}
		if missing.Len() > 0 {
			t.Errorf("assets/translations/%s.json misses:\n%s", language, missing.String())
		}
		for _, text := range slices.Sorted(maps.Keys(have)) {
			if _, ok := texts[text]; !ok {
				t.Errorf("assets/translations/%s.json translates %q, which nobody says", language, text)
			}
		}
	}
}

var verb = regexp.MustCompile(`%[a-z]`)

// A translation says the same things in the same order: fmt takes them by place.
func TestWords_KeepTheirVerbs(t *testing.T) {
	texts := said(t)
	for _, language := range assets.Languages() {
		for text, to := range translation(t, language) {
			forms, isCount := to.(map[string]any)
			if !isCount {
				forms = map[string]any{"other": to}
			}
			if isCount != texts[text] {
				t.Errorf("%s: %q is a count: %v", language, text, texts[text])
			}
			if _, ok := forms["other"]; !ok {
				t.Errorf("%s: %q has no other", language, text)
			}
			for form, says := range forms {
				if got, want := verb.FindAllString(fmt.Sprint(says), -1), verb.FindAllString(text, -1); !slices.Equal(got, want) {
					t.Errorf("%s: %q has the verbs %v as %s", language, text, got, form)
				}
				if says == "" {
					t.Errorf("%s: %q is empty as %s", language, text, form)
				}
			}
		}
	}
}

func TestWords_AreCountedAsTheLanguageDoes(t *testing.T) {
	t.Cleanup(func() { Speak("en") })
	const one, many = "%d setting found", "%d settings found"
	for language, want := range map[string][2]string{"en": {"1 setting found", "2 settings found"},
		"de": {"1 Einstellung gefunden", "2 Einstellungen gefunden"},
		"es": {"1 ajuste encontrado", "2 ajustes encontrados"}, "zh": {"找到 1 项设置", "找到 2 项设置"}} {
		Speak(language)
		if got := [2]string{trn(1, one, many), trn(2, one, many)}; got != want {
			t.Errorf("%s counts %q, want %q", language, got, want)
		}
	}
}

func TestWords_WriteDatesAsTheLanguageDoes(t *testing.T) {
	t.Cleanup(func() { Speak("en") })
	at := time.Date(2026, 3, 4, 15, 4, 5, 0, time.Local)
	for language, want := range map[string][2]string{"en": {"Wed 4 Mar, 15:04:05", "4 Mar 15:04"},
		"de": {"Mi 4. Mär, 15:04:05", "4. Mär 15:04"}, "es": {"mié 4 mar, 15:04:05", "4 mar 15:04"},
		"zh": {"3月4日 周三 15:04:05", "3/4 15:04"}} {
		Speak(language)
		c := calendar()
		if got := [2]string{c.Format(chart.Unix(at)), dateOf(at)}; got != want {
			t.Errorf("%s writes %q, want %q", language, got, want)
		}
		if slices.Contains(c.Days[:], "") || slices.Contains(c.Months[:], "") {
			t.Errorf("%s does not name all of %q and %q", language, c.Days, c.Months)
		}
	}
}

func TestWords_FollowTheDesktop(t *testing.T) {
	for tag, want := range map[string]string{"de-AT": "de", "es-419": "es", "zh-CN": "zh", "zh": "zh", "en-GB": "en", "fr-FR": "en", "": "en"} {
		if got := closest(tag); got != want {
			t.Errorf("%q is spoken to in %q, want %q", tag, got, want)
		}
	}
}

// What the settings offer is what there is a file of.
func TestWords_CanBeChosen(t *testing.T) {
	s, _ := config.Lookup("window.language")
	if want := append([]string{"auto", "en"}, assets.Languages()...); !slices.Equal(s.Values, want) {
		t.Errorf("window.language offers %v, and there are %v", s.Values, want)
	}
	for _, l := range assets.Languages() {
		if languageNames[l] == "" {
			t.Errorf("%s has no name of its own", l)
		}
	}
}

// The fonts that come with the program have all of them: those of the computer it
// runs on may not, or draw them otherwise.
func TestWords_HaveTheirCharacters(t *testing.T) {
	text := strings.Join(slices.Collect(maps.Values(languageNames)), "")
	for _, l := range assets.Languages() {
		text += string(assets.Translation(l))
	}
	for name, fonts := range map[string][]*sfnt.Font{
		"regular": {parsed(t, assets.Chinese), parsed(t, theme.DefaultTextFont().Content())},
		"bold":    {parsed(t, assets.ChineseBold), parsed(t, theme.DefaultTextBoldFont().Content())},
	} {
		missing := map[rune]bool{}
		for _, r := range text {
			if unicode.IsPrint(r) && !slices.ContainsFunc(fonts, func(f *sfnt.Font) bool { return draws(f, r) }) {
				missing[r] = true
			}
		}
		for r := range missing {
			t.Errorf("the %s fonts have no %c (%U)", name, r, r)
		}
	}
}

func parsed(t *testing.T, data []byte) *sfnt.Font {
	t.Helper()
	f, err := sfnt.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func draws(f *sfnt.Font, r rune) bool {
	i, err := f.GlyphIndex(new(sfnt.Buffer), r)
	return err == nil && i != 0
}

func TestText_BreaksChineseWithoutSpaces(t *testing.T) {
	w, _, _ := open(t, idle(), "dark", 900, 600)
	_ = w
	p := newParagraph("没有找到引擎。启动 Ollama 之后，Carpool 会立即使用它。", colorText)
	all := p.broken(120)
	if len(all) < 3 {
		t.Fatalf("broken into %q", all)
	}
	for _, line := range all {
		if strings.HasPrefix(line, "，") || strings.HasPrefix(line, "。") || p.measure(line) > 120 {
			t.Errorf("line %q of %q", line, all)
		}
	}
}
