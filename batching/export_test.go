package batching

import "time"

// Share is what an app's account stands at, in units per weight; 0 for an app that
// is not known.
func (c *Core) Share(app string) float64 {
	if a := c.ledger.accounts[app]; a != nil {
		return a.share
	}
	return 0
}

// Accounts is how many apps are known.
func (c *Core) Accounts() int { return len(c.ledger.accounts) }

// Models is how many models of an engine are known.
func (c *Core) Models(engine string) int { return len(c.engine(engine).models) }

// LoadTime is what loading a model is taken to cost.
func (c *Core) LoadTime(k Key) float64 {
	e := c.engine(k.Engine)
	return e.loadOf(e.model(k.Model)).Seconds()
}

// Look is the part of a snapshot that is taken under the scheduler's lock.
func (c *Core) Look(now time.Time) { c.look(now) }
