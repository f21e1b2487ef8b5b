package wedge

import "time"

const (
	healFirst = time.Minute      // between the first try and the next
	healLast  = 30 * time.Minute // between tries at the most
	healthy   = 10 * time.Minute // without a new one, after which a wedge is a first one again
)

// Care says when a wedged model may be healed: at once, and where that does not last,
// less and less often. The zero value has tried nothing.
type Care struct {
	tries int
	tried time.Time
}

// Due reports whether a try may be made at now.
func (c *Care) Due(now time.Time) bool { return c.tries == 0 || !now.Before(c.tried.Add(c.pause())) }

// Tried notes one.
func (c *Care) Tried(now time.Time) {
	if c.tries > 0 && now.Sub(c.tried) > c.pause()+healthy {
		c.tries = 0
	}
	c.tries++
	c.tried = now
}

// pause is how long to wait after the last try.
func (c *Care) pause() time.Duration {
	const doublings = 5 // healFirst << 5 is above healLast
	return min(healFirst<<min(c.tries-1, doublings), healLast)
}
