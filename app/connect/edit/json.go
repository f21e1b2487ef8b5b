package edit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
)

// readJSON reads JSON with comments and trailing commas.
func (d *Document) readJSON(body []byte, skip int) error {
	root, err := hujson.Parse(body)
	if err != nil {
		return fmt.Errorf("it does not parse: %s", strings.TrimPrefix(err.Error(), "hujson: "))
	}
	return d.walkJSON(nil, &root, skip)
}

func (d *Document) walkJSON(path []string, v *hujson.Value, skip int) error {
	switch t := v.Value.(type) {
	case hujson.Literal:
		value := Value{Path: path, Text: string(t)}
		if t.Kind() != '"' {
			return d.note(value, "other ")
		}
		value.Text = t.String()
		if !strings.ContainsRune(string(t), '\\') {
			value.start, value.end = v.StartOffset+skip, v.EndOffset+skip
		}
		return d.note(value, textKind)
	case *hujson.Object:
		if err := d.holder(path, d.intoJSON(v, skip)); err != nil {
			return err
		}
		for i := range t.Members {
			m := &t.Members[i]
			if err := d.walkJSON(join(path, m.Name.Value.(hujson.Literal).String()), &m.Value, skip); err != nil {
				return err
			}
		}
	case *hujson.Array:
		if err := d.holder(path, d.intoJSON(v, skip)); err != nil {
			return err
		}
		for i := range t.Elements {
			if err := d.walkJSON(join(path, strconv.Itoa(i)), &t.Elements[i], skip); err != nil {
				return err
			}
		}
	}
	return nil
}

// holder keeps how something is added to a mapping or list, and refuses one that is
// there already.
func (d *Document) holder(path []string, add adder) error {
	k := key(path)
	_, twice := d.add[k]
	if _, value := d.flat[k]; twice || value && len(path) > 0 {
		return twiceError(path)
	}
	d.add[k] = add
	return nil
}

// tail is what may stand on a line behind a member that something follows below.
var tail = regexp.MustCompile(`^[ \t]*(,?)[ \t]*(//[^\r\n]*|/\*[^*\r\n]*\*/[ \t]*)?$`)

// intoJSON adds behind the last member of an object or element of an array.
func (d *Document) intoJSON(v *hujson.Value, skip int) adder {
	return func(name string, tree any) ([]splice, error) {
		var first, last int // of the members
		count := 0
		switch t := v.Value.(type) {
		case *hujson.Object:
			if count = len(t.Members); count > 0 {
				first, last = t.Members[0].Name.StartOffset+skip, t.Members[count-1].Value.EndOffset+skip
			}
		case *hujson.Array:
			if count = len(t.Elements); count > 0 {
				first, last = t.Elements[0].StartOffset+skip, t.Elements[count-1].EndOffset+skip
			}
		}
		nl, outer := newline(d.text), d.indentation(v.StartOffset+skip)
		inner := outer + d.indentUnit()
		if count > 0 && isBlank(d.text[lineStart(d.text, first):first]) {
			inner = d.indentation(first)
		}
		end := lineEnd(d.text, last)
		found := tail.FindSubmatch(d.text[last:end])
		if count > 0 && found == nil {
			inner = outer // the last member's line goes on
		}
		member := renderJSON(tree, inner, d.indentUnit(), nl)
		if name != Item {
			member = quoted(name) + ": " + member
		}
		if count == 0 {
			open, shut := v.StartOffset+1+skip, v.EndOffset-1+skip
			if !isBlank(d.text[open:shut]) {
				return nil, errPlace // comments alone
			}
			return []splice{{open, shut, nl + inner + member + nl + outer}}, nil
		}
		switch {
		case found == nil:
			return []splice{{last, last, ", " + member}}, nil
		case len(found[1]) > 0:
			return []splice{{end, end, nl + inner + member + ","}}, nil
		case end == last:
			return []splice{{end, end, "," + nl + inner + member}}, nil
		}
		return []splice{{last, last, ","}, {end, end, nl + inner + member}}, nil
	}
}

