package app

import (
	"time"

	"carpool/storage"
)

// feed writes each second into the history, those in which nothing happens too: a
// chart tells that Carpool was idle from that it did not run. It is the tick's alone.
type feed struct {
	store    *storage.Store // nil = the history is off or cannot be opened
	out, in  counter        // tokens
	lastTick time.Time      // the second written last
}

// second writes s, in which totals of tokens had been reached, and what was steady.
// It waits for nothing.
func (f *feed) second(s Sample, out, in uint64, steady []storage.CurveSecond) {
	if f.store == nil {
		return
	}
	f.store.AddSample(storage.Sample{
		At: f.place(s.At), Running: s.Running, Waiting: s.Waiting, Limit: s.Limit,
		TokensOut: f.out.since(out), TokensIn: f.in.since(in),
		MemoryUsed: signed(s.MemoryUsed), MemoryTotal: signed(s.MemoryTotal),
		MemoryOurs: signed(s.MemoryOurs), MemoryOthers: signed(s.MemoryOthers),
		Utilization: s.Utilization, Power: s.Power,
	})
	for _, c := range steady {
		f.store.AddCurve(c)
	}
}

// place is the whole second of a tick. There is one row for each, so a tick that
// came a little early, into the second of the one before, takes the next.
func (f *feed) place(tick time.Time) time.Time {
	at := tick.Truncate(time.Second)
	if at.Equal(f.lastTick) {
		at = at.Add(time.Second)
	}
	f.lastTick = at
	return at
}

// counter tells what a total grew by. A total that falls, as one does whose estimate
// was corrected, counts again once it is past where it was: the parts always add up
// to the highest total.
type counter uint64

func (c *counter) since(total uint64) int64 {
	grew := max(total, uint64(*c)) - uint64(*c)
	*c += counter(grew)
	return int64(grew)
}
