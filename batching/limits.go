package batching

import "time"

// Mode is a rule for letting requests go.
type Mode string

// The modes. The zero value counts as Fixed. "adaptive" is Fixed with limits
// that a governor moves, so the scheduler does not know it.
const (
	Fixed       Mode = "fixed"       // Limits.Size in flight; a freed place is refilled at once
	Static      Mode = "static"      // groups flushed on full or timeout, run with a barrier
	Serial      Mode = "serial"      // one request at a time over all keys
	Passthrough Mode = "passthrough" // nothing is queued
)

// Limits say how many requests of one key may run, and when a batch is flushed.
// Where engines share a GPU (Settings.Groups), what runs on the others counts as well.
type Limits struct {
	Mode     Mode          `json:"mode"`
	Size     int           `json:"size"`     // static: batch size; fixed: most in flight. At least 1
	Wait     time.Duration `json:"wait_ns"`  // longest wait for company: static, all; else those with Request.Merge
	Parallel int           `json:"parallel"` // static: batches that may run at once. At least 1
	Tokens   int           `json:"tokens"`   // most tokens held in flight, those still to come included; 0 = no bound
	Largest  int           `json:"largest"`  // most tokens that one request may hold, alone; 0 = no bound. Others fail with ErrTooLarge
	Reason   string        `json:"reason"`   // why the limits are what they are, for people
}

// InFlight is the most requests that may run at once under l; 0 means no bound.
func (l Limits) InFlight() int {
	switch l.Mode {
	case Serial:
		return 1
	case Passthrough:
		return 0
	case Static:
		return l.Size * l.Parallel
	}
	return l.Size
}

// withinRange raises counts and waits below their range to its lower end.
func (l Limits) withinRange() Limits {
	l.Size, l.Parallel = max(l.Size, 1), max(l.Parallel, 1)
	l.Wait = max(l.Wait, 0)
	if l.Mode == "" {
		l.Mode = Fixed
	}
	return l
}

// SetLimits gives k limits of its own. Serial is a rule over all keys, so for a
// single one it means one in flight.
func (c *Core) SetLimits(k Key, l Limits) {
	if l.Mode == Serial {
		l.Mode, l.Size = Fixed, 1
	}
	l = l.withinRange()
	c.own[k] = l
	if q := c.queues[k]; q != nil {
		q.own = &l
	}
}

// Forget takes k's own limits back.
func (c *Core) Forget(k Key) { delete(c.own, k) }

// Limits are those in force for k. Serial and Passthrough mean that batching is
// off, so they hold for every key.
func (c *Core) Limits(k Key) Limits {
	if l, ok := c.own[k]; ok && !c.off() {
		return l
	}
	return c.settings.Limits
}

// limits are those in force for q.
func (c *Core) limits(q *queue) *Limits {
	if q.own != nil && !c.off() {
		return q.own
	}
	return &c.settings.Limits
}

// off tells whether batching is.
func (c *Core) off() bool {
	return c.settings.Mode == Serial || c.settings.Mode == Passthrough
}
