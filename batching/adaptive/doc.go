// Package adaptive finds how many requests of one model an engine should run at
// once. It is pure: times, counts and readings go in, a limit with its reason
// comes out; it has no clock, no goroutine, no lock and no I/O.
//
// A Governor watches one model on one engine:
//
//	g := adaptive.New(now, adaptive.Config{Min: 1, Max: 32})
//	g.Tell(now, adaptive.Facts{Slots: 4})            // if the engine says so
//	g.Released(now, id, adaptive.Work{Prompt: 600, MaxTokens: 2048, Streams: true})
//	g.Tokens(now, id, 1)                             // each chunk; the first call is the first token
//	g.Ended(now, id, adaptive.End{Outcome: adaptive.Served, Output: 40})
//	g.Memory(now, adaptive.Memory{Used: 5200, Total: 8000})
//	d := g.Tick(now, waiting, inFlight)              // d.Limit, d.Tokens, d.Reason
//
// It must be used by one goroutine at a time, with times that never go back.
// Equal calls give equal decisions. Unknown ids are ignored, so a governor may
// be put in place while requests run.
//
// It promises, whatever it is fed:
//   - Config.Min <= Decision.Limit <= Config.Max, and with Config.Fixed the limit is that.
//   - The limit rises only after that many streams were seen at once, after a probe that
//     found a free slot, when a cut is taken back, or when the engine itself told more slots.
//   - Every cut made to see whether it helps ends kept or taken back within 60 s.
//   - Time in which nothing runs, or in which a model loads, moves nothing.
//   - The time requests wait in our own queue is never an input.
//
// design.md says what each rule is for and where it comes from.
package adaptive
