package bench

import (
	"time"

	"carpool/batching"
)

// ideal is the share of an engine's places that the scheduler's rules keep taken where
// nothing but the engine takes time: they alone, driven in virtual time by clients that
// ask again at once. It runs for so many requests in each place.
func ideal(l batching.Limits, clients int, delay time.Duration, rounds int) float64 {
	now := time.Unix(0, 0)
	core := batching.NewCore(batching.Settings{Limits: l, MaxWaiting: clients}, batching.Options{})
	ask := func() {
		r := batching.Request{Key: batching.Key{Engine: "engine", Model: "model"}, App: "bench"}
		if _, err := core.Arrive(now, r); err != nil {
			panic(err) // the queue holds all clients
		}
	}
	for range clients {
		ask()
	}
	type end struct {
		at     time.Time
		ticket *batching.Ticket
	}
	var running []end // in order: all take the same time
	served, until := 0, now.Add(time.Duration(rounds)*delay)
	for {
		effects := core.Step(now)
		for _, t := range effects.Released {
			running = append(running, end{now.Add(delay), t})
		}
		next := effects.Wake
		if len(running) > 0 && (next.IsZero() || !running[0].at.After(next)) {
			next = running[0].at
		}
		if next.IsZero() || next.After(until) {
			break
		}
		now = next
		for len(running) > 0 && !running[0].at.After(now) {
			core.End(now, running[0].ticket, batching.Served, batching.Untold())
			running = running[1:]
			served++
			ask()
		}
	}
	return float64(served) / float64(rounds*l.InFlight())
}
