package edit

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
	"go.yaml.in/yaml/v3"
)

const was, becomes = "http://localhost:11434", "http://127.0.0.1:11435"

// change replaces all addresses and adds what is given.
func change(t *testing.T, f Format, text string, adds ...Add) (string, Done, error) {
	t.Helper()
	d, err := Parse(f, []byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	out, done, err := d.Change(replacements(d), adds)
	return string(out), done, err
}

func replacements(d Document) []Set {
	var sets []Set
	for _, v := range d.Values() {
		if v.Text == was && v.end > 0 {
			sets = append(sets, Set{Path: v.Path, Old: was, New: becomes})
		}
	}
	return sets
}

func TestSet(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format Format
		text   string
	}{
		{"json comments", JSON, "// a\n{\"a\": /* b */ \"X\" // c\n, }\n"},
		{"json CRLF, BOM, tabs, no end", JSON, "\ufeff{\r\n\t\"a\":\t\"X\"\r\n}"},
		{"json list", JSON, `["X",["X"],{"é":"X"}]`},
		{"yaml quotes", YAML, "a: X # b\nb: \"X\"\nc: 'X'\n"},
		{"yaml wide letters", YAML, "日本: X\nb: {é: X, c: [X]}\n"},
		{"yaml CRLF, BOM, no end", YAML, "\ufeffa: X\r\nb:\r\n  - X\r\n  - c: X"},
		{"yaml literal", YAML, "a: |\n  text\nb: X\n"},
		{"toml", TOML, "a = \"X\" # b\nc = {d = 'X'}\n[[e]]\nf = \"X\"\n[[e]]\nf = \"X\"\n[e.g]\nh = \"X\""},
		{"toml CRLF, BOM", TOML, "\ufeffa = \"X\"\r\n"},
		{"env", Env, "# c\nA=X\nexport B=\"X\" # d\n C = 'X'\n\nD="},
		{"env CRLF", Env, "A=X\r\nB=X # c\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.ReplaceAll(tt.text, "X", was)
			got, done, err := change(t, tt.format, text)
			if want := strings.ReplaceAll(tt.text, "X", becomes); err != nil || got != want {
				t.Fatalf("got %q, %v", got, err)
			}
			if len(done.Sets) != strings.Count(tt.text, "X") {
				t.Errorf("%d values were set", len(done.Sets))
			}
			d, err := Parse(tt.format, []byte(got))
			if err != nil {
				t.Fatal(err)
			}
			if back, err := d.Undo(done); err != nil || string(back) != text {
				t.Errorf("undone: %q, %v", back, err)
			}
		})
	}
}

