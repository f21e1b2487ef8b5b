package backendstest

import (
	"slices"
	"strings"
)

// Model is what an engine tells of a model. Zero fields are filled in.
type Model struct {
	Name      string
	Embedding bool // by its name, if that has "embed" in it
	Vision    bool
	Tools     bool
	Context   int    // tokens that it was trained for; 0 = 131072, 2048 of an embedding model
	Size      int64  // bytes; 0 = 1 GiB
	Params    string // "8B"
	Quant     string // "Q4_K_M"
	Arch      string // "llama"
	Format    string // "gguf"
}

// facts are what a test sets of an engine, for it to tell or to keep to.
// Engine.mu guards them.
type facts struct {
	details    map[string]Model
	shows      map[string]string
	memory     [2]int64
	quirks     map[Quirk]bool
	slots      int
	context    int
	key        string
	embeddings bool
	responses  bool
	messages   bool
	loading    bool
	sleeping   bool
	router     bool
	wedged     map[string]bool
}

func newFacts(k kind) facts {
	f := facts{details: make(map[string]Model), shows: make(map[string]string), memory: [2]int64{2 << 20, 2 << 20}, quirks: make(map[Quirk]bool), wedged: make(map[string]bool), slots: k.slots, context: 4096, responses: true, messages: true}
	for _, q := range Quirks {
		if q.Engine == k.name {
			f.quirks[q.Quirk] = q.Default
		}
	}
	return f
}

// Describe changes what is told of a model. It does not list the model: that is
// SetModels.
func (e *Engine) Describe(m Model) { e.set(func() { e.details[m.Name] = m }) }

// Show sets the JSON that Ollama answers when it is asked for a model's metadata.
func (e *Engine) Show(model, body string) { e.set(func() { e.shows[model] = body }) }

// SetMemory sets the bytes that Ollama says a loaded model takes, all of them and
// those on the GPU. The default is 2 MiB each.
func (e *Engine) SetMemory(all, onGPU int64) { e.set(func() { e.memory = [2]int64{all, onGPU} }) }

// SetContext changes how many tokens (here: words) the prompt of one request may
// have: the context of a loaded model or of a slot. The default is 4096.
func (e *Engine) SetContext(tokens int) { e.set(func() { e.context = tokens }) }

// SetKey makes the engine ask for a bearer token. "" = none.
func (e *Engine) SetKey(key string) { e.set(func() { e.key = key }) }

// SetEmbeddings says whether llama-server was started with --embeddings. The
// default is not.
func (e *Engine) SetEmbeddings(on bool) { e.set(func() { e.embeddings = on }) }

// SetResponses says whether /v1/responses is there. The default is that it is.
func (e *Engine) SetResponses(on bool) { e.set(func() { e.responses = on }) }

// SetMessages says whether /v1/messages is there. The default is that it is.
func (e *Engine) SetMessages(on bool) { e.set(func() { e.messages = on }) }

// SetLoading says whether llama-server is still loading its model, when all it
// answers is 503.
func (e *Engine) SetLoading(on bool) { e.set(func() { e.loading = on }) }

// SetSleeping says whether llama-server sleeps. Inference wakes it.
func (e *Engine) SetSleeping(on bool) { e.set(func() { e.sleeping = on }) }

// Wedge makes requests for a model be taken and never answered, until the model is
// unloaded or the engine stopped. What tells of the engine goes on.
func (e *Engine) Wedge(model string) { e.set(func() { e.wedged[plainName(model)] = true }) }

func (e *Engine) isWedged(model string) bool {
	return get(e, func() bool { return e.wedged[plainName(model)] })
}

func plainName(model string) string { return strings.TrimSuffix(model, ":latest") }

// Sleeping reports whether llama-server sleeps.
func (e *Engine) Sleeping() bool { return get(e, func() bool { return e.sleeping }) }

// SetRouter says whether llama-server was started without a model, as a router
// that starts a server for each.
func (e *Engine) SetRouter(on bool) { e.set(func() { e.router = on }) }

// SetQuirk turns a quirk of Quirks on or off.
func (e *Engine) SetQuirk(q Quirk, on bool) { e.set(func() { e.quirks[q] = on }) }

// Loaded returns the models that are in memory.
func (e *Engine) Loaded() []string { return get(e, func() []string { return slices.Clone(e.loaded) }) }

func (e *Engine) quirk(q Quirk) bool { return get(e, func() bool { return e.quirks[q] }) }

func (e *Engine) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// get reads facts together.
func get[T any](e *Engine, f func() T) T {
	e.mu.Lock()
	defer e.mu.Unlock()
	return f()
}

// load marks a model as in memory.
func (e *Engine) load(name string) {
	e.set(func() {
		if !slices.Contains(e.loaded, name) {
			e.loaded = append(e.loaded, name)
		}
	})
}

// unload takes a model out of memory and reports whether it was there.
func (e *Engine) unload(name string) bool {
	return get(e, func() bool {
		i := slices.Index(e.loaded, name)
		if i >= 0 {
			e.loaded = slices.Delete(e.loaded, i, i+1)
			delete(e.wedged, plainName(name))
		}
		return i >= 0
	})
}

// listed is what a list shows of a model.
type listed struct {
	Model
	loaded bool
}

// catalog returns all models as they are now.
func (e *Engine) catalog() []listed {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]listed, len(e.models))
	for i, name := range e.models {
		all[i] = listed{Model: describe(name, e.details), loaded: slices.Contains(e.loaded, name)}
	}
	return all
}

// model returns one of the list, false if it is not there.
func (e *Engine) model(name string) (listed, bool) {
	all := e.catalog()
	i := slices.IndexFunc(all, func(m listed) bool { return m.Name == name })
	if i < 0 {
		return listed{}, false
	}
	return all[i], true
}

// describe fills in what a test left open.
func describe(name string, details map[string]Model) Model {
	m, told := details[name]
	if !told {
		m = Model{Name: name, Embedding: strings.Contains(strings.ToLower(name), "embed"), Vision: strings.Contains(strings.ToLower(name), "vl")}
		m.Tools = !m.Embedding
	}
	orelse(&m.Context, 131072)
	if m.Embedding && !told {
		m.Context = 2048
	}
	orelse(&m.Size, 1<<30)
	orelse(&m.Params, "8B")
	orelse(&m.Quant, "Q4_K_M")
	orelse(&m.Arch, "llama")
	orelse(&m.Format, "gguf")
	return m
}

func orelse[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}
