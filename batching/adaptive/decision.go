package adaptive

import "time"

// Decision is what holds from now on.
type Decision struct {
	Limit   int    // most requests in flight
	Tokens  int    // most tokens held in flight, those still to come included; 0 = no bound
	Largest int    // most tokens that one request can hold with nothing beside it; 0 = not known for certain
	Reason  string // why, in a short sentence for people
	Changed bool   // worth a line in the log: the limit, the slots or what bounds the tokens is another
}

// SlotSource says how the number of the engine's slots is known.
type SlotSource string

// The sources. The zero value means that the slots are not known.
const (
	Told          SlotSource = "told"         // by the engine
	ByEngineWait  SlotSource = "engine wait"  // from the time it held requests back
	ByFirstTokens SlotSource = "first tokens" // a request had no first token until another one ended
	ByPeakStreams SlotSource = "streams seen" // more were let in than ever ran at once
	unknownSlots  SlotSource = ""
)

// Cap says what holds the limit where it is.
type Cap string

// The caps. The zero value means that only the load does: it did not yet ask for
// more.
const (
	BySlots   Cap = "slots"             // the engine runs no more at once
	ByKnee    Cap = "speed"             // more at once were slower
	ByLatency Cap = "latency"           // more would slow each stream beyond Config.Latency
	ByMemory  Cap = "memory"            // tokens in flight, not requests, are the bound
	ByUnknown Cap = "unmeasured memory" // neither memory nor the engine's cache can be seen
	ByMax     Cap = "maximum"           // Config.Max
	ByFixed   Cap = "fixed"             // Config.Fixed
	ByOthers  Cap = "another program"
	ByEngine  Cap = "engine" // it failed or refused a moment ago
)

// Phase is what the governor is doing.
type Phase string

// The phases.
const (
	Starting Phase = "starting"  // growing as fast as streams prove it
	Steady   Phase = "steady"    // growing one at a time
	Probing  Phase = "probe"     // one more than the known slots, to see if there is another one
	Trying   Phase = "trial"     // a cut that is kept only if it helps
	Holding  Phase = "hold"      // no growth for a while
	HalfOpen Phase = "half-open" // one request at a time until the engine answers again
	Constant Phase = "fixed"     // Config.Fixed
)

// State is what a governor knows, for display.
type State struct {
	Limit  int
	Tokens int // budget as in Decision
	Reason string
	Cap    Cap
	Phase  Phase

	Slots       int // requests the engine runs at once; 0 = not known
	SlotsBy     SlotSource
	Streams     int           // running now
	Peak        int           // most streams seen at once since the last reset
	Latency     time.Duration // most time per token that the governor accepts
	MiBPerToken float64       // cache memory of one token; 0 = none, or not known
	Measured    bool          // MiBPerToken was measured, not assumed
	Levels      []Level       // by streams, ascending; only those that were measured
}

// Level is the speed measured while a number of streams ran.
type Level struct {
	Streams int
	Gap     time.Duration // between two tokens of one stream
	Rate    float64       // tokens per second of all streams together
	Gaps    int           // measured since the level was last cleared
}
