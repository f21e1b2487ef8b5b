package gateway

import (
	"strings"

	"carpool/backends"
)

// blobPath is where parts of models are uploaded, of any size.
const blobPath = "/api/blobs/"

// management are the routes of Ollama that change its models. What they name is a
// model that is there, or one that is to be.
var management = map[string]struct{ present bool }{
	"/api/pull": {}, "/api/create": {},
	"/api/push": {true}, "/api/copy": {true}, "/api/delete": {true},
}

func isManagement(path string) bool {
	_, ok := management[path]
	return ok || strings.HasPrefix(path, blobPath)
}

// serveManagement passes a call that manages models to the Ollama that has the
// model, else to the best one. Other engines manage their own.
func (c *call) serveManagement() {
	if management[c.in.URL.Path].present && len(c.known()) > 1 {
		name, held, f := c.readName()
		defer c.memory.give(held)
		if f != nil {
			c.client.refuse(c.dialect, f)
			return
		}
		if engine, own, ok := c.picked(name); ok {
			c.pinned, c.body = engine, renamed(c.body, own)
		} else {
			c.pinned = c.holder(name)
		}
	}
	if target, ok := c.ollama(); ok {
		c.pinned = target.Name
		c.serveStraight()
		return
	}
	target, err := c.preferred()
	if err != nil {
		c.client.refuse(c.dialect, faultOfResolve(err))
		return
	}
	c.client.refuse(c.dialect, newFault(notImplemented, unmanaged(target.Info)))
}

// picked is the Ollama that a model was picked by, as "engine/model", and its own
// name there. A copy names two models, and is left to the engine.
func (c *call) picked(name string) (engine, own string, ok bool) {
	if c.in.URL.Path == "/api/copy" || c.holder(name) != c.pinned {
		return "", "", false
	}
	for _, e := range c.known() {
		rest, ok := strings.CutPrefix(name, e.Name+"/")
		if own, has := nameIn(e, rest); ok && has && e.Health == backends.Up && e.Serves(backends.OllamaAPI) {
			return e.Name, own, true
		}
	}
	return "", "", false
}

// holder is the engine that has a model, an Ollama if there is one; else the one
// that the call is bound to.
func (c *call) holder(model string) string {
	holder := c.pinned
	for _, e := range c.known() {
		if _, has := nameIn(e, model); model == "" || e.Health != backends.Up || !has {
			continue
		}
		if e.Serves(backends.OllamaAPI) {
			return e.Name
		}
		if holder == "" {
			holder = e.Name
		}
	}
	return holder
}

// unmanaged says how the models of an engine are managed.
func unmanaged(e backends.Info) string {
	switch e.Kind {
	case backends.KindLMStudio:
		return "LM Studio manages its own models: use its app or `lms get`"
	case backends.KindLlamaCPP:
		return "llama.cpp serves the model that it was started with: start llama-server with another one (-m or -hf)"
	}
	return e.Label + " manages its own models: change them where it was started"
}
