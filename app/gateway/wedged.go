package gateway

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// errWedged is the cause of a call whose engine has stopped answering for its model.
var errWedged = errors.New("the engine has stopped answering for this model")

// SetWedged puts the models for which their engines have stopped answering in the
// place of those said before. Calls that wait for one go to another engine that has
// the model; without one they keep their place, since it may be well again before
// their turn, but no longer than the limit of the first token. New calls go to another
// engine if they can. Those that are let in all the same show whether it answers again.
func (g *Gateway) SetWedged(all map[batching.Key]bool) {
	for _, s := range g.wedged.set(all) {
		g.avoid(s)
	}
}

// Evict ends the calls that are in an engine for a model, before that is unloaded: it
// would wait for them. They are told backend_timeout.
func (g *Gateway) Evict(engine, model string) {
	w := &g.wedged
	w.mu.Lock()
	defer w.mu.Unlock()
	for c, s := range w.here {
		if !s.waiting && s.key == (batching.Key{Engine: engine, Model: model}) {
			c.cancel(errWedged)
		}
	}
}

// wedged knows who waits for a model and who is in it.
type wedged struct {
	mu   sync.Mutex
	said map[batching.Key]bool
	here map[*call]*stay
}

// stay is a call's with one engine, from the queue to the end.
type stay struct {
	call    *call
	key     batching.Key
	model   string // as the client wrote it
	tried   []string
	until   time.Time               // when it gives up waiting for a wedged one
	leave   context.CancelCauseFunc // of the queue
	timer   *time.Timer             // nil = not set
	waiting bool
}

// set returns those who wait for a model that is wedged from now on.
func (w *wedged) set(all map[batching.Key]bool) (waiting []*stay) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.said
	w.said = maps.Clone(all)
	for _, s := range w.here {
		if s.waiting && all[s.key] && !was[s.key] {
			waiting = append(waiting, s)
		}
	}
	return waiting
}

func (w *wedged) is(k batching.Key) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said[k]
}

// queue notes that a call waits; its wait is ended by leave.
func (c *call) queue(key batching.Key, leave context.CancelCauseFunc) {
	s := &stay{call: c, key: key, model: c.sketch.model, tried: append([]string{c.target.Name}, c.tried...),
		until: time.Now().Add(c.policy.FirstToken), leave: leave, waiting: true}
	w := &c.wedged
	w.mu.Lock()
	if w.here == nil {
		w.here = map[*call]*stay{}
	}
	w.here[c] = s
	avoid := w.said[key]
	w.mu.Unlock()
	if avoid {
		c.avoid(s)
	}
}

// avoid has a waiting call leave the line of a wedged model, now or in time.
func (g *Gateway) avoid(s *stay) {
	if s.model != "" && s.call.pinned == "" && len(s.tried) <= maxMoves {
		if _, err := g.engines.Look(s.call.ctx, s.model, s.tried...); err == nil {
			s.leave(errEngineGone)
			return
		}
	}
	g.wedged.mu.Lock()
	defer g.wedged.mu.Unlock()
	if g.wedged.here[s.call] != s || s.timer != nil {
		return
	}
	s.timer = time.AfterFunc(time.Until(s.until), func() {
		if g.wedged.is(s.key) {
			s.leave(errSilent)
		}
	})
}

// enter notes that a call that waited has its turn.
func (w *wedged) enter(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.here[c]
	s.waiting = false
	s.stop()
}

// exit ends a call's stay.
func (w *wedged) exit(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.here[c]; s != nil {
		s.stop()
		delete(w.here, c)
	}
}

func (s *stay) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// unwedged is another engine for a call whose model is wedged where it was to go;
// false = there is none, or no need of one.
func (c *call) unwedged(t backends.Target) (backends.Target, bool) {
	if c.pinned != "" || c.sketch.model == "" || !c.wedged.is(batching.Key{Engine: t.Name, Model: canonical(t, c.sketch.model)}) {
		return t, false
	}
	other, err := c.engines.Resolve(c.ctx, c.sketch.model, t.Name)
	return other, err == nil
}
