package scheduling

import (
	"time"

	"carpool/batching"
	"carpool/batching/adaptive"
)

// table is the reference gateway's controller: the limit follows free GPU
// memory, more than 90 %: 16, less than 50 %: 4, else 8. Source: the reference's
// adaptive batch size, kept in Carpool as adaptive.start = "table".
type table struct {
	deaf
	size int
}

// MemoryTable is the reference's table as a controller.
func MemoryTable() Policy {
	return moved("memory table", func(Scenario) limiter { return &table{size: 8} })
}

func (t *table) memory(_ time.Duration, m adaptive.Memory) {
	switch free := 1 - m.Used/m.Total; {
	case m.Total <= 0:
	case free > .9:
		t.size = 16
	case free < .5:
		t.size = 4
	default:
		t.size = 8
	}
}

func (t *table) limits(time.Duration, int, int) batching.Limits { return fixedSize(t.size) }
