package batching

import "time"

// QueueState is a copy of one key's state. It may be stale when it is read;
// never gate a decision on it.
type QueueState struct {
	Key     `json:"key"`
	Limits  Limits    `json:"limits"`
	Limit   int       `json:"limit"` // most in flight now; 0 = no bound
	Running []Running `json:"running"`
	Waiting []Waiting `json:"waiting"` // the first MaxListed in their order
	Depth   int       `json:"depth"`   // how many wait, listed or not
}

// MaxListed is how many waiting requests a QueueState lists at the most.
const MaxListed = 100

// Running is a request in flight.
type Running struct {
	Ticket     uint64    `json:"ticket"` // names it for Cancel
	ID         string    `json:"id"`     // not unique: a client may bring its own
	App        string    `json:"app"`
	Priority   Priority  `json:"priority"`
	Batch      uint64    `json:"batch"`
	Queued     time.Time `json:"queued"`
	Released   time.Time `json:"released"`
	FirstToken time.Time `json:"first_token,omitzero"` // zero until the first token
	Tokens     int       `json:"tokens"`               // generated so far
	MaxTokens  int       `json:"max_tokens"`           // 0 = unknown
	Leaving    bool      `json:"leaving"`              // canceled, its place not yet free
}

// Waiting is a request in the queue.
type Waiting struct {
	Ticket   uint64    `json:"ticket"` // names it for Cancel and MoveToFront
	ID       string    `json:"id"`     // not unique: a client may bring its own
	App      string    `json:"app"`
	Priority Priority  `json:"priority"`
	Queued   time.Time `json:"queued"`
	Position int       `json:"position"` // 1 = the next of its engine, or of those on its GPU, as things stand
	Why      string    `json:"why"`      // why it waits, in a few words

	Expected time.Duration `json:"expected_ns"` // a guess at how long still; 0 = unknown
}

// Load is how busy a key is.
type Load struct {
	Key
	Waiting  int // held ones included
	Held     int // by Scheduler.Hold
	InFlight int // leaving ones included
}

// Loads are those of every key with a waiting or running request.
func (c *Core) Loads() []Load {
	loads := make([]Load, 0, len(c.order))
	for _, q := range c.order {
		loads = append(loads, Load{Key: q.key, Waiting: q.depth(), Held: q.held, InFlight: q.running.places})
	}
	return loads
}

// Snapshot copies the state of every key with a waiting or running request, in
// the order in which the keys became busy.
func (c *Core) Snapshot(now time.Time) []QueueState {
	states, running := c.look(now)
	show(states, running)
	return states
}

// look is Snapshot but for what runs: of that it takes no more than what changes, so
// that a lock around it is not held for a copy of thousands.
func (c *Core) look(now time.Time) (states []QueueState, running [][]sight) {
	c.moves++
	states = make([]QueueState, 0, len(c.order))
	running = make([][]sight, 0, len(c.order))
	for _, q := range c.order {
		l := c.limits(q)
		states = append(states, QueueState{Key: q.key, Limits: *l, Limit: l.InFlight(), Depth: q.depth()})
		all := make([]sight, 0, q.running.places)
		for t := range q.running.all() {
			all = append(all, sight{t, t.state == leaving})
		}
		running = append(running, all)
	}
	c.foresee(now, states)
	return states, running
}

// sight is a ticket that ran when it was looked at.
type sight struct {
	*Ticket
	leaving bool
}

// show fills in what runs. It reads nothing that changes without being atomic, so it
// may be called while the core goes on.
func show(states []QueueState, running [][]sight) {
	for i, all := range running {
		states[i].Running = make([]Running, len(all))
		for j, s := range all {
			states[i].Running[j] = s.shown()
		}
	}
}

func (s sight) shown() Running {
	r := Running{Ticket: s.number, ID: s.Request.ID, App: s.Request.App, Priority: s.Request.Priority,
		Batch: s.group.ID, Queued: s.Queued, Released: s.Released,
		Tokens: int(s.tokens.Load()), MaxTokens: s.Request.MaxTokens, Leaving: s.leaving}
	if after := s.firstToken.Load(); after != 0 {
		r.FirstToken = s.Queued.Add(time.Duration(after))
	}
	return r
}
