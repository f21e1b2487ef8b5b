package edit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// readTOML reads TOML. Tables are added at the end of the file alone.
func (d *Document) readTOML(body []byte, skip int) error {
	var tree map[string]any
	if err := toml.Unmarshal(body, &tree); err != nil {
		return fmt.Errorf("it does not parse: %s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	if err := d.flattenTOML(nil, tree); err != nil {
		return err
	}
	d.values = nil // those that can be replaced come with their places
	var p unstable.Parser
	p.Reset(body)
	var section []string
	lists := map[string]int{}
	for p.NextExpression() {
		switch n := p.Expression(); n.Kind {
		case unstable.Table, unstable.ArrayTable:
			section = nil
			for it := n.Key(); it.Next(); {
				section = append(section, string(it.Node().Data))
				if i, ok := lists[key(section)]; ok && (!it.IsLast() || n.Kind == unstable.Table) {
					section = append(section, strconv.Itoa(i))
				}
			}
			if n.Kind == unstable.ArrayTable {
				i, again := lists[key(section)]
				if again {
					i++
				}
				lists[key(section)] = i
				section = append(section, strconv.Itoa(i))
			}
		case unstable.KeyValue:
			d.placeTOML(section, n, skip)
		}
	}
	return p.Error()
}

func (d *Document) placeTOML(prefix []string, n *unstable.Node, skip int) {
	path := join(prefix)
	for it := n.Key(); it.Next(); {
		path = append(path, string(it.Node().Data))
	}
	switch v := n.Value(); v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				d.placeTOML(path, it.Node(), skip)
			}
		}
	case unstable.String:
		value := Value{Path: path, Text: string(v.Data), start: int(v.Raw.Offset) + skip}
		value.end = value.start + int(v.Raw.Length)
		if raw := string(d.text[value.start:value.end]); raw != `"`+value.Text+`"` && raw != `'`+value.Text+`'` {
			value.start, value.end = 0, 0
		}
		d.values = append(d.values, value)
	}
}

func (d *Document) flattenTOML(path []string, v any) error {
	switch t := v.(type) {
	case map[string]any:
		if err := d.holder(path, d.intoTOML(path)); err != nil {
			return err
		}
		for k, inner := range t {
			if err := d.flattenTOML(join(path, k), inner); err != nil {
				return err
			}
		}
	case []any:
		if err := d.holder(path, func(string, any) ([]splice, error) { return nil, errPlace }); err != nil {
			return err
		}
		for i, inner := range t {
			if err := d.flattenTOML(join(path, strconv.Itoa(i)), inner); err != nil {
				return err
			}
		}
	case string:
		return d.note(Value{Path: path, Text: t}, textKind)
	default:
		return d.note(Value{Path: path, Text: fmt.Sprintf("%T %v", v, v)}, "other ")
	}
	return nil
}

// intoTOML adds a table of texts at the end of the file.
func (d *Document) intoTOML(path []string) adder {
	return func(name string, tree any) ([]splice, error) {
		at := join(path, name)
		pairs, ok := tree.(Pairs)
		for ok && len(pairs) == 1 {
			inner, deeper := pairs[0].Tree.(Pairs)
			if !deeper {
				break
			}
			at, pairs = append(at, pairs[0].Key), inner
		}
		lines := []string{"[" + strings.Join(at, ".") + "]"}
		for _, p := range pairs {
			text, isText := p.Tree.(string)
			ok = ok && isText
			lines = append(lines, p.Key+" = "+quoted(text))
		}
		if !ok {
			return nil, errPlace
		}
		if len(d.text) > 0 {
			lines = append([]string{""}, lines...)
		}
		return []splice{appended(d.text, lines)}, nil
	}
}
