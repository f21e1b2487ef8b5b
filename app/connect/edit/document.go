// Package edit changes single values of settings files and leaves every other byte as it
// stands: comments, order, whitespace, ends of lines, a byte order mark.
//
// It is pure: bytes in, bytes out. Parsers are used to find positions, never to write a
// file anew. What is not understood for certain is refused: a file that does not parse,
// keys that stand twice, YAML's anchors, several documents. Every change is checked by
// reading its result: it must hold what the file held before, and the change.
package edit

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Format is the syntax of a file.
type Format string

// What can be edited. JSON may have comments and trailing commas; Env is a file of lines
// KEY=value, as in .env and environment.d.
const (
	JSON Format = "json"
	YAML Format = "yaml"
	TOML Format = "toml"
	Env  Format = "env"
)

// Value is a single value of a file.
type Value struct {
	Path []string // keys from the outside in; places in lists as numbers, from "0"
	Text string   // without quotes
	// start and end are its bytes, with quotes; both 0 = it cannot be replaced, as it is
	// no text, or written over several lines.
	start, end int
}

// Document is a file that was read. It is never changed.
type Document struct {
	format Format
	text   []byte
	values []Value
	flat   map[string]string // text and kind of every value by its path
	add    map[string]adder  // by the path of what things can be added to
}

// adder tells how a tree is added to a mapping under a key, or to the end of a list,
// whose key is Item.
type adder func(key string, tree any) ([]splice, error)

// Item is the last element of the path of what is added to the end of a list.
const Item = "-"

const bom = "\ufeff"

// Parse reads a file. The error says in a sentence why it cannot be edited.
func Parse(format Format, text []byte) (Document, error) {
	d := Document{format: format, text: text, flat: map[string]string{}, add: map[string]adder{}}
	read := map[Format]func(*Document, []byte, int) error{JSON: (*Document).readJSON, YAML: (*Document).readYAML, TOML: (*Document).readTOML, Env: (*Document).readEnv}[format]
	if read == nil {
		return d, fmt.Errorf("files of the kind %q cannot be edited", format)
	}
	body := bytes.TrimPrefix(text, []byte(bom))
	if err := read(&d, body, len(text)-len(body)); err != nil {
		return d, err
	}
	if !d.Has() {
		return d, errors.New("it is a single value, no settings")
	}
	return d, nil
}

// Values are all single values, in the order of the file.
func (d Document) Values() []Value { return slices.Clone(d.values) }

// Get is the text of the value at a path.
func (d Document) Get(path ...string) (string, bool) {
	for _, v := range d.values {
		if slices.Equal(v.Path, path) {
			return v.Text, true
		}
	}
	return "", false
}

// Has tells whether there is a mapping or a list at a path.
func (d Document) Has(path ...string) bool {
	_, ok := d.add[key(path)]
	return ok
}

// join puts a path and one more element together, without touching the path.
func join(path []string, more ...string) []string { return append(slices.Clone(path), more...) }

// key is a path as a map's key.
func key(path []string) string { return strings.Join(path, "\x00") }

// note keeps a value, and refuses one that is there already.
func (d *Document) note(v Value, kind string) error {
	k := key(v.Path)
	_, twice := d.flat[k]
	if _, held := d.add[k]; twice || held || strings.Count(k, "\x00") >= max(1, len(v.Path)) {
		return twiceError(v.Path)
	}
	d.flat[k] = kind + v.Text
	d.values = append(d.values, v)
	return nil
}

func twiceError(path []string) error {
	return fmt.Errorf("%q stands in it twice", strings.Join(path, "."))
}

// newline is how the lines of a text end.
func newline(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// lineEnd is where the line ends that has position i: before its end mark.
func lineEnd(text []byte, i int) int {
	end := len(text)
	if n := bytes.IndexByte(text[i:], '\n'); n >= 0 {
		end = i + n
		if end > i && text[end-1] == '\r' {
			end--
		}
	}
	return end
}

// lineStart is where the line begins that has position i.
func lineStart(text []byte, i int) int { return bytes.LastIndexByte(text[:i], '\n') + 1 }

// appended is how lines are put at the end of a text, whose last line may have no end.
func appended(text []byte, lines []string) splice {
	nl := newline(text)
	with := strings.Join(lines, nl)
	if len(text) == 0 || len(text) == len(bom) && string(text) == bom || bytes.HasSuffix(text, []byte("\n")) {
		with += nl
	} else {
		with = nl + with
	}
	return splice{len(text), len(text), with}
}

var errPlace = errors.New("it is laid out in a way that nothing can be added to for certain")

// same tells whether both hold the same values.
func same(a, b map[string]string) bool { return maps.Equal(a, b) }
