package scheduling

import (
	"strconv"
	"time"

	"carpool/batching"
	"carpool/batching/adaptive"
)

// Policy is a way to run the gateway: the scheduler's settings and, if it has
// one, what moves the limit.
type Policy struct {
	Name     string
	Settings batching.Settings

	// limiter makes what moves one model's limit; nil = the settings hold.
	limiter func(Scenario) limiter
	// shared means that one limiter serves all models.
	shared bool
}

// limiter moves a limit by what a gateway can see. Times are since the start of
// the run; a baseline embeds deaf and overrides what it listens to.
type limiter interface {
	released(now time.Duration, r *request)
	tokens(now time.Duration, r *request, n int)
	ended(now time.Duration, r *request)
	memory(now time.Duration, m adaptive.Memory)
	restarted(now time.Duration)
	// limits is asked on each arrival and completion and every 100 ms while
	// anything waits or runs.
	limits(now time.Duration, waiting, inFlight int) batching.Limits
}

// deaf hears nothing.
type deaf struct{}

func (deaf) released(time.Duration, *request)      {}
func (deaf) tokens(time.Duration, *request, int)   {}
func (deaf) ended(time.Duration, *request)         {}
func (deaf) memory(time.Duration, adaptive.Memory) {}
func (deaf) restarted(time.Duration)               {}

// start and ceiling bound every policy that moves the limit.
const (
	start   = 4
	ceiling = 32
)

func fixedSize(n int) batching.Limits { return batching.Limits{Mode: batching.Fixed, Size: n} }

// firstIn is the settings of every policy that is compared by its limit only:
// first come, first served.
func firstIn(l batching.Limits) batching.Settings {
	return batching.Settings{Limits: l, MaxWaiting: 1 << 30, Order: batching.Arrival}
}

// Serial is one request at a time: batching switched off.
func Serial() Policy {
	return Policy{Name: "serial", Settings: firstIn(batching.Limits{Mode: batching.Serial})}
}

// Static is the reference gateway's batch: flushed at 8 or after 50 ms, run with
// a barrier.
func Static() Policy {
	return Policy{Name: "static 8/50", Settings: firstIn(batching.Limits{
		Mode: batching.Static, Size: 8, Wait: 50 * time.Millisecond, Parallel: 1})}
}

// FixedAt is n in flight, refilled at once.
func FixedAt(n int) Policy {
	return Policy{Name: "fixed " + strconv.Itoa(n), Settings: firstIn(fixedSize(n))}
}

// Direct lets everything straight into the engine, whose own line is strictly
// first in, first out over all models.
func Direct() Policy {
	return Policy{Name: "straight to the engine", Settings: firstIn(batching.Limits{Mode: batching.Passthrough})}
}

// moved is a policy whose limit a limiter moves.
func moved(name string, make func(Scenario) limiter) Policy {
	return Policy{Name: name, Settings: firstIn(fixedSize(start)), limiter: make}
}

// ordered is p with another order.
func (p Policy) ordered(name string, change func(*batching.Settings)) Policy {
	p.Name = name
	change(&p.Settings)
	return p
}
