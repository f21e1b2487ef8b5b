// Package advice says in a sentence with figures what would make better use of the
// GPU, and which one setting does it. It is pure: figures in, advice out.
//
// "No setting will help" is advice too, but comes after what can be done.
package advice

import (
	"slices"
	"time"
)

// Most is how many pieces of advice there are at a time.
const Most = 3

// What advice rests on at the least: a minute with work, and what a minute of little
// work brings. With less, nothing is said.
const (
	leastBusy     = 60  // seconds
	leastRequests = 20  // released
	leastPace     = 30  // seconds of one number at once
	leastCalls    = 100 // for embeddings
)

const (
	deepQueue = 10   // waiting, on average
	smallPart = 0.5  // of the most that may run
	slowPart  = 1.25 // of the latency target
	// longestWait is how long a request may be told to wait for company. A longer
	// one is allowed, but nobody's advice.
	longestWait = time.Second
)

// Advice is one card.
type Advice struct {
	Kind  string `json:"kind"`  // slots, queue, small, slow, …: one of each at the most
	Title string `json:"title"` // "Queue is deep: 12 on average"
	Text  string `json:"text"`  // with the figures that it comes from

	// What the button does: set Key to Value, or show how to change Engine; both
	// empty = there is nothing to do.
	Button string `json:"button"` // "Apply 6"
	Key    string `json:"key"`
	Value  string `json:"value"`
	Engine string `json:"engine"`
}

// Facts are what advice comes from.
type Facts struct {
	// The rules in force.
	Serial   bool          // batching is off: one request at a time
	Off      bool          // batching is off
	Mode     string        // adaptive, fixed, static
	SizeKey  string        // the setting that bounds the requests in flight
	Size     int           // its value
	SizeMost int           // the largest that it takes
	Wait     time.Duration // for company, in static mode
	Target   time.Duration // for each token of a stream
	Merging  bool          // of calls for embeddings

	// The last ten minutes under them, or what there was of these.
	Span       time.Duration
	Busy       int     // seconds in which something ran or waited
	Running    float64 // mean over those
	Waiting    float64 // mean over those
	Requests   int     // released, in Batches
	Batches    int
	Embeddings int // calls of clients for them, however answered
	Merged     int // of those, in MergedInto calls of engines
	MergedInto int

	Model   Model
	Reloads []Reload // that go on
}

// Model is the one that is asked for most, on its engine.
type Model struct {
	Engine string // its name
	Label  string // for people
	Name   string
	Limit  int    // most in flight; 0 = no bound
	Slots  int    // requests that the engine runs at once; 0 = not known
	Hint   string // how the engine comes to more; "" = nothing is known to do that
	Fits   int    // slots that the GPU's memory carries; 0 = not known
	Paces  []Pace // by Running
}

// Pace is how fast a number of streams went.
type Pace struct {
	Running int
	Seconds int           // that it rests on
	Token   time.Duration // for each token of one stream
}

// Reload is a model that is loaded again and again.
type Reload struct {
	Model      string
	Text       string // why, with figures
	Key, Value string // the setting that ends it; "" = it is to be changed in the apps
}

// Of is what there is to say, the most useful first.
func Of(f Facts) []Advice {
	all := []Advice{}
	for _, rule := range []func(Facts) (Advice, bool){off, slots, reload, queue, slow, embeddings, small} {
		if a, ok := rule(f); ok {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b Advice) int {
		switch {
		case a.helps() && !b.helps():
			return -1
		case b.helps() && !a.helps():
			return 1
		}
		return 0
	})
	return all[:min(len(all), Most)]
}

// helps tells whether there is something to do.
func (a Advice) helps() bool { return a.Key != "" || a.Engine != "" }
