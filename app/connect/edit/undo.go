package edit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ErrMoved says that what was changed is not there any more as it was written.
var ErrMoved = errors.New("what Carpool had written there was changed since")

// Undo takes back what Change did, in a file that was changed by others since: values
// that are still as they were set get their old text, trees that were added and are
// still whole are taken out. All or nothing: it is ErrMoved if one is not there.
func (d Document) Undo(done Done) ([]byte, error) {
	var all []splice
	expected := maps.Clone(d.flat)
	used := map[int]bool{}
	var gone [][]string
	for _, p := range done.Adds {
		made, err := d.locate(p)
		if err != nil {
			return nil, err
		}
		s, err := d.without(p, made)
		if err != nil {
			return nil, err
		}
		all, gone = append(all, s...), append(gone, made)
	}
	rest := slices.Clone(d.values)
	for i, v := range rest {
		if slices.ContainsFunc(gone, func(made []string) bool { return within(key(v.Path), made) }) {
			rest[i].end = 0 // it is no value that was set
		}
	}
	for _, s := range done.Sets {
		i, err := d.find(rest, s, done.Sets, used)
		if err != nil {
			return nil, err
		}
		used[i] = true
		with, err := d.written(rest[i], s.Old)
		if err != nil {
			return nil, err
		}
		all = append(all, splice{rest[i].start, rest[i].end, with})
		expected[key(rest[i].Path)] = textKind + s.Old
	}
	for _, made := range slices.Backward(gone) {
		drop(expected, made)
	}
	text, err := apply(d.text, all)
	if err != nil {
		return nil, err
	}
	got, err := Parse(d.format, text)
	if err != nil || !same(got.flat, expected) {
		return nil, errors.Join(ErrMoved, err)
	}
	return text, nil
}

// find is the value that was set. In a list it may have moved: of several that were set
// to the same it is known by what stands beside it.
func (d Document) find(values []Value, s Set, sets []Set, used map[int]bool) (int, error) {
	var all, free, beside []int
	for i, v := range values {
		if v.Text != s.New || v.end == 0 || !slices.Equal(loose(v.Path), loose(s.Path)) {
			continue
		}
		all = append(all, i)
		if used[i] {
			continue
		}
		free = append(free, i)
		if d.beside(v.Path) == s.Beside {
			beside = append(beside, i)
		}
	}
	alike, equal := 0, true // those that were set to the same
	for _, other := range sets {
		if other.New == s.New && slices.Equal(loose(other.Path), loose(s.Path)) {
			alike++
			equal = equal && other.Old == s.Old
		}
	}
	switch {
	case len(all) != alike:
	case equal:
		return free[0], nil
	case len(beside) == 1:
		return beside[0], nil
	}
	return 0, ErrMoved
}

// beside stands for the single values that are in the same mapping as a value.
func (d Document) beside(path []string) string {
	parent := path[:len(path)-1]
	var all []string
	for k, v := range d.flat {
		if parts := strings.Split(k, "\x00"); len(parts) == len(path) && within(k, parent) && k != key(path) {
			all = append(all, parts[len(parent)]+"\x00"+v)
		}
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\x00")))
	return hex.EncodeToString(sum[:])
}

// loose is a path with no places in lists.
func loose(path []string) []string {
	out := slices.Clone(path)
	for i, p := range out {
		if _, err := strconv.Atoi(p); err == nil {
			out[i] = "#"
		}
	}
	return out
}

// locate is the path of what was made, whole and with nothing added to it; in a list it
// may have moved.
func (d Document) locate(p Put) ([]string, error) {
	paths := [][]string{p.Made}
	if p.Path[len(p.Made)-1] == Item {
		list := p.Made[:len(p.Made)-1]
		for i := range d.length(list) {
			paths = append(paths, join(list, strconv.Itoa(i)))
		}
	}
	for _, path := range paths {
		want := map[string]string{}
		for _, h := range p.Holds {
			want[key(join(path, h.Path...))] = textKind + h.Text
		}
		got := maps.Clone(d.flat)
		maps.DeleteFunc(got, func(k, _ string) bool { return !within(k, path) })
		if maps.Equal(got, want) {
			return path, nil
		}
	}
	return nil, ErrMoved
}

// within tells whether a key is that of a path or of something below it.
func within(k string, path []string) bool {
	return len(path) == 0 || k == key(path) || strings.HasPrefix(k, key(path)+"\x00")
}

// without takes out what was put in.
func (d Document) without(p Put, made []string) ([]splice, error) {
	if d.format == JSON {
		return d.withoutJSON(made)
	}
	first := slices.IndexFunc(d.values, func(v Value) bool { return slices.Equal(v.Path, join(made, p.Holds[0].Path...)) })
	if first < 0 {
		return nil, ErrMoved
	}
	// The same bytes may stand elsewhere: those around the first value are meant.
	for at := 0; ; at++ {
		i := bytes.Index(d.text[at:], []byte(p.Bytes))
		if i < 0 {
			break
		}
		at += i
		if v := d.values[first]; at <= v.start && v.end <= at+len(p.Bytes) {
			return []splice{{at, at + len(p.Bytes), ""}}, nil
		}
	}
	if s, ok := d.lastLines(p.Bytes); ok { // the text may have got or lost its last end of line
		return []splice{s}, nil
	}
	return nil, ErrMoved
}

// lastLines finds added lines at the end of the text, whatever the last one ends with.
func (d Document) lastLines(added string) (splice, bool) {
	lines := strings.Trim(added, "\r\n")
	i := bytes.Index(d.text, []byte(lines))
	if i < 0 || bytes.Count(d.text, []byte(lines)) != 1 || lineStart(d.text, i) != i {
		return splice{}, false
	}
	end := i + len(lines)
	switch rest := string(d.text[end:]); {
	case rest == "", rest == "\n", rest == "\r\n":
		return splice{i, len(d.text), ""}, true
	case strings.HasPrefix(rest, "\r\n"):
		return splice{i, end + 2, ""}, true
	case strings.HasPrefix(rest, "\n"):
		return splice{i, end + 1, ""}, true
	}
	return splice{}, false
}

// drop takes a path out of the values, and moves those of a list that stood behind it.
func drop(flat map[string]string, path []string) {
	maps.DeleteFunc(flat, func(k, _ string) bool { return within(k, path) })
	n, err := strconv.Atoi(path[len(path)-1])
	if err != nil {
		return
	}
	list := path[:len(path)-1]
	moved := map[string]string{}
	for k, v := range flat {
		if !within(k, list) {
			continue
		}
		parts := strings.Split(k, "\x00")
		if i, err := strconv.Atoi(parts[len(list)]); err == nil && i > n {
			parts[len(list)] = strconv.Itoa(i - 1)
			delete(flat, k)
			moved[key(parts)] = v
		}
	}
	maps.Copy(flat, moved)
}
