package batching

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

// Totals are the counts since the core was made; Tokens is the caller's to fill.
func (c *Core) Totals() Totals {
	t := c.totals
	t.QueueDepth, t.InFlight = c.waiting, c.places
	if t.Batches > 0 {
		t.AvgBatchSize = float64(t.Requests) / float64(t.Batches)
		t.AvgConcurrency = float64(c.runningSum) / float64(t.Requests)
	}
	if c.endedCount > 0 {
		t.AvgBatchDuration = c.endedSum.Seconds() * 1000 / float64(c.endedCount)
	}
	return t
}
