package app

import (
	"strings"
	"time"

	"carpool/app/config"
	"carpool/backends"
	"carpool/storage"
)

// What an Event of the history is about: the values of Event.Kind. The first three
// are the tuner's (tuner.Kind).
const (
	EventLimit    = "limit"    // more or fewer requests may run at once: OldLimit, NewLimit
	EventSlots    = "slots"    // how many an engine runs at once is known: Slots, SlotsBy
	EventBudget   = "budget"   // more or fewer tokens may be in flight: TokenBudget
	EventMerge    = "merge"    // merging embeddings is off for a model
	EventModel    = "model"    // a model took another one's place, as Carpool let it
	EventLoad     = "load"     // an engine loaded a model
	EventReload   = "reload"   // an engine loaded a model again, and whose doing that was
	EventMemory   = "memory"   // a model does not fit the GPU
	EventEngine   = "engine"   // an engine was lost, or is back
	EventWedged   = "wedged"   // an engine stopped answering for a model, or was healed
	EventBatching = "batching" // batching was turned on or off, or its mode changed
	EventYield    = "yield"    // Carpool makes way for other programs, or comes back
	EventHistory  = "history"  // rows could not be written for a while, or the file was begun anew
	EventFull     = "full"     // all connections are taken, or not any more
)

// lookout notices what happens to engines and to the history. It is the tick's
// alone.
type lookout struct {
	up     map[string]bool      // engines that have been up in this run: whether they still are
	lost   map[string]time.Time // since when those are not that are not
	paused bool                 // the history
	anew   string               // what was said of its being begun anew
	waited uint64               // times that connections had to wait, at the last look
	full   bool                 // all connections are taken
}

// engines returns an event for each engine that was lost, or is back.
func (l *lookout) engines(now time.Time, all []backends.Info) []Event {
	if l.up == nil {
		l.up, l.lost = map[string]bool{}, map[string]time.Time{}
	}
	var events []Event
	note := func(engine, reason string) {
		events = append(events, Event{At: now, Kind: EventEngine, Engine: engine, Reason: reason})
	}
	there := map[string]bool{}
	for _, e := range all {
		if e.Simulated {
			continue
		}
		there[e.Name] = true
		was, known := l.up[e.Name]
		up := e.Health == backends.Up
		switch {
		case up && known && !was:
			note(e.Name, "back after "+now.Sub(l.lost[e.Name]).Round(time.Second).String())
		case !up && was:
			l.lost[e.Name] = now
			note(e.Name, strings.TrimSuffix("lost: "+e.Problem, ": "))
		}
		if up || known {
			l.up[e.Name] = up
		}
	}
	for name, was := range l.up {
		if !there[name] && was {
			l.up[name], l.lost[name] = false, now
			note(name, "lost: it is not looked for any more")
		}
	}
	return events
}

// history returns an event if the history has paused, goes on, or was begun anew. Its
// row waits in memory with all others until the file can be written.
func (l *lookout) history(now time.Time, s storage.State) (Event, bool) {
	e := Event{At: now, Kind: EventHistory, Reason: strings.TrimPrefix(s.Problem, "history ")}
	paused := !s.OK
	switch {
	case paused != l.paused:
		l.paused = paused
		if !paused {
			e.Reason = "goes on"
		}
		return e, true
	case !paused && s.Problem != l.anew:
		l.anew = s.Problem
		return e, s.Problem != ""
	}
	return Event{}, false
}

// connections returns an event if none is accepted any more, or some are again.
// waited is how often one had to wait since the start: that may be short.
func (l *lookout) connections(now time.Time, c Connections, waited uint64) (Event, bool) {
	full := c.Full || waited > l.waited
	l.waited = waited
	if full == l.full {
		return Event{}, false
	}
	l.full = full
	e := Event{At: now, Kind: EventFull, Reason: "new connections are accepted again"}
	if full {
		c.Full = true
		e.Reason = c.problem()
	}
	return e, true
}

// batchingChange says how batching was turned or set otherwise; "" = it was not.
func batchingChange(was, is config.Batching) string {
	switch {
	case is.Enabled && !was.Enabled:
		return "on: " + is.Mode
	case is.Enabled && is.Mode != was.Mode:
		return "mode: " + is.Mode + " instead of " + was.Mode
	case !is.Enabled && (was.Enabled || is.OffMode != was.OffMode):
		if is.OffMode == "passthrough" {
			return "off: straight to the engine"
		}
		return "off: one request at a time"
	}
	return ""
}
