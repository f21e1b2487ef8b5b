package ledger

import (
	"slices"
	"time"
)

// classes are the priorities, the first to go last.
var classes = []string{"background", "normal", "urgent"}

// line is those among whom one order holds: an engine, a model, a class of priority,
// and an app where apps take turns.
type line struct {
	key           [2]string
	priority, app string
}

// judgeOrder sees that nobody was passed by someone who came later, and in order of
// arrival by nobody of a lower class.
func (b *bench) judgeOrder() {
	if b.Order == Any {
		return
	}
	lines := map[line][]place{}
	for _, p := range b.places() {
		if !p.waited {
			continue
		}
		l := line{p.key, p.priority, ""}
		if b.Order == Fair {
			l.app = p.app
		}
		lines[l] = append(lines[l], p)
	}
	for l, of := range lines {
		b.passed(of, of, func(p place) time.Time { return p.queuedFrom }, "came after it")
		if b.Order != Arrival {
			continue
		}
		for _, lower := range classes[:max(0, slices.Index(classes, l.priority))] {
			b.passed(of, lines[line{l.key, lower, ""}], func(p place) time.Time { return p.earliest }, "is of a lower class")
		}
	}
}

// passed looks for one of the first that was surely queued before the moment that
// since tells of one of the others, and surely had its turn after that one.
func (b *bench) passed(first, others []place, since func(place) time.Time, why string) {
	waiting, others := slices.Clone(first), slices.Clone(others)
	slices.SortFunc(waiting, func(x, y place) int { return x.queuedBy.Compare(y.queuedBy) })
	slices.SortFunc(others, func(x, y place) int { return since(x).Compare(since(y)) })
	var late place // of those queued so far, the one whose turn came last
	for _, o := range others {
		for len(waiting) > 0 && waiting[0].queuedBy.Before(since(o)) {
			if waiting[0].earliest.After(late.earliest) {
				late = waiting[0]
			}
			waiting = waiting[1:]
		}
		if late.earliest.After(o.latest) {
			b.say("%s waited at %s for %s, and %s went before it, which %s", late.id, o.key[0], o.key[1], o.id, why)
		}
	}
}
