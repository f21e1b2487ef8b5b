package gpu

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAppleSharesItsMemory(t *testing.T) {
	const gib = 1 << 30
	mac := appleMemory{chip: "Apple M3 Max", total: 64 * gib, available: 40 * gib, told: true, pressure: 1}
	for name, c := range map[string]struct {
		change func(*appleMemory)
		want   string // used, free, total in GiB
	}{
		"AllOfTheMachine":      {func(*appleMemory) {}, "24 40 64 "},
		"AsMuchAsTheUserSet":   {func(m *appleMemory) { m.limit = 56 << 10 }, "16 40 56 "},
		"LessThanIsFree":       {func(m *appleMemory) { m.limit = 32 << 10 }, "0 32 32 "},
		"NotMoreThanThereIs":   {func(m *appleMemory) { m.limit = 128 << 10 }, "24 40 64 "},
		"FreeNotTold":          {func(m *appleMemory) { m.told = false }, "? ? 64 "},
		"Short":                {func(m *appleMemory) { m.pressure = 2 }, "24 40 64 memory is short"},
		"CriticallyShort":      {func(m *appleMemory) { m.pressure = 4 }, "24 40 64 memory is critically short"},
		"PressureNotTold":      {func(m *appleMemory) { m.pressure = 0 }, "24 40 64 "},
		"MemoryNotTold":        {func(m *appleMemory) { m.total = 0 }, "macOS does not tell how much memory there is"},
		"IntelProcessor":       {func(m *appleMemory) { m.chip = "Intel(R) Core(TM) i9" }, "the GPU of a Mac with an Intel processor cannot be read"},
		"ProcessorWithoutName": {func(m *appleMemory) { m.chip = "" }, "the GPU of a Mac with an Intel processor cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			m := mac
			c.change(&m)
			now := time.Now()
			r := m.reading(now)
			got := r.Reason
			if r.Available {
				part := func(v *uint64) string {
					if v == nil {
						return "?"
					}
					return fmt.Sprint(*v / gib)
				}
				got = strings.Join([]string{part(r.MemoryUsed), part(r.MemoryFree), part(r.MemoryTotal), strings.Join(r.Throttle, ", ")}, " ")
				if !r.Unified || r.Name != "Apple M3 Max" || r.Utilization != nil || r.Processes != nil {
					t.Errorf("reading %+v", r)
				}
			}
			requireSame(t, "reading", got, c.want)
			if !r.At.Equal(now) || r.Available == (r.Reason != "") {
				t.Errorf("reading %+v", r)
			}
		})
	}
}