func TestAdd(t *testing.T) {
	model := Pairs{{"name", "a b"}, {"api", becomes}}
	at := func(path ...string) []string { return path }
	for _, tt := range []struct {
		name   string
		format Format
		text   string
		add    Add
		want   string
	}{
		{"into an empty object", JSON, "{}", Add{at("a"), "b"}, "{\n  \"a\": \"b\"\n}"},
		{"behind the last", JSON, "{\n\t\"x\": 1\n}\n", Add{at("a"), "b"}, "{\n\t\"x\": 1,\n\t\"a\": \"b\"\n}\n"},
		{"behind a comment", JSON, "{\n  \"x\": 1 // one, or\n}", Add{at("a"), "b"}, "{\n  \"x\": 1, // one, or\n  \"a\": \"b\"\n}"},
		{"behind a comma", JSON, "{\n  \"x\": 1, /* one */\n}", Add{at("a"), "b"}, "{\n  \"x\": 1, /* one */\n  \"a\": \"b\",\n}"},
		{"in one line", JSON, `{"x": 1}`, Add{at("a"), "b"}, `{"x": 1, "a": "b"}`},
		{"below what is missing", JSON, "{\r\n  \"x\": {\"y\": 1}\r\n}", Add{at("x", "z", "a"), "b"}, "{\r\n  \"x\": {\"y\": 1, \"z\": {\r\n    \"a\": \"b\"\r\n  }}\r\n}"},
		{"to a list", JSON, "{\"l\": [\n  {\"a\": 1}\n]}", Add{at("l", Item), model}, "{\"l\": [\n  {\"a\": 1},\n  {\n    \"name\": \"a b\",\n    \"api\": \"" + becomes + "\"\n  }\n]}"},
		{"an object that looks lost", JSON, "{\n  // only this\n}", Add{at("a"), "b"}, ""},
		{"at the end", YAML, "x: 1 # c", Add{at("a"), "b"}, "x: 1 # c\na: \"b\""},
		{"a word that is none", YAML, "x: 1\r\n", Add{at("a"), "yes"}, "x: 1\r\na: \"yes\"\r\n"},
		{"to comments alone", YAML, "# c\n", Add{at("l", Item), "b"}, "# c\nl:\n  - \"b\"\n"},
		{"to a block's list", YAML, "l:\n- x: 1\n  y: 2 # c\nz: 3\n", Add{at("l", Item), model}, "l:\n- x: 1\n  y: 2 # c\n- name: \"a b\"\n  api: " + becomes + "\nz: 3\n"},
		{"to a list in brackets", YAML, "l: [x]\n", Add{at("l", Item), "b"}, "l: [x, \"b\"]\n"},
		{"to an entry of a list", YAML, "l:\n  - x: 1\n  - y: z\n", Add{at("l", "1", "a"), "b"}, "l:\n  - x: 1\n  - y: z\n    a: \"b\"\n"},
		{"behind many lines", YAML, "l:\n  - |\n    text\n", Add{at("l", Item), "b"}, ""},
		{"behind a null", YAML, "l:\n", Add{at("l", Item), "b"}, ""},
		{"behind the document's end", YAML, "x: 1\n...\n", Add{at("a"), "b"}, ""},
		{"a table", TOML, "x = 1\n", Add{at("p", "carpool"), model}, "x = 1\n\n[p.carpool]\nname = \"a b\"\napi = \"" + becomes + "\"\n"},
		{"a table that is closed", TOML, "p = {x = 1}\n", Add{at("p", "carpool"), model}, ""},
		{"a line", Env, "X=1", Add{at("A"), "b"}, "X=1\nA=b"},
		{"a line to nothing", Env, "", Add{at("A"), "b"}, "A=b\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, done, err := change(t, tt.format, tt.text, tt.add)
			if tt.want == "" {
				if err == nil {
					t.Errorf("got %q", got)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Fatalf("got  %q, %v\nwant %q", got, err, tt.want)
			}
			d, err := Parse(tt.format, []byte(got))
			if err != nil {
				t.Fatal(err)
			}
			back, err := d.Undo(done)
			if err != nil || !sameButEmpty(string(back), tt.text) {
				t.Errorf("undone: %q, %v", back, err)
			}
		})
	}
	t.Run("never takes the place of something", func(t *testing.T) {
		if got, _, err := change(t, JSON, `{"a": {}}`, Add{[]string{"a"}, "b"}); err == nil {
			t.Error(got)
		}
	})
}

// sameButEmpty leaves room for an object that was empty and is written otherwise.
func sameButEmpty(got, want string) bool {
	return got == want || want == "{}" && strings.Join(strings.Fields(got), "") == want
}

func TestUndoRefuses(t *testing.T) {
	got, done, err := change(t, JSON, `{"x": "`+was+`"}`, Add{[]string{"p", "carpool"}, Pairs{{"api", becomes}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, theirs := range map[string]string{
		"another address": strings.Replace(got, `"x": "`+becomes, `"x": "http://other`, 1),
		"gone":            `{"p": {"carpool": {"api": "` + becomes + `"}}}`,
		"entry grown":     strings.Replace(got, `"api":`, `"more": 1, "api":`, 1),
	} {
		d, err := Parse(JSON, []byte(theirs))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := d.Undo(done); err == nil {
			t.Errorf("%s: %s", name, back)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":"X"}`, "\ufeff// c\n{\"a\": [\"X\", /* d */ {\"b\": \"X\",},],}", "{\r\n\t\"a\": \"X\"\r\n}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fuzz(t, JSON, text, func(text []byte) (v any, err error) {
			plain, err := hujson.Standardize(bytes.Clone(text))
			if err == nil {
				err = json.Unmarshal(plain, &v)
			}
			return v, err
		})
	})
}

func FuzzYAML(f *testing.F) {
	for _, s := range []string{"a: X # c\n", "l:\n  - 'X'\n  - \"X\"\n", "\ufeffa:\r\n  b: X", "{é: X, b: [X]}", "a: |\n  X\nb: >-\n  X\n", "'X': X\n", "? a\n: X\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fuzz(t, YAML, text, func(text []byte) (v any, err error) { return v, yaml.Unmarshal(text, &v) })
	})
}

