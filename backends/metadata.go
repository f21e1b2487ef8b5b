package backends

import "strings"

// metadata are a model's, by the keys of the GGUF format. Values are numbers,
// strings, bools, and slices of them; an engine may leave out what a slice holds.
type metadata map[string]any

func (kv metadata) text(key string) string {
	s, _ := kv[key].(string)
	return s
}

// number is a value that is one and no negative one, else 0.
func (kv metadata) number(key string) int {
	n, _ := natural(kv[key])
	return n
}

// numbers are those of a list, or the one that stands for it; nil = not told.
func (kv metadata) numbers(key string) []int {
	if n, ok := natural(kv[key]); ok {
		return []int{n}
	}
	list, _ := kv[key].([]any)
	all := make([]int, len(list))
	for i, v := range list {
		n, ok := natural(v)
		if !ok {
			return nil
		}
		all[i] = n
	}
	return all
}

// flags are those of a list; nil = not told.
func (kv metadata) flags(key string) []bool {
	list, _ := kv[key].([]any)
	var all []bool
	for _, v := range list {
		b, ok := v.(bool)
		if !ok {
			return nil
		}
		all = append(all, b)
	}
	return all
}

// has reports whether there is a key of a prefix.
func (kv metadata) has(prefix string) bool {
	for key := range kv {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// natural is a number from 0 to one that no model exceeds.
func natural(v any) (int, bool) {
	const most = 1 << 24
	var f float64
	switch v := v.(type) {
	case float64: // of JSON
		f = v
	case uint64: // of a GGUF file
		f = float64(v)
	default:
		return 0, false
	}
	if f >= 0 && f <= most {
		return int(f), true
	}
	return 0, false
}
