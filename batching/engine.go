package batching

// EngineState is what an engine tells of itself.
type EngineState struct {
	Loaded []string // models loaded right now; nil = not told
}

// Switch is a model that took another one's place in its engine.
type Switch struct {
	Engine string
	From   string // what was loaded until then
	To     string
	Reason string // for people
}
