package gateway

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"carpool/backends"
)

// locate finds the engine.
func (c *call) locate() *fault {
	target, err := c.resolve(c.engines.Resolve)
	if err != nil {
		return c.orGone(faultOfResolve(err))
	}
	if other, ok := c.unwedged(target); ok {
		target = other
	}
	if c.sketch.packed && c.pinned == "" && !passesUnknown(target.Kind) && c.several() {
		return newFault(unsupportedMedia, "the body is compressed, which hides whose model it asks for: send it plain")
	}
	return c.settleOn(target)
}

// settleOn takes a target for the call's.
func (c *call) settleOn(t backends.Target) *fault {
	c.target = t
	c.first = cmp.Or(c.first, t.Name)
	c.rec.Engine, c.rec.Simulated = t.Name, t.Simulated
	if t.Why != "" {
		c.log.Debug("engine chosen", "id", c.id, "engine", t.Name, "model", t.Model, "reason", t.Why)
	}
	c.client.head.Del(numCtxHeader) // of an engine before
	c.harmonise()
	return c.translate()
}

// finder is Engines.Resolve, or Engines.Look for calls without a turn.
type finder func(ctx context.Context, model string, but ...string) (backends.Target, error)

func (c *call) resolve(find finder) (backends.Target, error) {
	if c.pinned != "" {
		return c.resolvePinned(find)
	}
	if c.sketch.model == "" {
		return c.engines.Preferred()
	}
	return find(c.ctx, c.sketch.model)
}

// several reports whether more than one engine is up.
func (c *call) several() bool {
	up := 0
	for _, e := range c.known() {
		if e.Health == backends.Up {
			up++
		}
	}
	return up > 1
}

// canonical is the engine's own spelling of a model's name, so that "m" and
// "m:latest" share a batch, and so do all names of llama-server's one model.
func canonical(t backends.Target, name string) string {
	if t.Model != "" {
		return t.Model
	}
	return name
}

// unlisted tells whether an engine will refuse a model for want of it. Ollama
// ignores case and knows its own library's names by their full spelling, too.
func unlisted(t backends.Target, name string) bool {
	if t.Kind != backends.KindOllama {
		return false
	}
	if name == "" {
		return true // what a packed body asks for is not known, so nothing can make room for it
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "registry.ollama.ai/"), "library/")
	return !slices.ContainsFunc(t.Models, func(m backends.Model) bool {
		return strings.EqualFold(m.Name, name) || strings.EqualFold(m.Name, name+":latest")
	})
}
