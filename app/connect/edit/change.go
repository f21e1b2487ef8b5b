package edit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// splice replaces the bytes start to end of a text.
type splice struct {
	start, end int
	with       string
}

// Set is a value that gets another text.
type Set struct {
	Path []string `json:"path"`
	Old  string   `json:"old"`
	New  string   `json:"new"`
	// Beside stands for what is beside it; Change fills it in.
	Beside string `json:"beside,omitempty"`
}

// Add is a tree that is put where nothing is yet. Path is that of the tree itself; its
// last element is Item for the end of a list. What is missing on the way is made.
// Tree is a string, Pairs or a []any of these.
type Add struct {
	Path []string
	Tree any
}

// Pair is a key with its tree, Pairs a mapping in order.
type Pair struct {
	Key  string
	Tree any
}

// Pairs is a mapping in order.
type Pairs []Pair

// Done is what was changed, for Undo.
type Done struct {
	Sets []Set `json:"sets,omitempty"`
	Adds []Put `json:"adds,omitempty"`
}

// Put is a tree that was added.
type Put struct {
	Path  []string `json:"path"`  // as in Add
	Made  []string `json:"made"`  // the outermost that was made for it
	Bytes string   `json:"bytes"` // what was put into the file
	Holds []Held   `json:"holds"` // its values
}

// Held is a value of a tree, by its path inside what was made.
type Held struct {
	Path []string `json:"path"`
	Text string   `json:"text"`
}

// Change returns the file with values replaced and trees added. It fails, in a
// sentence, where that cannot be done so that nothing else changes.
func (d Document) Change(sets []Set, adds []Add) ([]byte, Done, error) {
	var all []splice
	var done Done
	expected := maps.Clone(d.flat)
	for _, s := range sets {
		i := slices.IndexFunc(d.values, func(v Value) bool { return slices.Equal(v.Path, s.Path) && v.Text == s.Old })
		if i < 0 || d.values[i].end == 0 {
			return nil, done, fmt.Errorf("%q is written in a way that cannot be replaced for certain", strings.Join(s.Path, "."))
		}
		v := d.values[i]
		with, err := d.written(v, s.New)
		if err != nil {
			return nil, done, err
		}
		all = append(all, splice{v.start, v.end, with})
		expected[key(s.Path)] = textKind + s.New
		s.Beside = d.beside(s.Path)
		done.Sets = append(done.Sets, s)
	}
	for _, a := range adds {
		put, splices, err := d.added(a)
		if err != nil {
			return nil, done, err
		}
		all = append(all, splices...)
		for _, h := range put.Holds {
			expected[key(join(put.Made, h.Path...))] = textKind + h.Text
		}
		done.Adds = append(done.Adds, put)
	}
	text, err := apply(d.text, all)
	if err != nil {
		return nil, done, err
	}
	got, err := Parse(d.format, text)
	if err != nil || !same(got.flat, expected) {
		return nil, done, errors.Join(errPlace, err)
	}
	return text, done, nil
}

// textKind begins what flat holds of a text.
const textKind = "text "

// written is a text in the quotes that the value has now.
func (d Document) written(v Value, text string) (string, error) {
	quote := ""
	if c := d.text[v.start]; c == '"' || c == '\'' {
		quote = string(c)
	}
	if strings.ContainsAny(text, "\"'\\\r\n #") {
		return "", fmt.Errorf("%q cannot be written there for certain", text)
	}
	return quote + text + quote, nil
}

// added finds the outermost mapping or list that is there, and wraps the tree in what
// is missing below it.
func (d Document) added(a Add) (Put, []splice, error) {
	n := len(a.Path) - 1
	for ; ; n-- {
		if _, taken := d.flat[key(a.Path[:n])]; taken && n > 0 {
			return Put{}, nil, fmt.Errorf("%q holds something else than was expected", strings.Join(a.Path[:n], "."))
		}
		if _, ok := d.add[key(a.Path[:n])]; ok {
			break
		}
		if n == 0 {
			return Put{}, nil, errPlace
		}
	}
	if d.taken(a.Path[:n+1]) {
		return Put{}, nil, fmt.Errorf("it already has %q", strings.Join(a.Path[:n+1], "."))
	}
	tree := a.Tree
	for i := len(a.Path) - 1; i > n; i-- {
		if a.Path[i] == Item {
			tree = []any{tree}
		} else {
			tree = Pairs{{a.Path[i], tree}}
		}
	}
	splices, err := d.add[key(a.Path[:n])](a.Path[n], tree)
	if err != nil {
		return Put{}, nil, err
	}
	put := Put{Path: a.Path, Made: join(a.Path[:n], a.Path[n]), Holds: held(nil, tree)}
	if a.Path[n] == Item {
		put.Made[n] = fmt.Sprint(d.length(a.Path[:n]))
	}
	for _, s := range splices {
		if len(s.with) > len(put.Bytes) {
			put.Bytes = s.with
		}
	}
	return put, splices, nil
}

// taken tells whether anything stands at a path or below it.
func (d Document) taken(path []string) bool {
	if path[len(path)-1] == Item {
		return false
	}
	_, value := d.flat[key(path)]
	return value || d.Has(path...)
}

// length is how many items the list at a path has.
func (d Document) length(path []string) int {
	for n := 0; ; n++ {
		if !d.taken(join(path, fmt.Sprint(n))) {
			return n
		}
	}
}

// held lists the values of a tree.
func held(path []string, tree any) []Held {
	var all []Held
	switch t := tree.(type) {
	case string:
		return []Held{{path, t}}
	case Pairs:
		for _, p := range t {
			all = append(all, held(join(path, p.Key), p.Tree)...)
		}
	case []any:
		for i, item := range t {
			all = append(all, held(join(path, fmt.Sprint(i)), item)...)
		}
	}
	return all
}

// apply puts splices into a text. They may stand in any order and must not overlap.
func apply(text []byte, all []splice) ([]byte, error) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b splice) int { return a.start - b.start })
	var out []byte
	at := 0
	for _, s := range all {
		if s.start < at || s.end > len(text) {
			return nil, errPlace
		}
		out = append(append(out, text[at:s.start]...), s.with...)
		at = s.end
	}
	return append(out, text[at:]...), nil
}
