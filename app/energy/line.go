package energy

import (
	"slices"
	"time"
)

// line is one GPU's running integral. All up to at is settled; what happened
// since waits for the next reading.
type line struct {
	at      time.Time
	last    *Reading // taken at at; nil = there is none that a draw can begin from
	events  []event  // later than at, in order
	running int      // at at

	each  float64 // joules of a run that ran all the time; only differences mean something
	dark  uint64  // times in which some ran and the draw was not known
	given float64 // joules drawn while some ran
	idle  float64 // joules drawn while none ran
	used  bool    // some have run
	told  bool    // a draw was known
}

// event is the beginning or the end of a run.
type event struct {
	at     time.Time
	run    *Run
	begins bool
}

// note keeps an event. One that comes late is taken for one of the latest moment
// known, so that time only goes on.
func (l *line) note(e event) {
	if n := len(l.events); n > 0 && e.at.Before(l.events[n-1].at) {
		e.at = l.events[n-1].at
	}
	l.events = append(l.events, e)
}

// read settles all up to a new reading; an old one changes nothing.
func (l *line) read(r Reading, most time.Duration) {
	if !r.At.After(l.at) {
		return
	}
	watts, known := l.draw(r, most)
	l.settle(r.At, watts, known)
	l.last = &r
}

// expire gives up what a GPU that has fallen silent would have told.
func (l *line) expire(now time.Time, most time.Duration) {
	if since := l.since(); !since.IsZero() && now.Sub(since) > most {
		l.settle(now, 0, false)
		l.last = nil
	}
}

// since is when the time begins that is not settled; zero = nothing waits.
func (l *line) since() time.Time {
	if l.at.IsZero() && len(l.events) > 0 {
		return l.events[0].at
	}
	return l.at
}

// draw is the mean draw since the last reading, in watts. The wall clock counts
// too: it goes on while the machine sleeps, in which the other one stands still.
func (l *line) draw(r Reading, most time.Duration) (watts float64, known bool) {
	if l.last == nil {
		return 0, false
	}
	took := r.At.Sub(l.last.At)
	if max(took, r.At.Round(0).Sub(l.last.At.Round(0))) > most {
		return 0, false
	}
	switch {
	case l.last.Joules != nil && r.Joules != nil:
		rose := *r.Joules - *l.last.Joules
		return rose / took.Seconds(), rose >= 0 // it falls when the driver is loaded anew
	case r.Watts != nil:
		return *r.Watts, *r.Watts >= 0
	}
	return 0, false
}

// settle shares out a draw up to a moment.
func (l *line) settle(to time.Time, watts float64, known bool) {
	l.told = l.told || known
	done := 0
	for ; done < len(l.events) && !l.events[done].at.After(to); done++ {
		e := l.events[done]
		l.pass(e.at, watts, known)
		l.apply(e)
	}
	l.pass(to, watts, known)
	l.events = slices.Delete(l.events, 0, done)
}

// pass shares out a draw among those that run until a moment.
func (l *line) pass(to time.Time, watts float64, known bool) {
	took := to.Sub(l.at)
	if took <= 0 {
		return
	}
	joules := watts * took.Seconds()
	switch {
	case !known && l.running > 0:
		l.dark++
	case known && l.running > 0:
		l.each += joules / float64(l.running)
		l.given += joules
	case known:
		l.idle += joules
	}
	l.at = to
}

func (l *line) apply(e event) {
	r := e.run
	if e.begins {
		l.running++
		r.from, r.dark = l.each, l.dark
		return
	}
	l.running--
	r.settled = true
	if r.dark == l.dark {
		joules := max(0, l.each-r.from)
		r.joules = &joules
	}
}
