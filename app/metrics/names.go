package metrics

import (
	"strings"
	"sync"
)

const (
	// mostNames is how many names of one kind are told apart: each costs a
	// series of every metric that has it.
	mostNames = 100
	// longestName is in bytes.
	longestName = 120

	other   = "other"
	unknown = "unknown"
)

// names bounds how many values a label has. The zero value has none yet.
type names struct {
	mu    sync.Mutex
	known map[string]bool
}

// label is the value for a name: itself, or "other" once there are too many. A
// model is the same with and without ":latest".
func (n *names) label(name string) string {
	name = clean(strings.TrimSuffix(name, ":latest"))
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.known[name]:
		return name
	case len(n.known) >= mostNames:
		return other
	case n.known == nil:
		n.known = map[string]bool{}
	}
	n.known[name] = true
	return name
}

// clean makes a name fit for a label, which must be UTF-8. An empty one would
// be no label at all.
func clean(name string) string {
	if len(name) > longestName {
		name = name[:longestName]
	}
	name = strings.ToValidUTF8(name, "")
	if name == "" {
		return unknown
	}
	return name
}
