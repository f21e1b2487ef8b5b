package launch

import (
	"cmp"
	"fmt"
)

// Memory is that of the GPU, in bytes; 0 = not known.
type Memory struct {
	Free  uint64
	Total uint64
}

const (
	usualSlots = 4  // where memory says nothing
	mostSlots  = 16 // more gain little on one desktop's GPU, and split its memory

	// tokenBytes is what one token of context takes: 32 layers, 8 heads of 128,
	// keys and values, two bytes each, as in models of about 8 billion parameters.
	// Few that run on a desktop take more.
	tokenBytes = 128 << 10

	gib = 1 << 30
)

// fit is how many slots of so many tokens the GPU's memory carries beside a
// model of so many bytes (0 = not known: half of the GPU is kept for it) of which
// a token takes so many bytes (0 = not known: as usual), from 1 to 16, and why.
func (m Memory) fit(context int, model, token uint64) (slots int, why string) {
	if m.Total == 0 || m.Free == 0 {
		return usualSlots, counted(usualSlots) + ", since the GPU's memory is not known"
	}
	reserved, whose := m.Total/2, "half of it for the model"
	if model > 0 {
		reserved, whose = model+m.Total/10, "less the model's"
	}
	each := uint64(context) * cmp.Or(token, tokenBytes)
	rest := m.Free - min(m.Free, reserved)
	slots = int(min(max(rest/each, 1), mostSlots))
	return slots, fmt.Sprintf("%s of %d tokens: about %.1f GiB each, and %.1f GiB of the GPU's %.1f are free, %s",
		counted(slots), context, float64(each)/gib, float64(m.Free)/gib, float64(m.Total)/gib, whose)
}

// OllamaContext is the context, in tokens, that Ollama gives a request that asks
// for none: it goes by the GPU's memory. Its largest, 262,144, is more than
// models are trained for.
func (m Memory) OllamaContext() int {
	switch {
	case m.Total >= 47*gib:
		return 131072
	case m.Total >= 23*gib:
		return 32768
	}
	return 4096
}

func counted(slots int) string {
	if slots == 1 {
		return "1 slot"
	}
	return fmt.Sprintf("%d slots", slots)
}
