package gpu

import (
	"strings"
	"time"
)

// appleMemory is what macOS tells of the memory that CPU and GPU share.
type appleMemory struct {
	chip      string // "Apple M3 Max"
	total     uint64 // bytes, of the machine; 0 where not told
	available uint64 // bytes that no program holds; at most total
	told      bool   // available is
	limit     uint64 // MiB that the GPU may have, as set by the user; 0 = the system's own choice
	pressure  uint32 // 1 normal, 2 short, 4 critical; 0 where not told
}

// reading is that of Apple's GPU. Its memory is the machine's own:
//
// MemoryTotal is what the GPU may have, if the user set that (sysctl
// iogpu.wired_limit_mb). If not, macOS chooses, and tells its choice to programs
// of its graphics library only (recommendedMaxWorkingSetSize of Metal; 67 to 84 %
// were seen, by machine and version): then it is all memory of the machine,
// which the GPU never gets whole.
//
// MemoryFree is what no program holds, as far as the GPU may have it, and
// MemoryUsed is the rest, whoever holds it: the GPU's part is not told apart, nor
// by process. Nor is utilization, power, temperature or clock told without
// root's rights.
func (m appleMemory) reading(now time.Time) Reading {
	r := Reading{At: now, Name: m.chip, Source: "Apple", Unified: true}
	if !strings.HasPrefix(m.chip, "Apple") {
		return Reading{At: now, Reason: "the GPU of a Mac with an Intel processor cannot be read"}
	}
	if m.total == 0 {
		r.Reason = "macOS does not tell how much memory there is"
		return r
	}
	r.Available = true
	total := m.total
	if limit := m.limit << 20; limit > 0 {
		total = min(limit, m.total)
	}
	r.MemoryTotal = &total
	if m.told {
		free := min(m.available, total)
		used := total - free
		r.MemoryFree, r.MemoryUsed = &free, &used
	}
	switch m.pressure {
	case 2:
		r.Throttle = []string{"memory is short"}
	case 4:
		r.Throttle = []string{"memory is critically short"}
	}
	return r
}
