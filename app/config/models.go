package config

import (
	"strconv"
	"strings"
)

// NumCtxOf is the size of context of each listed model in tokens, 0 for the
// model's own. Names are in lower case and without ":latest", as engines compare
// them.
func (m Models) NumCtxOf() map[string]int {
	sizes := make(map[string]int, len(m.NumCtx))
	for _, item := range m.NumCtx {
		model, size := pair(item)
		n, _ := strconv.Atoi(size) // "default" is 0
		sizes[strings.TrimSuffix(strings.ToLower(model), ":latest")] = n
	}
	return sizes
}
