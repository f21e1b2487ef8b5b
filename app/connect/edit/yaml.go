package edit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlText is a text in which positions of YAML's nodes are found.
type yamlText struct {
	d     *Document
	lines []int // where each begins
}

// readYAML reads one document of YAML.
func (d *Document) readYAML(body []byte, skip int) error {
	// YAML has more ends of lines than editors show.
	if bytes.ContainsAny(bytes.ReplaceAll(body, []byte("\r\n"), nil), "\r\u0085\u2028\u2029\ufeff") {
		return errors.New("it has ends of lines of an unusual kind")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	var root yaml.Node
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF): // comments alone
		return d.holder(nil, func(name string, tree any) ([]splice, error) {
			return []splice{appended(d.text, renderYAML(name, tree, ""))}, nil
		})
	case err != nil:
		return fmt.Errorf("it does not parse: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("it holds several documents")
	}
	y := yamlText{d, []int{skip}}
	for i, c := range d.text {
		if c == '\n' {
			y.lines = append(y.lines, i+1)
		}
	}
	return y.walk(nil, root.Content[0])
}

// at is where a node begins: columns count characters.
func (y yamlText) at(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(y.lines) {
		return len(y.d.text)
	}
	i := y.lines[n.Line-1]
	rest := []rune(string(y.d.text[i:lineEnd(y.d.text, i)]))
	return i + len(string(rest[:min(max(n.Column-1, 0), len(rest))]))
}

func (y yamlText) walk(path []string, n *yaml.Node) error {
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return errors.New("it uses YAML's anchors")
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return y.scalar(path, n)
	case yaml.MappingNode:
		if err := y.d.holder(path, y.into(len(path) == 0, n)); err != nil {
			return err
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" || k.Anchor != "" {
				return errors.New("it has keys of an unusual kind")
			}
			if err := y.walk(join(path, k.Value), n.Content[i+1]); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		if err := y.d.holder(path, y.into(len(path) == 0, n)); err != nil {
			return err
		}
		for i, item := range n.Content {
			if err := y.walk(join(path, strconv.Itoa(i)), item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (y yamlText) scalar(path []string, n *yaml.Node) error {
	v := Value{Path: path, Text: n.Value}
	if n.ShortTag() != "!!str" {
		return y.d.note(v, n.ShortTag()+" ")
	}
	v.start, v.end = y.span(n)
	return y.d.note(v, textKind)
}

// span is where a text stands; 0, 0 if it takes several lines, or needs escapes.
func (y yamlText) span(n *yaml.Node) (start, end int) {
	start = y.at(n)
	rest := string(y.d.text[start:lineEnd(y.d.text, start)])
	raw := n.Value
	switch n.Style {
	case 0:
	case yaml.DoubleQuotedStyle:
		raw = `"` + n.Value + `"`
	case yaml.SingleQuotedStyle:
		raw = `'` + n.Value + `'`
	default:
		return 0, 0
	}
	if raw == "" || !strings.HasPrefix(rest, raw) || strings.ContainsAny(n.Value, "\"'\\") {
		return 0, 0
	}
	return start, start + len(raw)
}

// into adds to a mapping or a list: in a block, in lines of its own below the last one;
// in braces, behind the last single value.
func (y yamlText) into(outermost bool, n *yaml.Node) adder {
	return func(name string, tree any) ([]splice, error) {
		text := y.d.text
		if n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 {
			return y.intoFlow(n, name, tree)
		}
		start := y.at(n.Content[0]) // of the first key, or behind the dash
		if n.Kind == yaml.SequenceNode {
			dash := bytes.LastIndexByte(text[lineStart(text, start):start], '-')
			if dash < 0 {
				return nil, errPlace
			}
			start = lineStart(text, start) + dash
		}
		indent := strings.Repeat(" ", len([]rune(string(bytes.TrimPrefix(text[lineStart(text, start):start], []byte(bom))))))
		lines := renderYAML(name, tree, indent)
		if outermost {
			return []splice{appended(text, lines)}, nil
		}
		last := n.Content[len(n.Content)-1]
		for len(last.Content) > 0 {
			last = last.Content[len(last.Content)-1]
		}
		if last.Kind != yaml.ScalarNode || last.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			return nil, errPlace
		}
		i := lineEnd(text, y.at(last))
		nl := newline(text)
		return []splice{{i, i, nl + strings.Join(lines, nl)}}, nil
	}
}

func (y yamlText) intoFlow(n *yaml.Node, name string, tree any) ([]splice, error) {
	text, ok := tree.(string)
	if !ok {
		return nil, errPlace
	}
	with := quoted(text)
	if name != Item {
		with = name + ": " + with
	}
	if len(n.Content) == 0 {
		i := y.at(n) + 1
		return []splice{{i, i, with}}, nil
	}
	_, end := y.span(n.Content[len(n.Content)-1])
	if end == 0 {
		return nil, errPlace
	}
	return []splice{{end, end, ", " + with}}, nil
}

// plain are texts that YAML takes for a text without quotes.
var plain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./:@=-]*[A-Za-z0-9]$`)

// words are those that YAML takes for something else than a text.
var words = []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}

func yamlString(s string) string {
	if plain.MatchString(s) && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	return quoted(s)
}

// renderYAML writes a tree under its key, or as an item of a list, in lines without
// their ends.
func renderYAML(name string, tree any, indent string) []string {
	head := indent + name + ":"
	inner := indent + "  "
	if name == Item {
		head = indent + "-"
	}
	var lines []string
	switch t := tree.(type) {
	case string:
		return []string{head + " " + yamlString(t)}
	case Pairs:
		for _, p := range t {
			lines = append(lines, renderYAML(p.Key, p.Tree, inner)...)
		}
		if name == Item && len(lines) > 0 {
			lines[0] = head + " " + lines[0][len(inner):]
			return lines
		}
	case []any:
		for _, item := range t {
			lines = append(lines, renderYAML(Item, item, inner)...)
		}
	}
	return append([]string{head}, lines...)
}
