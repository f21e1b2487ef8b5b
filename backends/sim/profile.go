package sim

import "time"

// KV says how an engine keeps its key-value cache.
type KV int

// The kinds of cache.
const (
	// Preallocated reserves Context tokens for every slot when a model loads.
	Preallocated KV = iota
	// Pool shares PoolTokens among the slots. When it is over full the newest
	// running request goes back to the head of the line and starts again.
	Pool
	// Dynamic takes memory for the tokens that running requests hold.
	Dynamic
)

// Profile is what a GPU can do. Its zero value does everything in no time; a
// field that is zero costs nothing and bounds nothing, unless it says otherwise.
type Profile struct {
	Name string

	A      float64 // seconds of every step
	C1     float64 // seconds for each decoding request up to Knee
	C2     float64 // seconds for each decoding request above Knee
	Knee   int
	KVRead float64 // seconds for each context token of the decoding requests

	Prefill float64 // prompt tokens per second; 0 = any number at once
	NBatch  int     // most tokens of one step; 0 = any number

	// Table, when set, takes the place of A, C1 and C2 while something
	// decodes: the seconds of a step with 1, 2, … decoding requests. Beyond its
	// end it goes on with its last slope.
	Table []float64

	// Request, when set, takes the place of steps: every request takes this
	// many seconds from its entry, whatever else runs, and emits all its tokens
	// at the end. It is an ideal backend for measuring a scheduler.
	Request float64

	Memory      float64 // MiB of the card; 0 = no bound
	Weights     float64 // MiB of a loaded model
	MiBPerToken float64
	KV          KV
	Context     int // tokens of a preallocated slot; 0 = 4096
	PoolTokens  int // of a Pool; 0 = no bound

	Load  float64 // seconds to load a model
	Spill float64 // each step takes this many times as long while memory is over full; below 1 = 1
}

// step returns how long a step takes that decodes the given number of requests
// with context tokens in all, and reads prompt tokens.
func (p Profile) step(decoding, context, prompt int) time.Duration {
	s := p.A
	if decoding > 0 {
		s = p.decode(decoding) + p.KVRead*float64(context)
	}
	if p.Prefill > 0 {
		s += float64(prompt) / p.Prefill
	}
	return seconds(s)
}

// decode returns the seconds that decoding requests cost without their context.
func (p Profile) decode(n int) float64 {
	last := len(p.Table)
	switch {
	case last == 0:
		knee := min(n, p.Knee)
		return p.A + p.C1*float64(knee) + p.C2*float64(n-knee)
	case n <= last:
		return p.Table[n-1]
	case last == 1:
		return p.Table[0]
	default:
		return p.Table[last-1] + float64(n-last)*(p.Table[last-1]-p.Table[last-2])
	}
}

func (p Profile) context() int {
	if p.Context > 0 {
		return p.Context
	}
	return 4096
}

func seconds(s float64) time.Duration { return time.Duration(s*float64(time.Second) + 0.5) }
