// Package energy tells how much of what the GPUs draw each request took.
//
// While at least one request runs on a GPU, all that the GPU draws is theirs, its
// rest draw included: without them it could sleep. At each moment it is shared
// equally by those that run, because they share each step of the engine, and no
// driver tells more. A request's joules are thus the difference of one running
// integral, ∫ power / running dt, between its end and its release, and those of
// all requests and of the time in which none ran add up to what the GPU drew.
//
// Between two readings the draw is taken for even: it is what the driver's energy
// counter rose by, which is exact, or else the power told at the end of that time
// times the time, since drivers tell a mean over about the last second. So joules
// are known at the first reading after a request's end, and never estimated before.
// In sum nothing is lost. A single request that is shorter than the time between
// two readings gets the mean draw of that time: with a part b of it busy, a draw
// busy of P and resting of R, it is told b·P + (1−b)·R watts in place of P. A
// request over n such times has that error at its first and its last alone.
//
// What cannot be known is not told: the time before a GPU's first two readings, or
// after a counter that fell, or in which readings were missing. A request that ran
// then has no joules at all, rather than a part of them.
package energy

import "time"

// Reading is what a GPU told at one moment.
type Reading struct {
	GPU    string // names it among all GPUs; never ""
	At     time.Time
	Joules *float64 // counted by the GPU since some moment; nil = not told
	Watts  *float64 // drawn, a mean over about the last second; nil = not told
}

// State is what is known of the draw now. A field that is nil is not known. It is
// never changed.
type State struct {
	Watts         *float64 `json:"watts"`                   // that Snapshot.GPU draws
	JoulesPer1000 *float64 `json:"joules_per_1000_tokens"`  // written ones, of the last minute, on all GPUs
	Joules        *float64 `json:"joules"`                  // drawn for requests since the start
	Idle          *float64 `json:"idle_joules"`             // drawn since the start while none ran, by GPUs that engines use
	CostPer1M     *float64 `json:"cost_per_1m_tokens"`      // JoulesPer1000 as money; nil without a price
	Currency      string   `json:"cost_currency,omitempty"` // of CostPer1M, as it is set: "EUR"
}

// joulesPerKWh is how many joules a kilowatt-hour has.
const joulesPerKWh = 3.6e6

// WattHours are joules as meters count them.
func WattHours(joules float64) float64 { return joules / 3600 }

// Cost is what joules cost at a price for each kilowatt-hour.
func Cost(joules, perKWh float64) float64 { return joules / joulesPerKWh * perKWh }

// Per1000 is joules for each 1,000 tokens; nil for no tokens.
func Per1000(joules float64, tokens int64) *float64 {
	if tokens <= 0 {
		return nil
	}
	v := 1000 * joules / float64(tokens)
	return &v
}
