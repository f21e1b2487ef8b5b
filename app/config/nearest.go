package config

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnknownKey says that no setting has the name.
var ErrUnknownKey = errors.New("unknown setting")

// unknown is the error for a key that is not in the table.
func unknown(key string) error {
	if k := nearest(key); k != "" {
		return fmt.Errorf("%w %q: did you mean %s?", ErrUnknownKey, key, k)
	}
	return fmt.Errorf("%w %q: \"carpool config\" lists all", ErrUnknownKey, key)
}

// nearest is the key that a mistyped one most likely meant: the fewest edits
// away, counted with or without its section. "" if none is near.
func nearest(key string) string {
	key = strings.ToLower(key)
	best, found := max(len(key)/3, 2)+1, ""
	for _, e := range table {
		_, short, _ := strings.Cut(e.Key, ".")
		if d := min(edits(key, e.Key), edits(key, short)); d < best {
			best, found = d, e.Key
		}
	}
	return found
}

// edits is the Levenshtein distance in bytes. Keys are short, so that one that
// is not is far from all of them.
func edits(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
