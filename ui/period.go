package ui

import (
	"time"

	"carpool/app"
)

// lookback is a choice of how far the history is looked back.
type lookback struct {
	name string
	long time.Duration // 0 = to its beginning
}

func spans() []lookback {
	const day = 24 * time.Hour
	return []lookback{{tr("15 min"), 15 * time.Minute}, {tr("1 h"), time.Hour}, {tr("6 h"), 6 * time.Hour}, {tr("24 h"), day},
		{tr("7 d"), 7 * day}, {tr("30 d"), 30 * day}, {tr("All"), 0}}
}

const (
	firstSpan = 1 // of spans
	leastZoom = 10 * time.Second
)

// period is a part of the history: a span that ends now, or one between two
// moments. The zero value is all of it.
type period struct {
	span     time.Duration // until now; 0 = from the beginning
	from, to time.Time     // both zero = span counts
}

// between is a period that was picked, within what there can be.
func between(from, to, now time.Time) period {
	if to.After(now) {
		to = now
	}
	if latest := to.Add(-leastZoom); from.After(latest) {
		from = latest
	}
	return period{from: from, to: to}
}

// follows says whether the period ends now, and so grows.
func (p period) follows() bool { return p.to.IsZero() }

func (p period) query(now time.Time) app.Range {
	switch {
	case !p.follows():
		return app.Range{Since: p.from, Until: p.to}
	case p.span == 0:
		return app.Range{Until: now}
	}
	return app.Range{Since: now.Add(-p.span), Until: now}
}

// every is how long what was read of a period that follows is good enough: until
// it would be drawn a few pixels elsewhere.
func (p period) every() time.Duration {
	const soonest, latest, steps = 5 * time.Second, time.Minute, 360
	if p.span == 0 {
		return latest
	}
	return min(max(p.span/steps, soonest), latest)
}

// readings keeps apart reads that are under way at the same time: only what was
// asked for last is shown, whichever comes last.
type readings struct{ asked, answered uint64 }

// ask numbers a read that begins.
func (r *readings) ask() uint64 {
	r.asked++
	return r.asked
}

// answer says whether what the read of a number brings is to be shown.
func (r *readings) answer(number uint64) bool {
	if number != r.asked {
		return false
	}
	r.answered = number
	return true
}

// pending says whether the answer to come is still awaited.
func (r *readings) pending() bool { return r.answered != r.asked }
