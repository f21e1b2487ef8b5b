package yield

import "time"

// level is how much others have of something. Of two the higher one counts.
type level int

const (
	lost    level = iota // nothing that counts is told
	free                 // below what it takes to come back
	between              // below what it takes to make way
	unsure               // not told this time
	taken
)

// latch turns levels into on and off, which both take their time. Between two
// readings that tell the same it does not matter what was not told.
type latch struct {
	on    bool
	over  time.Time // since when it is taken; zero = it is not
	under time.Time // since when it is free; zero = it is not
}

func (l *latch) see(now time.Time, to level, c Settings) {
	switch to {
	case lost:
		*l = latch{}
	case free:
		l.over = time.Time{}
		if l.under.IsZero() {
			l.under = now
		}
		l.on = l.on && now.Sub(l.under) < c.Back
	case between:
		l.over, l.under = time.Time{}, time.Time{}
	case taken:
		l.under = time.Time{}
		if l.over.IsZero() {
			l.over = now
		}
		l.on = l.on || now.Sub(l.over) >= c.After
	}
}
