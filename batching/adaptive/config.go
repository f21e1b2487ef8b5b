package adaptive

import (
	"cmp"
	"time"
)

// Config is what a user may set. The zero value of a field is its default.
type Config struct {
	Min     int           // the limit never falls below it; default 1
	Max     int           // the limit never rises above it, at least Min; default 32
	Start   int           // the first limit; default 4
	Latency time.Duration // time per token of one stream that sharing should not exceed; default 100 ms
	Reserve float64       // MiB of GPU memory to leave free; 0 = none

	// Fixed, when above 0, is the limit, always and whatever Min and Max are.
	// Slots are still detected and reported, and the token budget holds.
	Fixed int
}

// withDefaults fills in what is not set and puts the bounds in order.
func (c Config) withDefaults() Config {
	c.Min = max(1, c.Min)
	c.Max = max(c.Min, cmp.Or(max(c.Max, 0), 32))
	c.Start = min(max(cmp.Or(max(c.Start, 0), 4), c.Min), c.Max)
	c.Latency = cmp.Or(max(c.Latency, 0), 100*time.Millisecond)
	c.Reserve = max(c.Reserve, 0)
	c.Fixed = max(c.Fixed, 0)
	return c
}

// Facts are what the engine itself tells. Zero means not told.
type Facts struct {
	Slots        int     // requests it runs at once
	KVTokens     int     // tokens that the cache of all its slots holds together
	Preallocated bool    // the cache is taken when the model loads, so memory does not grow with requests
	MiBPerToken  float64 // cache memory of one token, from the model's metadata
}
