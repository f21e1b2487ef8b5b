// Package ledger proves from the notes of a run that a gateway kept its laws: what
// its clients sent and saw, what came to the engines, what was set meanwhile, and
// what the history says of it afterwards. It is pure: values in, sentences out.
//
// All times but Row.Started are of one clock. Where a moment inside the gateway is
// not seen from outside, only what holds for each moment that is possible counts, so
// a sentence is a proof, whatever the machine's speed.
package ledger

import (
	"fmt"
	"slices"
	"time"
)

// Asked is one request as its client saw it.
type Asked struct {
	ID       string // X-Request-Id, and the nonce in its prompt
	App      string
	Model    string
	Priority string // urgent, normal or background
	Tokens   int    // asked for

	Sent time.Time // before its first byte
	Left time.Time // when the client began to leave; zero = it stayed to the end
	Done time.Time // when it had seen all that it was to see

	Status  int    // 0 = no answer came
	Marks   int    // ends of a good answer that came
	Errors  int    // errors that came, by the status or inside an answer
	Error   string // what the first of them said
	Own     int    // tokens that are the client's own nonce
	Foreign int    // other tokens
	Odd     string // what its dialect does not allow; "" = nothing
}

// Visit is one request as an engine saw it.
type Visit struct {
	ID     string
	Engine string // by the name that the gateway knows it by
	Model  string
	Came   time.Time
	Ended  time.Time // nothing works on it any more; zero = it never ended
}

// Limit is what was set from one moment on.
type Limit struct {
	From    time.Time // it may be in force from here on
	Until   time.Time // it is surely in force no more; zero = it was the last
	Each    int       // most requests in flight for each engine and model; 0 = no bound
	Overall int       // and for all of them; 0 = no bound
}

// Row is what the history says of a request.
type Row struct {
	ID       string
	Outcome  string // ok, error, cancelled, rejected or interrupted
	Status   int
	Released bool          // it had a turn
	Started  time.Time     // by the wall clock, cut to milliseconds
	Waited   time.Duration // for its turn
}

// Order says which order of requests a run promised.
type Order string

// The orders.
const (
	Any     Order = ""        // none
	Arrival Order = "arrival" // by class of priority, then first come, first served
	Fair    Order = "fair"    // first come, first served inside one app and class
)

// Rules are what held for the whole run.
type Rules struct {
	Order   Order
	Grace   time.Duration // how long a request whose client left keeps its place
	Faults  bool          // engines broke, so a request may have come to one again
	Stopped time.Time     // the gateway was told to end; zero = it served until all were done
}

// History is everything that was noted of a run.
type History struct {
	Rules
	Asked   []Asked
	Visits  []Visit
	Limits  []Limit        // in the order in which they were set
	Rows    []Row          // the whole history
	Counted map[string]int // requests that have ended by outcome, as the gateway counts them; nil = not asked
}

// record is all that is known of one request.
type record struct {
	Asked
	visits []Visit
	rows   []Row
}

// row is the one row; false if there is none, or more.
func (r *record) row() (Row, bool) {
	if len(r.rows) != 1 {
		return Row{}, false
	}
	return r.rows[0], true
}

// Violations are the laws that were broken, each with the request that shows it; nil
// = none was.
func (h History) Violations() []string {
	b := &bench{History: h, byID: map[string]*record{}}
	b.collect()
	for _, r := range b.all {
		b.judgeAnswer(r)
		b.judgeVisits(r)
		b.judgeRow(r)
	}
	b.judgeSums()
	b.judgeLimits()
	b.judgeOrder()
	return b.found
}

// bench is where a history is judged.
type bench struct {
	History
	byID  map[string]*record
	all   []*record // in the order of Asked
	found []string
}

func (b *bench) say(format string, args ...any) {
	b.found = append(b.found, fmt.Sprintf(format, args...))
}

// collect brings together what belongs to one request.
func (b *bench) collect() {
	for _, a := range b.Asked {
		if b.byID[a.ID] != nil {
			b.say("%s was asked twice under one id", a.ID)
			continue
		}
		r := &record{Asked: a}
		b.byID[a.ID] = r
		b.all = append(b.all, r)
	}
	for _, v := range b.Visits {
		if r := b.byID[v.ID]; r != nil {
			r.visits = append(r.visits, v)
		} else {
			b.say("%q came to %s and was never asked", v.ID, v.Engine)
		}
	}
	for _, row := range b.Rows {
		if r := b.byID[row.ID]; r != nil {
			r.rows = append(r.rows, row)
		} else {
			b.say("%q has a row and was never asked", row.ID)
		}
	}
	for _, r := range b.all {
		slices.SortFunc(r.visits, func(x, y Visit) int { return x.Came.Compare(y.Came) })
	}
}
