package backends

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// inspectMost is how many models one probe asks for their metadata, those that
// are loaded first.
const inspectMost = 8

// memories are what was read of models, by name and content. They are never
// changed, only replaced.
type memories map[string]ModelMemory

func memoryKey(m Model) string { return m.Name + "@" + m.Digest + "@" + m.file }

// inspect reads the metadata of models of which they are not known yet. What
// cannot be read is not asked for again; what did not come in time is.
func (l look) inspect(ctx context.Context, by maker, models []Model) memories {
	ctx, cancel := context.WithTimeout(ctx, studyTimeout)
	defer cancel()
	unknown := slices.DeleteFunc(slices.Clone(models), func(m Model) bool {
		_, known := l.known[memoryKey(m)]
		return known
	})
	slices.SortStableFunc(unknown, func(a, b Model) int {
		switch {
		case a.Loaded == b.Loaded:
			return 0
		case a.Loaded:
			return -1
		}
		return 1
	})
	read := memories{}
	for _, m := range unknown[:min(len(unknown), inspectMost)] {
		memory, err := by.inspect(ctx, l.client(l.key(by.kind)), l.url, m)
		if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
			break
		}
		read[memoryKey(m)] = memory
	}
	return read
}

// with are the memories of the models that are listed, those that were read now
// among them. It tells each model its own.
func (all memories) with(read memories, models []Model) memories {
	next := memories{}
	for i := range models {
		m := &models[i]
		key := memoryKey(*m)
		memory, known := read[key]
		if !known {
			memory, known = all[key]
		}
		if known {
			next[key] = memory
		}
		memory.ContextMax = cmp.Or(memory.ContextMax, m.Memory.ContextMax)
		memory.WeightBytes, memory.LoadedBytes = uint64(max(m.Size, 0)), m.Memory.LoadedBytes
		m.Memory = memory
	}
	return next
}
