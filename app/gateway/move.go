package gateway

import (
	"context"
	"errors"
	"slices"

	"carpool/backends"
	"carpool/batching"
)

// maxMoves bounds how many engines a request is sent to in the place of one that
// went away.
const maxMoves = 3

// errEngineGone is the cause of the end of a wait in the line of an engine that went
// away while another one has the model, or for good.
var errEngineGone = errors.New("the engine went away")

// place has the call answered by its engine, in its turn. An engine that goes away
// before a byte of its answer has come is left for another one that has the model,
// if there is one.
func (c *call) place() {
	for {
		c.next = nil
		c.wait()
		if c.next == nil {
			return
		}
		if f := c.move(); f != nil {
			c.fail(f)
			return
		}
	}
}

// move leaves the call's engine for the next one.
func (c *call) move() *fault {
	c.log.Info("request moves", "id", c.id, "from", c.target.Name, "to", c.next.Name)
	c.moved.Add(1)
	c.giveBack()
	return c.settleOn(*c.next)
}

// wait takes the call through the queue and the engine. It leaves in next where to
// try again; nil = it was answered.
func (c *call) wait() {
	f := c.admit()
	switch {
	case f == nil:
	case f.kind == backendUnavailable:
		switch c.next = c.another(); {
		case c.next != nil:
		case c.isStruck():
			if c.next, f = c.stranded(f); c.next == nil {
				c.fail(c.orGone(f))
			}
		default:
			c.target.Gone = nil // by now no other one has the model: it may as well be back in time
			c.wait()
		}
		return
	default:
		c.fail(f)
		return
	}
	if ride, seat := c.lease.Ride(); ride != nil {
		c.together(ride, seat)
		return
	}
	c.askAlone()
}

// movesFrom reports whether the call, whose engine failed with f, goes on at
// another one.
func (c *call) movesFrom(f *fault) bool {
	if !f.isLoss() || c.client.status != 0 || c.ctx.Err() != nil {
		return false
	}
	c.next = c.another()
	return c.next != nil
}

// another is where the call may go that its engine cannot serve; nil = nowhere.
func (c *call) another() *backends.Target {
	if c.sketch.model == "" || c.pinned != "" || c.moves >= maxMoves {
		return nil
	}
	c.moves++
	if !c.isReplaced() {
		c.tried = append(c.tried, c.target.Name)
	}
	t, err := c.engines.Resolve(c.ctx, c.sketch.model, c.tried...)
	if err != nil {
		return nil
	}
	return &t
}

// isReplaced reports whether the name of the call's engine is another one's by now: the
// settings have given another address.
func (c *call) isReplaced() bool {
	return slices.ContainsFunc(c.engines.Snapshot(), func(e backends.Info) bool {
		return e.Name == c.target.Name && e.URL != c.target.URL
	})
}

// isStruck reports whether the settings do not name the call's engine any more. One that
// they name anew is another one.
func (c *call) isStruck() bool { return c.target.Struck != nil && c.target.Struck.Err() != nil }

// stranded is where a call goes on that no engine has seen yet, since its own was taken
// out of the settings: where one that comes now would go, however often it has moved.
// Nil = nowhere, and the fault is what that one would be told; f where it would go to an
// engine that this one is not meant for.
func (c *call) stranded(f *fault) (*backends.Target, *fault) {
	t, err := c.resolve(c.engines.Look)
	switch bound := c.sketch.model == "" || c.pinned != ""; {
	case err != nil:
		return nil, faultOfResolve(err)
	case bound && t.Name != c.target.Name:
		return nil, f
	}
	return &t, nil
}

// watchEngine ends ctx by cancel when the engine goes away and another one has the
// model, or is taken out of the settings, up or not. Otherwise the request keeps its
// place: the engine may be back before its turn.
func (c *call) watchEngine(cancel context.CancelCauseFunc) (stop func()) {
	// The one that is gone need not be left out: it is not up, and one of its name that
	// is has taken its place.
	model, tried := c.sketch.model, c.tried
	gone := c.target.Gone
	if model == "" || c.pinned != "" {
		gone = nil
	}
	awaited := after(gone, func() {
		if _, err := c.engines.Look(c.ctx, model, tried...); err == nil {
			cancel(errEngineGone)
		}
	})
	kept := after(c.target.Struck, func() { cancel(errEngineGone) })
	return func() {
		awaited()
		kept()
	}
}

// after is context.AfterFunc; of nil it waits for nothing.
func after(ctx context.Context, f func()) (stop func() bool) {
	if ctx == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, f)
}

// giveBack ends the call's stay with an engine that could not serve it.
func (c *call) giveBack() {
	if c.lease != nil {
		c.away.leave(c)
		c.wedged.exit(c)
		c.again.Add(1)
		c.lease.Release(batching.Failed)
	}
	if c.leader != nil {
		c.leader.run.restart()
	}
	c.lease, c.tap, c.inner, c.scope = nil, nil, nil, nil
	c.admitted, c.rated = false, false
	c.rec.Batch, c.rec.EngineStatus = 0, 0
	c.rec.Observed, c.rec.Aboard = nil, 0
	c.rec.Line = batching.Key{}
}

// engineFaults are those kinds of faults that speak against the engine, however it
// was asked.
var engineFaults = map[kind]bool{backendError: true, backendBadResponse: true, backendTruncated: true, backendTimeout: true, gpuLost: true}

// rate tells the registry how the engine did.
func (c *call) rate() {
	switch {
	case c.lease == nil, c.rated, errors.Is(context.Cause(c.ctx), errWedged): // one that is healed need not rest
	case c.fault == nil:
		c.engines.Served(c.target.Name)
	case engineFaults[c.fault.kind] && c.engines.Failed(c.target.Name):
		c.log.Warn("engine rests", "engine", c.target.Name, "after", c.fault.kind)
	}
}
