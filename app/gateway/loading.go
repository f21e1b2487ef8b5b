package gateway

import (
	"net/http"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// detect tells the detective of a call that had its turn, and puts on the record
// what it found.
func (c *call) detect() {
	if !c.complete && c.rec.FirstToken == 0 {
		return // nothing came that only a loaded model can give
	}
	began := c.arrived.Add(c.rec.Queued)
	u := c.use(c.rec.App, began)
	u.load = c.report().Load
	if u.load >= leastLoad {
		c.rec.Load = u.load
	}
	c.rec.Reload = c.saw(u)
}

// loads prepares a call without a turn that may load or unload a model, and
// returns what has to see the engine's answer; nil = nothing has to.
func (c *call) loads(t backends.Target) func(*http.Response) {
	if !c.route.scheduled || c.sketch.filled {
		return nil
	}
	c.target = t
	c.harmonise()
	u := c.use(c.policy.appOf(c.in), time.Now())
	return func(res *http.Response) {
		if res.StatusCode != http.StatusOK {
			return
		}
		u.ended = time.Now()
		if u.keep.given && u.keep.d == 0 {
			c.reloads.unloaded(u.Key, u.app, u.ended)
			return
		}
		// The engine tells no times here, but loading is all that it did.
		u.load, u.guessed = max(u.ended.Sub(u.began), 1), true
		c.saw(u)
	}
}

// use is the call as the detective sees it.
func (c *call) use(app string, began time.Time) use {
	return use{
		Key:   batching.Key{Engine: c.target.Name, Model: canonical(c.target, c.sketch.model)},
		epoch: c.target.Epoch, app: app, runner: c.sketch.runner, mute: c.dialect != Ollama, keep: c.sketch.keep,
		began: began, ended: time.Now(),
	}
}

// saw asks the detective, tells of a reload, and returns its short cause. Only
// Ollama loads a model again for a request, and tells the times.
func (c *call) saw(u use) string {
	if c.target.Kind != backends.KindOllama || c.sketch.model == "" {
		return ""
	}
	r, ok := c.reloads.saw(u)
	if !ok {
		return ""
	}
	c.reloaded(r)
	return r.Short()
}
