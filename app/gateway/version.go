package gateway

import (
	"io"

	"carpool/backends"
)

// apiVersion is told where no Ollama was ever seen: the version whose API we speak,
// that of the module that go.mod names. Clients refuse what they call too old, VS
// Code all below 0.6.4, and some take 0.0.0 for that.
const apiVersion = "0.17.4"

// serveVersion passes Ollama's version on. Clients take a failure here for a server
// that is not there, so it always answers: with the last version known while no
// Ollama is up.
func (c *call) serveVersion() {
	fall := func(*fault) {
		version := apiVersion
		for _, e := range c.known() {
			if e.Serves(backends.OllamaAPI) && e.Version != "" && !e.Simulated {
				version = e.Version
				break
			}
		}
		c.sendJSON(mustJSON(map[string]string{"version": version}))
	}
	target, ok := c.ollama()
	if !ok {
		fall(nil)
		return
	}
	c.pass(target, nil, fall)
}

// ollama is the best engine that has Ollama's own API.
func (c *call) ollama() (backends.Target, bool) {
	for _, e := range c.known() {
		if e.Health != backends.Up || !e.Serves(backends.OllamaAPI) {
			continue
		}
		if t, err := c.engines.Target(e.Name); err == nil {
			return t, true
		}
	}
	return backends.Target{}, false
}

// serveRoot says what clients of Ollama look for to see whether it runs.
func (c *call) serveRoot() {
	target, err := c.preferred()
	switch {
	case err != nil:
		c.client.refuse(c.dialect, faultOfResolve(err))
	case target.Serves(backends.OllamaAPI):
		c.pass(target, nil, func(f *fault) { c.client.refuse(c.dialect, f) })
	default:
		c.client.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(c.client, "Ollama is running") // a client that has gone needs no error
	}
}
