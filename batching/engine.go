package batching

// EngineState is what an engine tells of itself.
type EngineState struct {
	Loaded []string // models loaded right now; nil = not told
}
