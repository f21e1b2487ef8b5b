package backends

import "fmt"

// SlotsAdvice says in a sentence what a person can change when the engine runs
// only so many requests for a model at once and more are waiting.
func (i Info) SlotsAdvice(model string, slots int) string {
	at := fmt.Sprintf("%s runs %d requests at once", i.Label, slots)
	if slots == 1 {
		at = i.Label + " runs one request at a time"
	}
	if i.single(model) {
		return at + " for models like " + model
	}
	switch {
	case i.Kind == KindOllama && slots == 1:
		return at + " (OLLAMA_NUM_PARALLEL is not set): set it to 4 and start Ollama again, and more can share the GPU"
	case i.ParallelHint != "":
		return at + ": " + i.ParallelHint + " for more, if the GPU has the memory"
	}
	return at
}

// single reports whether the engine runs one request of a model at a time
// whatever it was set to.
func (i Info) single(model string) bool {
	for _, m := range i.Models {
		if m.Name == model || m.Name == model+":latest" {
			return m.Slots == 1
		}
	}
	return false
}
