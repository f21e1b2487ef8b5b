package ledger

import (
	"cmp"
	"slices"
	"time"
)

// rounding is what a time in the history may be off by.
const rounding = time.Microsecond

// place is the turn of one request at an engine. When it was given is not seen, only
// that it was not before earliest and not after latest.
type place struct {
	id       string
	app      string
	priority string
	key      [2]string // engine and model

	queuedFrom time.Time // it was queued then or later
	queuedBy   time.Time // it was queued by then; zero = not known
	earliest   time.Time // of its turn
	latest     time.Time // of its turn; the engine has it from here on
	until      time.Time // its place is surely taken up to here
	waited     bool      // how long it waited is known
}

// places are those of all requests that came to an engine, by the latest moment of
// their turns.
func (b *bench) places() []place {
	var all []place
	for _, r := range b.all {
		row, one := r.row()
		for i, v := range r.visits {
			p := place{id: r.ID, app: r.App, priority: r.Priority, key: [2]string{v.Engine, v.Model},
				queuedFrom: r.Sent, earliest: r.Sent, latest: v.Came, until: v.Ended}
			if one && row.Released && len(r.visits) == 1 {
				p.waited = true
				if row.Started.After(r.Sent) {
					p.queuedFrom = row.Started
				}
				p.queuedBy = v.Came.Add(rounding - row.Waited)
				p.earliest = p.queuedFrom.Add(row.Waited - rounding)
			}
			// An engine may go on for a while after its client has left, so the place
			// must not be given to the next one before the grace is over; by then it
			// may be, whatever the engine does.
			if last := i == len(r.visits)-1; last && one && row.Outcome == "cancelled" && row.Released && !r.Left.IsZero() {
				p.until = r.Left.Add(b.Grace)
			}
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(x, y place) int { return cmp.Or(x.latest.Compare(y.latest), cmp.Compare(x.id, y.id)) })
	return all
}

// judgeLimits sees that at no moment more places were taken than the limit allowed
// that held when the last of them was given.
func (b *bench) judgeLimits() {
	if len(b.Limits) == 0 {
		return
	}
	all := b.places()
	byKey := map[[2]string][]place{}
	for _, p := range all {
		byKey[p.key] = append(byKey[p.key], p)
	}
	for key, of := range byKey {
		b.sweep(of, key[0]+" with "+key[1], func(l Limit) int { return l.Each })
	}
	b.sweep(all, "all engines together", func(l Limit) int { return l.Overall })
}

// sweep judges places that share a limit.
func (b *bench) sweep(all []place, where string, size func(Limit) int) {
	var taken []place
	for _, p := range all {
		now := p.latest
		taken = slices.DeleteFunc(taken, func(o place) bool { return !now.Before(o.until) })
		taken = append(taken, p)
		var last time.Time // the turn that was given last was not given before
		for _, o := range taken {
			if o.earliest.After(last) {
				last = o.earliest
			}
		}
		most, bounded := 0, true
		for _, o := range taken {
			if o.latest.Before(last) {
				continue
			}
			n, ok := b.allowed(o, size)
			most, bounded = max(most, n), bounded && ok
		}
		if bounded && len(taken) > most {
			b.say("%s had %d requests in flight when %s came, and %d were allowed", where, len(taken), p.id, most)
		}
	}
}

// allowed is the most that any limit allowed that may have held when a place was
// given; false = one of them had no bound.
func (b *bench) allowed(p place, size func(Limit) int) (most int, bounded bool) {
	for _, l := range b.Limits {
		if l.From.After(p.latest) || !l.Until.IsZero() && l.Until.Before(p.earliest) {
			continue
		}
		if size(l) == 0 {
			return 0, false
		}
		most = max(most, size(l))
	}
	return most, true
}