// withoutJSON takes a member or element out, with the comma that it no longer needs.
func (d Document) withoutJSON(path []string) ([]splice, error) {
	body := bytes.TrimPrefix(d.text, []byte(bom))
	skip := len(d.text) - len(body)
	root, err := hujson.Parse(body)
	if err != nil {
		return nil, err
	}
	at := &root
	for _, p := range path[:len(path)-1] {
		at = childJSON(at, p)
	}
	type span struct{ start, end, comma int } // comma: behind what follows it
	var all []span
	which := -1
	switch t := at.Value.(type) {
	case *hujson.Object:
		for i, m := range t.Members {
			if m.Name.Value.(hujson.Literal).String() == path[len(path)-1] {
				which = i
			}
			all = append(all, span{m.Name.StartOffset + skip, m.Value.EndOffset + skip, m.Value.EndOffset + len(m.Value.AfterExtra) + skip})
		}
	case *hujson.Array:
		which, _ = strconv.Atoi(path[len(path)-1])
		for _, e := range t.Elements {
			all = append(all, span{e.StartOffset + skip, e.EndOffset + skip, e.EndOffset + len(e.AfterExtra) + skip})
		}
	}
	if which < 0 || which >= len(all) {
		return nil, ErrMoved
	}
	it := all[which]
	start := it.start
	for start > 0 && strings.ContainsRune(" \t", rune(d.text[start-1])) {
		start--
	}
	if start > 0 && d.text[start-1] == '\n' {
		start--
		if start > 0 && d.text[start-1] == '\r' {
			start--
		}
	}
	out := []splice{{start, it.end, ""}}
	switch {
	case it.comma < len(d.text) && d.text[it.comma] == ',' && it.comma == it.end:
		out[0].end = it.comma + 1
	case it.comma < len(d.text) && d.text[it.comma] == ',':
		out = append(out, splice{it.comma, it.comma + 1, ""})
	case which > 0:
		if c := all[which-1].comma; c < start {
			out = append(out, splice{c, c + 1, ""})
		} else {
			out[0].start = c
		}
	}
	return out, nil
}

func childJSON(v *hujson.Value, name string) *hujson.Value {
	switch t := v.Value.(type) {
	case *hujson.Object:
		for i := range t.Members {
			if t.Members[i].Name.Value.(hujson.Literal).String() == name {
				return &t.Members[i].Value
			}
		}
	case *hujson.Array:
		if i, err := strconv.Atoi(name); err == nil && i < len(t.Elements) {
			return &t.Elements[i]
		}
	}
	return v
}

// indentation is the whitespace at the beginning of the line that has position i.
func (d Document) indentation(i int) string {
	line := d.text[lineStart(d.text, i):i]
	line = bytes.TrimPrefix(line, []byte(bom))
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// indentUnit is what one step of indentation is in the file.
func (d Document) indentUnit() string {
	for line := range bytes.Lines(d.text) {
		rest := bytes.TrimLeft(line, " \t")
		if len(rest) < len(line) && bytes.IndexByte([]byte(`"{[`), rest[0]) >= 0 {
			return string(line[:len(line)-len(rest)])
		}
	}
	return "  "
}

func isBlank(text []byte) bool { return len(bytes.Trim(text, " \t\r\n"+bom)) == 0 }

// renderJSON writes a tree, whose first line stands behind something.
func renderJSON(tree any, indent, unit, nl string) string {
	var members []string
	open, end := "{", "}"
	switch t := tree.(type) {
	case Pairs:
		for _, p := range t {
			members = append(members, quoted(p.Key)+": "+renderJSON(p.Tree, indent+unit, unit, nl))
		}
	case []any:
		open, end = "[", "]"
		for _, item := range t {
			members = append(members, renderJSON(item, indent+unit, unit, nl))
		}
	case string:
		return quoted(t)
	}
	if len(members) == 0 {
		return open + end
	}
	inner := nl + indent + unit
	return open + inner + strings.Join(members, ","+inner) + nl + indent + end
}

// quoted is a text as JSON, YAML and TOML write it.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // strings always can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
