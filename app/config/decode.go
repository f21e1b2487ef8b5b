package config

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// ErrNewer says that a newer Carpool wrote the file. It is never overwritten.
var ErrNewer = errors.New("written by a newer carpool")

// Warning is something in the file that has no effect.
type Warning struct {
	File string
	Line int // 1 is the first; 0 = the file as a whole
	Text string
}

// String is one line for people.
func (w Warning) String() string {
	if w.Line == 0 {
		return w.File + ": " + w.Text
	}
	return w.File + ":" + strconv.Itoa(w.Line) + ": " + w.Text
}

// place is where a key is given a value, or a section begins.
type place struct {
	path       []string // "gateway", "listen"
	start, end int      // bytes of `listen = "…"`, or of the name in a header
	nameEnd    int      // end of the name as it is written
	line, col  int
}

func (p place) key() string { return strings.Join(p.path, ".") }

// outline is where everything stands in a file.
type outline struct {
	values   []place
	sections []place
}

// document is a file that has been read.
type document struct {
	outline
	version int // 0 = it names none
	config  Config
	given   map[string]place // by key: those the file sets, by alias too
	bad     map[string]bool  // by key: those given a value that cannot be used
	unknown []place
}

// decode reads the text of a file. Every error names file, line and column.
func decode(file string, text []byte) (document, error) {
	d := document{config: Default(), given: map[string]place{}, bad: map[string]bool{}}
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		return d, syntaxError(file, err)
	}
	var err error
	if d.outline, err = scan(text); err != nil {
		return d, fmt.Errorf("%s: %w", file, err)
	}
	if err := d.readVersion(file, tree); err != nil {
		return d, err
	}
	var bad []error
	for _, p := range d.values {
		if p.key() == "version" {
			continue
		}
		e, ok := find(p.key())
		if !ok {
			d.unknown = append(d.unknown, p)
			continue
		}
		if first, twice := d.given[e.Key]; twice {
			bad = append(bad, at(file, p, e.Key, fmt.Errorf("is set twice, first in line %d", first.line)))
			continue
		}
		d.given[e.Key] = p
		v, err := e.fromTOML(dig(tree, p.path))
		if err == nil {
			err = e.set(&d.config, v)
		}
		if err != nil {
			d.bad[e.Key] = true
			bad = append(bad, at(file, p, e.Key, err))
		}
	}
	if len(bad) == 0 {
		if err := d.config.Validate(); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", file, err))
		}
	}
	return d, errors.Join(bad...)
}

func (d *document) readVersion(file string, tree map[string]any) error {
	v, ok := tree["version"]
	if !ok {
		return nil
	}
	var p place
	for _, q := range d.values {
		if q.key() == "version" {
			p = q
		}
	}
	n, ok := v.(int64)
	if !ok || n < 0 {
		return at(file, p, "version", fmt.Errorf("must be a whole number, such as %d", Version))
	}
	if n > Version {
		return at(file, p, "version", fmt.Errorf("%d: the file was %w, this one knows version %d", n, ErrNewer, Version))
	}
	d.version = int(n)
	return nil
}

// warnings tells of the keys that have no effect.
func (d document) warnings(file string) []Warning {
	var all []Warning
	for _, p := range d.unknown {
		all = append(all, Warning{File: file, Line: p.line, Text: unknown(p.key()).Error() + " It has no effect."})
	}
	return all
}

func at(file string, p place, key string, err error) error {
	return fmt.Errorf("%s:%d:%d: %s: %w", file, p.line, p.col, key, err)
}

func syntaxError(file string, err error) error {
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, col := d.Position()
		return fmt.Errorf("%s:%d:%d: %s", file, line, col, strings.TrimPrefix(d.Error(), "toml: "))
	}
	return fmt.Errorf("%s: %w", file, err)
}

// fromTOML turns a decoded value into the type that e holds.
func (e entry) fromTOML(v any) (any, error) {
	switch e.initial.(type) {
	case bool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return nil, errors.New("must be true or false")
	case int:
		if n, ok := v.(int64); ok && int64(int(n)) == n {
			return int(n), nil
		}
		return nil, fmt.Errorf("must be a whole number (%s)", e.RangeUnit())
	case string:
		if s, ok := v.(string); ok {
			return s, nil
		}
		return nil, fmt.Errorf(`must be a text in "quotes" (%s)`, e.RangeUnit())
	}
	raw, ok := v.([]any)
	items := make([]string, 0, len(raw))
	for _, r := range raw {
		s, isText := r.(string)
		ok = ok && isText
		items = append(items, s)
	}
	if !ok {
		return nil, fmt.Errorf(`must be a list of texts, such as ["one", "two"] (%s)`, e.RangeUnit())
	}
	return items, nil
}

// dig finds the value at path; nil where there are no tables on the way.
func dig(tree map[string]any, path []string) any {
	for i, name := range path {
		v := tree[name]
		if i == len(path)-1 {
			return v
		}
		tree, _ = v.(map[string]any)
	}
	return nil
}

// scan finds where everything stands in a text that toml accepts.
func scan(text []byte) (outline, error) {
	var o outline
	var p unstable.Parser
	p.Reset(text)
	var section []string
	for p.NextExpression() {
		switch n := p.Expression(); n.Kind {
		case unstable.Table, unstable.ArrayTable:
			s := header(&p, n)
			section = s.path
			o.sections = append(o.sections, s)
		case unstable.KeyValue:
			o.values = appendValues(o.values, &p, n, section)
		}
	}
	return o, p.Error()
}

func header(p *unstable.Parser, n *unstable.Node) place {
	var s place
	for it := n.Key(); it.Next(); {
		if len(s.path) == 0 {
			s.start = int(it.Node().Raw.Offset)
		}
		s.path = append(s.path, string(it.Node().Data))
		s.end = int(it.Node().Raw.Offset + it.Node().Raw.Length)
		s.line = p.Shape(it.Node().Raw).Start.Line
	}
	return s
}

// appendValues adds n, or, if it is an inline table, what stands in it.
func appendValues(all []place, p *unstable.Parser, n *unstable.Node, prefix []string) []place {
	v := place{path: append([]string{}, prefix...)}
	for it := n.Key(); it.Next(); {
		v.path = append(v.path, string(it.Node().Data))
		v.nameEnd = int(it.Node().Raw.Offset + it.Node().Raw.Length)
	}
	if value := n.Value(); value.Kind == unstable.InlineTable {
		for it := value.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				all = appendValues(all, p, it.Node(), v.path)
			}
		}
		return all
	}
	v.start = int(n.Raw.Offset)
	v.end = v.start + len(bytes.TrimRight(p.Raw(n.Raw), " \t"))
	start := p.Shape(n.Raw).Start
	v.line, v.col = start.Line, start.Column
	return append(all, v)
}
