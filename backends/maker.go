package backends

import (
	"context"
	"net/http"
	"net/url"
)

// maker is what the registry must know of one kind of engine.
type maker struct {
	kind  Kind
	label string // for people
	// places lists where the engine may be when no address is set, best first,
	// as parsePlace reads them; nil = nowhere. Where several kinds may be at one
	// place, it is taken for the first of makers until one has answered.
	places func() []string
	// probe asks the engine what it is and has. It must not generate a token,
	// load a model, or touch one that is not loaded.
	probe func(ctx context.Context, c *http.Client, base *url.URL) (report, error)
	// study asks, each time the engine has come up, what does not change while it
	// runs, and adds it to each later report. It must not cost the engine more
	// than a probe may. nil = there is nothing more to ask.
	study func(ctx context.Context, c *http.Client, base *url.URL) (facts, error)
	// unload has the engine give a model's memory back once no request is in it. A
	// model that is not loaded is no error. It fails with ErrCannotUnload and the
	// reason in words where the engine cannot. nil = it never can.
	unload func(ctx context.Context, c *http.Client, base *url.URL, model string) error
	// inspect reads the metadata of a model that the engine lists, once. It must not
	// load it. nil = the probe tells all that can be known.
	inspect func(ctx context.Context, c *http.Client, base *url.URL, m Model) (ModelMemory, error)
	// preallocated says that its memory does not grow with the requests in it.
	preallocated bool
	// parallelHint says what a person can change for more slots.
	parallelHint string
	// advice says what a person can do when the engine does not answer.
	advice string
}

// makers are the kinds of engine, best first: whoever also looks like a later one
// is taken for the earlier.
var makers = []maker{ollama, lmstudio, koboldcpp, llamacpp, compatible}

// report is what a probe finds.
type report struct {
	version  string
	models   []Model
	slots    int   // 0 = not told
	kvTokens int   // 0 = not told
	apis     []API // nil = as the study found
}

// facts are what a study finds.
type facts struct {
	apis     []API
	kvTokens int // 0 = not told
}

// unexpected is an answer that the kind of engine would not give.
type unexpected struct {
	what    string
	key     bool // it asks for a key, so it may be of the kind after all
	sure    bool // it is of the kind: no other need be asked
	loading bool // llama-server says so to every question while it loads its model
}

func (u *unexpected) Error() string { return u.what }

// wantsKey is what is said of an engine that refuses who brings no key.
const wantsKey = "wants an API key (engines.keys)"

// notReady is an engine that is there but cannot serve yet.
type notReady struct{ what string }

func (n *notReady) Error() string { return n.what }
