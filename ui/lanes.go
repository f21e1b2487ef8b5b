package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"carpool/app"
)

// maxRows is how many lines each of the two lists has until the user wants all.
const maxRows = 8

// laneKind is what a line of "On the GPU" stands for.
type laneKind int

const (
	laneFree  laneKind = iota // one place, or several
	laneBusy                  // a request
	laneGroup                 // the model whose lanes follow
	laneRest                  // requests that have no line of their own
)

// lane is a line of "On the GPU".
type lane struct {
	kind                          laneKind
	number, app, model, rate, age string
	count                         string  // tokens so far
	done                          float32 // part of the tokens it may make; below 0 = not known
	faint                         bool    // it is no request that runs
	starting                      bool    // it has no token yet
	cancel                        order   // zero = nothing to cancel
}

// lanes keeps each request in its lane. One that ends leaves a gap, which the next
// to come fills, as in the engine's slots.
type lanes struct {
	held map[uint64]int // by ticket, counted from 0 for each model
}

// show takes from s who runs, and returns the lines, of which there are at most
// most. Where several models run, their lanes stand in groups, without free ones.
func (l *lanes) show(s app.Snapshot, most int) []lane {
	before := l.held
	l.held = map[uint64]int{}
	var groups [][]lane
	var heads []lane
	limit := s.Limits.InFlight()
	for _, q := range s.Queues {
		if len(q.Running) == 0 {
			continue
		}
		l.assign(q, before)
		group := make([]lane, 0, len(q.Running))
		for _, r := range q.Running {
			at := l.held[r.Ticket]
			for len(group) <= at {
				group = append(group, freeLane(len(group)))
			}
			group[at] = busyLane(r, at, short(q.Model), s.At)
		}
		groups, heads = append(groups, group), append(heads, groupLane(q, s))
		limit = q.Limit
	}
	if s.Limits.Mode == "serial" {
		limit = 1 // one place for all models
	}
	switch len(groups) {
	case 0:
		return withFree(nil, limit, most)
	case 1:
		return withFree(groups[0], limit, most)
	}
	var all []lane
	for i, group := range groups {
		all = append(all, heads[i])
		for _, line := range busyOnes(group) {
			line.model = "" // the head names it
			all = append(all, line)
		}
	}
	return shortened(all, most)
}

// assign gives each request of q the lane that it had, or the first free one.
func (l *lanes) assign(q app.QueueState, before map[uint64]int) {
	taken := map[int]bool{}
	for _, r := range q.Running {
		if at, ok := before[r.Ticket]; ok {
			l.held[r.Ticket], taken[at] = at, true
		}
	}
	free := 0
	for _, r := range q.Running {
		if _, ok := l.held[r.Ticket]; ok {
			continue
		}
		for taken[free] {
			free++
		}
		l.held[r.Ticket], taken[free] = free, true
	}
}

// withFree adds free lanes up to limit, 0 = there are no more. If not all have a
// line of their own, free ones share the last, and are left out before others are.
func withFree(group []lane, limit, most int) []lane {
	busy := busyOnes(group)
	free := max(limit, len(group)) - len(busy)
	for len(group) < min(limit, most) {
		group = append(group, freeLane(len(group)))
	}
	if limit <= most && len(group) <= most {
		return group
	}
	if n := min(len(group), most-1); len(busyOnes(group[:n])) == len(busy) {
		group = group[:n:n]
		return append(group, moreFree(free-(n-len(busy))))
	}
	if free > 0 && len(busy) < most {
		return append(busy, moreFree(free))
	}
	return shortened(busy, most)
}

func moreFree(n int) lane {
	return lane{app: tr("%d more free", n), faint: true, done: -1}
}

// shortened has at most most lines, the last for what is left out.
func shortened(all []lane, most int) []lane {
	if len(all) <= most {
		return all
	}
	left := len(busyOnes(all[most-1:]))
	return append(all[:most-1:most-1], lane{kind: laneRest, app: tr("and %d more", left), faint: true, done: -1})
}

// busyOnes are the lanes that have a request.
func busyOnes(group []lane) []lane {
	var busy []lane
	for _, l := range group {
		if l.kind == laneBusy {
			busy = append(busy, l)
		}
	}
	return busy
}

func freeLane(at int) lane {
	return lane{number: fmt.Sprint(at + 1), app: tr("free"), faint: true, done: -1}
}

func groupLane(q app.QueueState, s app.Snapshot) lane {
	l := lane{kind: laneGroup, app: tr("%s on %s", short(q.Model), labelOf(s, q.Engine)), faint: true, done: -1, rate: fmt.Sprint(len(q.Running))}
	if q.Limit > 0 {
		l.rate = tr("%d of %d", len(q.Running), q.Limit)
	}
	return l
}

func busyLane(r app.Running, at int, model string, now time.Time) lane {
	l := lane{kind: laneBusy, number: fmt.Sprint(at + 1), app: r.App, model: model, done: -1, age: brief(now.Sub(r.Released)),
		cancel: order{deed: cancelRequest, ticket: r.Ticket, label: r.App}}
	switch {
	case r.Leaving:
		l.rate, l.faint, l.cancel = tr("leaving"), true, order{}
	case r.Tokens == 0 || r.FirstToken.IsZero():
		l.rate, l.starting = tr("starting"), true
	default:
		l.rate = rate(r.Tokens, now.Sub(r.FirstToken))
	}
	tokens := humanize.Comma(int64(r.Tokens))
	switch {
	case r.MaxTokens > 0:
		l.done, l.count = float32(r.Tokens)/float32(r.MaxTokens), tokens+" / "+humanize.Comma(int64(r.MaxTokens))
	case r.Tokens > 0:
		l.count = tr("%s tokens", tokens)
	}
	return l
}

// short is a model's name without the tag that says nothing.
func short(model string) string { return strings.TrimSuffix(model, ":latest") }

// rate is tokens per second since the first token; its own moment is not
// counted, so one token has no rate yet.
func rate(tokens int, since time.Duration) string {
	if tokens < 2 || since < 100*time.Millisecond {
		return ""
	}
	perSecond := float64(tokens-1) / since.Seconds()
	if perSecond < 9.5 {
		return fmt.Sprintf("%.1f tok/s", perSecond)
	}
	return fmt.Sprintf("%.0f tok/s", perSecond)
}

// brief is a duration in its largest unit.
func brief(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Truncate(time.Second).Seconds())
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0f min", d.Truncate(time.Minute).Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Truncate(time.Hour).Hours())
}
