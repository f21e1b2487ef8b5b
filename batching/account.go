package batching

import (
	"slices"
	"sync/atomic"
	"time"
)

// account is what one app has had of the GPU, and what it asks for now.
type account struct {
	app    string
	weight float64
	share  float64 // units used per weight; what apps are compared by

	waiting, running int
	since            time.Time // while some wait: its last turn, or since when it waits
	turned           time.Time // its last turn that an engine answered
	lanes            []*lane   // where some wait
	place            int       // in ledger.active
	prev, next       *account  // in ledger.hungry or ledger.idle
	outputs          map[Key]*outputs

	generated atomic.Int64 // tokens of all its requests; the streams count it without a lock
	metered   int64        // of those, charged
}

// lane is the app's part of c; nil if it has none.
func (a *account) lane(c *class) *lane {
	for _, n := range a.lanes {
		if n.class == c {
			return n
		}
	}
	return nil
}

func (a *account) drop(n *lane) {
	i := slices.Index(a.lanes, n)
	a.lanes = slices.Delete(a.lanes, i, i+1)
}

// oldest is the app's earliest waiting ticket over all keys and classes. Only
// called while one waits.
func (a *account) oldest() *Ticket {
	var first *Ticket
	for _, n := range a.lanes {
		if t := n.all.first; first == nil || t.earlier(first) {
			first = t
		}
	}
	return first
}

// charge puts units on the account, at once in the order of those that wait. Less
// than 0 corrects an estimate.
func (a *account) charge(units float64) {
	if units == 0 {
		return
	}
	a.share += units / a.weight
	for _, n := range a.lanes {
		n.class.lanes.fix(n.place)
	}
}

// ledger holds the accounts. It is the virtual token counter of design.md: who
// has used least goes first, and nobody saves up a claim while away.
type ledger struct {
	weights  map[string]float64
	accounts map[string]*account
	active   []*account // with a waiting or running request
	floor    float64    // share of the last one that became idle with nobody else active
	hungry   accounts   // with a waiting request, the longest without a turn first
	idle     accounts   // not active, the longest idle first
	resting  int        // how many are idle
}

// remembered is how many idle apps are kept. One that is forgotten comes back
// with the least share of those then active, so it gains no more than what it was
// ahead by.
const remembered = 256

func (l *ledger) account(app string) *account {
	a := l.accounts[app]
	if a == nil {
		a = &account{app: app, weight: l.weight(app), outputs: map[Key]*outputs{}}
		l.accounts[app] = a
		l.rest(a)
	}
	return a
}

func (l *ledger) weight(app string) float64 {
	if w := l.weights[app]; w > 0 {
		return w
	}
	return 1
}

// reweigh takes over new weights. Shares stay: what is past is settled by the
// old ones.
func (l *ledger) reweigh(weights map[string]float64) {
	l.weights = weights
	for app, a := range l.accounts {
		a.weight = l.weight(app)
	}
}

// arrived notes one more waiting request.
func (l *ledger) arrived(a *account, now time.Time) {
	if a.waiting+a.running == 0 {
		l.lift(a)
		l.idle.remove(a)
		l.resting--
		a.place = len(l.active)
		l.active = append(l.active, a)
	}
	if a.waiting == 0 {
		a.since = now
		l.hungry.push(a)
	}
	a.waiting++
}

// returned notes that a waiting request has waited elsewhere since then. Turns
// that the app has had meanwhile count: else a flood that changes engines would be
// overdue with each of its requests.
func (l *ledger) returned(a *account, since time.Time) {
	if since.Before(a.turned) {
		since = a.turned
	}
	if !since.Before(a.since) {
		return
	}
	a.since = since
	l.hungry.remove(a)
	before := l.hungry.last
	for before != nil && before.since.After(since) {
		before = before.prev
	}
	l.hungry.insert(a, before)
}

// meter brings the accounts up to date.
func (l *ledger) meter() {
	for _, a := range l.active {
		a.meter()
	}
}

// lift raises an app that becomes active to the least share of the others.
func (l *ledger) lift(a *account) {
	least := l.floor
	for i, other := range l.active {
		if i == 0 || other.share < least {
			least = other.share
		}
	}
	a.share = max(a.share, least)
}

// left notes that a waiting request has gone without a turn.
func (l *ledger) left(a *account) {
	if a.waiting--; a.waiting == 0 {
		l.hungry.remove(a)
	}
	l.settle(a)
}

// turn notes that a waiting request runs.
func (l *ledger) turn(a *account, now time.Time) {
	l.hungry.remove(a)
	a.since = now
	a.running++
	if a.waiting--; a.waiting > 0 {
		l.hungry.push(a)
	}
}

// answered notes that an engine has answered t, so that its turn was one.
func (a *account) answered(t *Ticket) {
	if t.Released.After(a.turned) {
		a.turned = t.Released
	}
}

// done notes that a running request has ended.
func (l *ledger) done(a *account) {
	a.running--
	l.settle(a)
}

// settle lets an app rest that has nothing left.
func (l *ledger) settle(a *account) {
	if a.waiting+a.running > 0 {
		return
	}
	last := len(l.active) - 1
	l.active[a.place] = l.active[last]
	l.active[a.place].place = a.place
	l.active[last] = nil
	l.active = l.active[:last]
	if last == 0 {
		l.floor = a.share
	}
	l.rest(a)
}

func (l *ledger) rest(a *account) {
	l.idle.push(a)
	if l.resting++; l.resting > remembered {
		old := l.idle.first
		l.idle.remove(old)
		l.resting--
		delete(l.accounts, old.app)
	}
}

// accounts is a doubly linked list through the accounts themselves. An account is
// in one at the most.
type accounts struct{ first, last *account }

func (l *accounts) push(a *account) { l.insert(a, l.last) }

// insert puts a behind another one; nil = in front.
func (l *accounts) insert(a, before *account) {
	a.prev, a.next = before, l.first
	if before != nil {
		a.next = before.next
		before.next = a
	} else {
		l.first = a
	}
	if a.next != nil {
		a.next.prev = a
	} else {
		l.last = a
	}
}

func (l *accounts) remove(a *account) {
	if a.prev == nil {
		l.first = a.next
	} else {
		a.prev.next = a.next
	}
	if a.next == nil {
		l.last = a.prev
	} else {
		a.next.prev = a.prev
	}
	a.prev, a.next = nil, nil
}
