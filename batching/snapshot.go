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
	ID         string    `json:"id"`
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
	ID       string    `json:"id"`
	App      string    `json:"app"`
	Priority Priority  `json:"priority"`
	Queued   time.Time `json:"queued"`
	Why      string    `json:"why"` // why it waits, in a few words
}

// Totals are counts since the start. The averages are 0 before the first batch.
type Totals struct {
	Batches          uint64  `json:"total_batches"`
	Requests         uint64  `json:"total_requests"`        // released, over all batches
	AvgBatchSize     float64 `json:"avg_batch_size"`        // Requests / Batches
	AvgBatchDuration float64 `json:"avg_batch_duration_ms"` // over ended batches
	AvgConcurrency   float64 `json:"avg_concurrency"`       // mean of Batch.Running over released requests
	QueueDepth       int     `json:"queue_depth"`           // waiting now
	InFlight         int     `json:"in_flight"`             // running now, leaving ones included
	Tokens           uint64  `json:"tokens"`                // generated, all requests
}
