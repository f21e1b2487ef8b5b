package gpu

// slowdowns are NVML's bits for why clocks are lower, the most telling first.
// Idle (1) and clocks that the user chose (2) are no slowdown.
var slowdowns = []struct {
	bit  uint64
	word string
}{
	{0x04, "power limit"},
	{0x20, "temperature"},
	{0x40, "temperature"}, // by the hardware
	{0x80, "power brake"},
	{0x08, "hardware slowdown"}, // that which of the two before says better
	{0x10, "clocks kept equal to other GPUs"},
	{0x100, "display setting"},
	{0x200, "board limit"},
	{0x400, "reliability limit"},
}

const (
	notSlower = 0x01 | 0x02
	known     = 0x7ff
)

// throttle keeps the words of the reasons of the reading before: they change
// seldom.
type throttle struct {
	reasons uint64
	last    []string
}

// words are not nil.
func (t *throttle) words(reasons uint64) []string {
	reasons &^= notSlower
	if t.last == nil || reasons != t.reasons {
		t.reasons, t.last = reasons, slower(reasons)
	}
	return t.last
}

func slower(reasons uint64) []string {
	if reasons&(0x40|0x80) != 0 {
		reasons &^= 0x08
	}
	if reasons&0x20 != 0 {
		reasons &^= 0x40
	}
	words := []string{}
	for _, s := range slowdowns {
		if reasons&s.bit != 0 {
			words = append(words, s.word)
		}
	}
	if reasons&^known != 0 {
		words = append(words, "another reason")
	}
	return words
}
