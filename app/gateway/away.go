package gateway

import (
	"errors"
	"slices"
	"sync"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// Away says that the user has given the GPU of some engines to other programs. The
// scheduler holds what waits for them; the gateway refuses what would go past it and
// load a model. The zero value takes the GPU back.
type Away struct {
	Engines   []string
	Until     time.Time // for people; zero = until the user ends it
	Interrupt bool      // end what runs in them, too
}

// SetAway puts a in the place of what was said before. Each call that it interrupts
// is told gpu_yielded in its own dialect.
func (g *Gateway) SetAway(a Away) { g.away.set(a) }

// Unloaded tells that Carpool itself had a model unloaded, so that its next load is
// laid at no app's door.
func (g *Gateway) Unloaded(engine, model string) {
	g.reloads.forget(batching.Key{Engine: engine, Model: model})
}

// givenAway is the cause of a call that was interrupted.
type givenAway struct{ Away }

// Error implements error.
func (g *givenAway) Error() string {
	if g.Until.IsZero() {
		return "the GPU was given to other programs"
	}
	return "the GPU was given to other programs until " + g.Until.Local().Format("15:04")
}

// faultOfAway is the fault of such a cause; nil = it is another one.
func faultOfAway(err error) *fault {
	if g, ok := errors.AsType[*givenAway](err); ok {
		return newFault(gpuYielded, g.Error())
	}
	return nil
}

// away knows who is in an engine, so that they can be asked out of it.
type away struct {
	mu     sync.Mutex
	said   Away
	inside map[*call]string // the engine of each call that has a turn
}

func (a *away) set(said Away) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said = said
	for c, engine := range a.inside {
		if said.interrupts(engine) {
			c.cancel(&givenAway{said})
		}
	}
}

func (a Away) interrupts(engine string) bool {
	return a.Interrupt && slices.Contains(a.Engines, engine)
}

// enter tells that c has a turn at its engine. One that got it at the last moment is
// asked out at once.
func (a *away) enter(c *call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inside == nil {
		a.inside = map[*call]string{}
	}
	a.inside[c] = c.target.Name
	if a.said.interrupts(c.target.Name) {
		c.cancel(&givenAway{a.said})
	}
}

func (a *away) leave(c *call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.inside, c)
}

// takes is the fault of a call without a turn that would take an engine's GPU back;
// nil = it may go on.
func (a *away) takes(c *call, t backends.Target) *fault {
	if !c.burdens() {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.said.Engines, t.Name) {
		return nil
	}
	return faultOfAway(&givenAway{a.said})
}

// burdening are the paths beside those of scheduled calls at which an engine loads a
// model or works on the GPU.
var burdening = map[string]bool{
	"/models/load": true, "/api/v1/models/load": true,
	"/v1/audio/transcriptions": true, "/v1/audio/translations": true,
}

// burdens reports whether a call without a turn needs the GPU. One that unloads a
// model does not.
func (c *call) burdens() bool {
	if c.route.scheduled {
		return !c.sketch.keep.given || c.sketch.keep.d != 0
	}
	return burdening[c.in.URL.Path]
}
