package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"

	"carpool/backends"
)

// modelPath is where one model is asked for in OpenAI's API.
const modelPath = "/v1/models/"

// serveModel answers GET /v1/models/{id}. The id may have slashes.
func (c *call) serveModel() {
	id := strings.TrimPrefix(c.in.URL.Path, modelPath)
	l := listings["/v1/models"]
	target, f := c.find(id)
	if f != nil {
		// Of an engine that is down it is told what is listed.
		for _, e := range c.known() {
			if e.Health != backends.Up && c.isKept(l, e) && c.sendEntry(l, e, id) {
				return
			}
		}
		c.client.refuse(c.dialect, f)
		return
	}
	if passesUnknown(target.Kind) {
		c.askFor(modelPath, canonical(target, id))
		c.pass(target, nil, func(f *fault) { c.client.refuse(c.dialect, f) })
		return
	}
	markEngine(c.client.Header(), target)
	if !c.sendEntry(l, target.Info, canonical(target, id)) {
		c.client.refuse(c.dialect, unknownModel(id))
	}
}

// find resolves a model that only is to be told of.
func (c *call) find(name string) (backends.Target, *fault) {
	c.sketch.model = name
	target, err := c.resolve(c.engines.Look)
	if err == nil {
		return target, nil
	}
	f := faultOfResolve(err)
	if f.kind == modelNotFound {
		f = unknownModel(name)
	}
	return target, f
}

// askFor puts another name at the end of the path, if it is another.
func (c *call) askFor(path, name string) {
	if strings.TrimSuffix(c.in.URL.Path, ":latest") == strings.TrimSuffix(path+name, ":latest") {
		return // as it was written
	}
	c.in = c.in.WithContext(c.in.Context()) // a copy
	u := *c.in.URL
	u.Path, u.RawPath = path+name, ""
	c.in.URL = &u
}

// sendEntry answers with a model's entry in an engine's list, if it has one.
func (c *call) sendEntry(l *listing, e backends.Info, name string) bool {
	for _, m := range c.entriesOf(l, e) {
		if m.name == name || m.name == name+":latest" {
			c.sendJSON(m.raw)
			return true
		}
	}
	return false
}

func unknownModel(name string) *fault {
	return newFault(modelNotFound, fmt.Sprintf("model '%s' not found", plainText(name)))
}

// serveShow answers POST /api/show: what the model's engine tells, or what is known
// of it.
func (c *call) serveShow() {
	name, held, f := c.readName()
	defer c.memory.give(held)
	if f != nil {
		c.client.refuse(c.dialect, f)
		return
	}
	target, f := c.find(name)
	switch {
	case f != nil:
		c.client.refuse(c.dialect, f)
	case target.Serves(backends.OllamaAPI):
		c.pass(target, nil, func(f *fault) { c.client.refuse(c.dialect, f) })
	case name == "":
		c.client.refuse(c.dialect, newFault(invalidRequest, "model is required"))
	default:
		markEngine(c.client.Header(), target)
		c.show(target.Info, canonical(target, name), name)
	}
}

// readName reads a small body and the model that it names, under any of Ollama's
// keys. What is no JSON names none: that is the engine's to refuse. The caller
// gives back to the budget what held says, also after a fault.
func (c *call) readName() (name string, held int64, f *fault) {
	if c.body, held, f = readBody(c.client, c.in, &c.memory, smallBody); f != nil {
		return "", held, f
	}
	var body struct{ Model, Name, Source string }
	_ = json.Unmarshal(c.body, &body) // as above
	return cmp.Or(body.Model, body.Name, body.Source), held, nil
}

// show tells of a model in Ollama's words.
func (c *call) show(e backends.Info, name, asked string) {
	for _, m := range e.Models {
		if m.Name == name || m.Name == name+":latest" || e.AnswersAnyName() {
			c.sendJSON(mustJSON(showOf(e, m)))
			return
		}
	}
	c.client.refuse(c.dialect, unknownModel(asked))
}

// showOf is what clients look for: the architecture is the key to the context's
// length, and the base name what they show.
func showOf(e backends.Info, m backends.Model) api.ShowResponse {
	arch := m.Family
	if arch == "" {
		arch = "unknown"
	}
	about := map[string]any{"general.architecture": arch, "general.basename": m.Name}
	if m.Context > 0 {
		about[arch+".context_length"] = m.Context
	}
	able := []model.Capability{model.CapabilityCompletion}
	if m.Embedding {
		able = []model.Capability{model.CapabilityEmbedding}
	}
	if m.Vision {
		able = append(able, model.CapabilityVision)
	}
	if m.Tools {
		able = append(able, model.CapabilityTools)
	}
	return api.ShowResponse{Details: detailsOf(e, m), ModelInfo: about, Capabilities: able}
}
