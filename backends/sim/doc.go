// Package sim is a GPU that runs language models, as a discrete-event machine:
// values in, events and the time of the next one out. It has no goroutine, no
// clock and no I/O, so a benchmark runs an hour of it in a moment of virtual
// time, and the demo engine runs the same code against the wall clock.
//
// Times are durations since the machine's start. Every method that takes a time
// first brings the machine up to it; a time before the last one counts as the
// last one. Equal calls give equal events: nothing is random.
//
// # The machine
//
// Each model has a number of slots and one model is loaded at a time. Requests
// wait in one strict line over all models, as in Ollama's scheduler: the head
// enters a free slot if its model is loaded; if it is not, nobody enters until
// the running ones have ended, and then the model is loaded, which empties every
// slot's cache.
//
// Work is done in steps. A step moves every decoding request on by one token
// and at most NBatch less that many prompt tokens of those still reading their
// prompt, in order of entry. The step that ends a prompt emits its first token.
//
// A slot keeps the prefix of its last request. A request enters a slot that
// holds its prefix if one is free, and then that part of its prompt needs no
// work; else it enters the one used longest ago.
//
//	m := sim.New(sim.Config{Profile: sim.GPU(), Models: []sim.Model{{Name: "m", Slots: 4}}, Loaded: "m"})
//	m.Submit(0, sim.Job{ID: 1, Model: "m", Prompt: 600, Output: 40})
//	for {
//		at, ok := m.Next()
//		if !ok {
//			break
//		}
//		for _, e := range m.Advance(at) {
//			fmt.Println(e.At, e.Kind, e.Job, e.Tokens)
//		}
//	}
package sim