func FuzzTOML(f *testing.F) {
	for _, s := range []string{"a = \"X\"\n", "[[t]]\nb = 'X' # c\n[t.u]\nd = {e = \"X\"}\n", "a.b = \"\"\"X\"\"\"\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fuzz(t, TOML, text, func(text []byte) (any, error) {
			v := map[string]any{}
			err := toml.Unmarshal(text, &v)
			return v, err
		})
	})
}

func FuzzEnv(f *testing.F) {
	for _, s := range []string{"A=X\n", "export A=\"X\" # c\r\nB='X'", "# c\n\n A = X"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, Env, text, nil) })
}

// fuzz changes every address in a text that can be read: what comes out can be read by
// another program too, differs in the addresses alone, and can be taken back.
func fuzz(t *testing.T, f Format, text string, read func([]byte) (any, error)) {
	if strings.Contains(text, "11435") || strings.Contains(text, "zz") {
		return
	}
	text = strings.ReplaceAll(text, "X", was)
	d, err := Parse(f, []byte(text))
	if err != nil {
		return
	}
	out, done, err := d.Change(replacements(d), nil)
	if err != nil {
		return
	}
	if got := strings.ReplaceAll(string(out), becomes, was); got != text {
		t.Fatalf("%q became %q", text, out)
	}
	before, known := readAlone(read, []byte(text))
	if known {
		after, readable := readAlone(read, out)
		count := 0
		if back := readdressed(after, &count); !readable || !reflect.DeepEqual(back, before) {
			t.Fatalf("%v became %v", before, after)
		}
		if count != len(done.Sets) {
			t.Fatalf("%d addresses of %d are there in %q", count, len(done.Sets), out)
		}
	}
	fuzzAdd(t, d, text, read)
	d, err = Parse(f, out)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := d.Undo(done); err != nil || string(back) != text {
		t.Fatalf("%q was undone to %q: %v", text, back, err)
	}
}

// fuzzAdd adds one value, which is then there, the rest with it, and takes it out again.
func fuzzAdd(t *testing.T, d Document, text string, read func([]byte) (any, error)) {
	out, done, err := d.Change(nil, []Add{{[]string{"zz"}, becomes}})
	if err != nil {
		return
	}
	before, known := readAlone(read, []byte(text))
	if m, ok := before.(map[string]any); known && ok {
		m["zz"] = becomes
		if after, readable := readAlone(read, out); !readable || !reflect.DeepEqual(after, before) {
			t.Fatalf("%q became %q", text, out)
		}
	}
	d, err = Parse(d.format, out)
	if err != nil {
		t.Fatal(err)
	}
	back, err := d.Undo(done)
	if err != nil || string(back) != text && strings.Join(strings.Fields(string(back)), "") != strings.Join(strings.Fields(text), "") {
		t.Fatalf("%q was undone to %q: %v", text, back, err)
	}
}

// readAlone reads a text by another program than Parse; false = it cannot, or not twice
// to the same, as with numbers that are none.
func readAlone(read func([]byte) (any, error), text []byte) (any, bool) {
	if read == nil {
		return nil, false
	}
	text = bytes.TrimPrefix(text, []byte(bom))
	v, err := read(text)
	again, errAgain := read(text)
	return v, err == nil && errAgain == nil && reflect.DeepEqual(v, again)
}

// readdressed puts the old address in the place of the new one in what was read.
func readdressed(v any, count *int) any {
	switch v := v.(type) {
	case string:
		if v == becomes {
			*count++
			return was
		}
	case []any:
		for i := range v {
			v[i] = readdressed(v[i], count)
		}
	case map[string]any:
		for k := range v {
			v[k] = readdressed(v[k], count)
		}
	case map[any]any:
		for k := range v {
			v[k] = readdressed(v[k], count)
		}
	}
	return v
}
