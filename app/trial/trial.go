// Package trial measures what batching gains on the user's own engine and model:
// the same chats with batching off and with so many at once.
//
// A Bench sends its chats through a gateway and a scheduler of its own. What else
// the engine has to do goes on meanwhile and is counted, since it slows both.
package trial

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"carpool/app/bench/rig"
)

// Wanted says what to measure.
type Wanted struct {
	Engine string `json:"engine"` // its name; "" = the preferred one
	Model  string `json:"model"`  // "" = one that is loaded, else the first
	Sizes  []int  `json:"sizes"`  // chats at once, each 1–64; nil = 1, 2, 4, 8, 16, 32, as far as the engine has slots
	Rounds int    `json:"rounds"` // chats that each has, one after the other, at most 100; 0 = 3
	Tokens int    `json:"tokens"` // most of an answer, at most 4096; 0 = 128
}

const (
	mostSize   = 64
	mostRounds = 100
	mostTokens = 4096
)

// usual are the sizes that are measured where none are named.
var usual = []int{1, 2, 4, 8, 16, 32}

// withDefaults fills in what is left open for an engine of so many slots (0 = not
// known). It fails where something is out of range.
func (w Wanted) withDefaults(slots int) (Wanted, error) {
	switch {
	case len(w.Sizes) > 0 && (slices.Min(w.Sizes) < 1 || slices.Max(w.Sizes) > mostSize):
		return w, fmt.Errorf("sizes can be 1 to %d", mostSize)
	case w.Rounds < 0 || w.Rounds > mostRounds:
		return w, fmt.Errorf("rounds can be 1 to %d", mostRounds)
	case w.Tokens < 0 || w.Tokens > mostTokens:
		return w, fmt.Errorf("tokens can be 1 to %d", mostTokens)
	}
	if len(w.Sizes) == 0 {
		w.Sizes = fitting(slots)
	}
	w.Sizes = slices.Compact(slices.Sorted(slices.Values(w.Sizes)))
	if w.Rounds == 0 {
		w.Rounds = 3
	}
	if w.Tokens == 0 {
		w.Tokens = 128
	}
	return w, nil
}

// fitting are the usual sizes for an engine of so many slots: more than it runs at
// once would only wait inside it.
func fitting(slots int) []int {
	if slots < 1 {
		return usual
	}
	sizes := slices.DeleteFunc(slices.Clone(usual), func(n int) bool { return n > slots })
	if last := min(slots, slices.Max(usual)); !slices.Contains(sizes, last) {
		sizes = append(sizes, last)
	}
	return sizes
}

// Trial is a benchmark with its figures.
type Trial struct {
	ID        int64     `json:"id"` // in the history; 0 = not kept
	At        time.Time `json:"at"`
	Engine    string    `json:"engine"` // its name
	Label     string    `json:"label"`  // for people, with its version
	Model     string    `json:"model"`
	GPU       string    `json:"gpu"` // "" = none is read
	Simulated bool      `json:"simulated"`
	Rounds    int       `json:"rounds"`
	Tokens    int       `json:"tokens"`
	Others    int       `json:"others"`    // requests of apps that Carpool let run meanwhile
	Cancelled bool      `json:"cancelled"` // before all sizes were measured
	Problem   string    `json:"problem"`   // why it ended before, if not by the user; "" = it did not
	Rows      []Row     `json:"rows"`      // batching off first, then by size
}

// Row is one size.
type Row struct {
	Size          int           `json:"size"` // 0 = batching off: one request at a time
	Requests      int           `json:"requests"`
	OutputTokens  int           `json:"output_tokens"`
	Duration      time.Duration `json:"duration_ns"`
	TokensPS      float64       `json:"tokens_per_second"`
	Speedup       float64       `json:"speedup"` // over batching off
	FirstP50      time.Duration `json:"first_token_p50_ns"`
	FirstP95      time.Duration `json:"first_token_p95_ns"`
	JoulesPer1000 *float64      `json:"joules_per_1000_tokens"` // nil = not measured
}

const (
	nearBest   = 0.97            // of the most tokens per second, where fewer at once will do
	goodFirst  = 2 * time.Second // a first token that a person waits for gladly
	worseFirst = 2               // how much longer than alone it may take on slow engines
)

// acceptable tells whether 19 of 20 first tokens of a size come within 2 s or, where
// that is longer, within twice what they take alone.
func (t Trial) acceptable(r Row) bool {
	limit := goodFirst
	for _, alone := range t.Rows {
		if alone.Size == 1 {
			limit = max(limit, worseFirst*alone.FirstP95)
		}
	}
	return r.FirstP95 <= limit
}

// Best is the size to use: of those whose first tokens come in time, the smallest
// within 3 % of the most tokens per second. In time is 19 of 20 within 2 s or, where
// that is longer, within twice what they take alone. False if there is none.
func (t Trial) Best() (Row, bool) {
	var good []Row
	most := 0.0
	for _, r := range t.Rows {
		if r.Size > 0 && r.TokensPS > 0 && t.acceptable(r) {
			good = append(good, r)
			most = max(most, r.TokensPS)
		}
	}
	for _, r := range good { // by size
		if r.TokensPS >= nearBest*most {
			return r, true
		}
	}
	return Row{}, false
}

// State is what a benchmark is at.
type State struct {
	Running bool          `json:"running"`
	Trial   Trial         `json:"trial"`   // as far as it is measured; the last one when none runs
	Size    int           `json:"size"`    // being measured; 0 = batching off
	Done    float64       `json:"done"`    // 0..1
	Left    time.Duration `json:"left_ns"` // a guess; 0 = not known yet
	Problem string        `json:"problem"` // why the last one ended without all figures; "" = it did not
}

// errNoModel says that an engine has nothing that could be measured.
var errNoModel = errors.New("the engine has no model that writes")

// offChats is how many chats come at once while batching is off: enough for their
// first tokens to show that they stand in line, few enough not to take long.
const offChats = 4

// load is what is sent for a row of that size.
func (w Wanted) load(size int) rig.Load {
	l := rig.Load{Size: size, Chats: size, Rounds: w.Rounds, Tokens: w.Tokens}
	if size == 0 {
		l.Serial, l.Chats = true, offChats
	}
	return l
}

// rounds is how many times a row of that size lets the engine write a whole answer,
// one after the other.
func (w Wanted) rounds(size int) int {
	if size == 0 {
		return offChats * w.Rounds
	}
	return w.Rounds
}
