package backends

import "fmt"

// SlotsAdvice says in a sentence what a person can change when the engine runs
// only so many requests for a model at once and more are waiting; "" = nothing.
func (i Info) SlotsAdvice(model string, slots int) string {
	switch {
	case i.ParallelHint == "" || i.single(model):
		return ""
	case i.Kind == KindOllama && slots == 1:
		return "Ollama runs one request at a time (OLLAMA_NUM_PARALLEL is not set): set it to 4 and start Ollama again, so that more can share the GPU"
	case slots == 1:
		return i.Label + " runs one request at a time: " + i.ParallelHint
	}
	return fmt.Sprintf("%s runs %d requests at once: %s for more, if the GPU has the memory", i.Label, slots, i.ParallelHint)
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
